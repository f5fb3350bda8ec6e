"""What an idle connection costs: thousands of them in this process, measured by its memory.

`python -m fmn.bench.idle smtp PORT COUNT` prints bytes of one.
"""

import asyncio
import os
import resource
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from fmn.emission import Content, Recipient
from fmn.errors import Unavailable
from fmn.model import Key
from fmn.senders.email import Email
from fmn.senders.irc import Irc
from fmn.service import log_to_stderr


async def of(kind: str, port: int, count: int) -> float:
    """Return bytes of one idle connection, measured in a process of its own."""
    command = (sys.executable, "-m", "fmn.bench.idle", kind, str(port), str(count))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe)
    try:
        out, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):  # it has ended, as it should
            process.kill()
    if process.returncode:
        raise Unavailable(f"{count} connections", "could not be opened; what failed stands above")
    return float(out)


def more_files() -> None:
    """Let this process, and those it starts, hold as many connections as the system permits."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _smtp(port: int, count: int) -> float:
    settings = Email.Settings(host="127.0.0.1", port=port, connections=count)
    to = Recipient((Key("m:d"),), "alice@example.org", {})
    content = Content("email", "a mail", "that opens a connection")
    async with Email(settings) as email:
        await email.send(content, to)
        before = _memory()
        await asyncio.gather(*(email.send(content, to) for _ in range(count)))
        return (_memory() - before) / count


async def _irc(port: int, count: int) -> float:
    settings = Irc.Settings(host="127.0.0.1", port=port, burst=100)
    to = Recipient((Key("m:d"),), "alice", {})
    content = Content("irc", "", "a line that opens a connection")
    async with AsyncExitStack() as open_:
        first = await open_.enter_async_context(Irc(settings))
        await first.send(content, to)
        before = _memory()
        ircs = [await open_.enter_async_context(Irc(settings)) for _ in range(count)]
        await asyncio.gather(*(irc.send(content, to) for irc in ircs))
        return (_memory() - before) / count


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    log_to_stderr("error")
    more_files()
    measure = {"smtp": _smtp, "irc": _irc}[sys.argv[1]]
    print(asyncio.run(measure(int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201  # for `of`
