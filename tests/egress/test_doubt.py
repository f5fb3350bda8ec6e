"""Whether what was posted may have arrived when no answer came."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from fmn.egress import Doubt, Outside
from fmn.errors import InDoubt, TransientFailure
from tests.peers import PATIENCE, free_port
from tests.peers.chat import certified
from tests.peers.http import Http, Raw, Reply

HEAD = b"HTTP/1.1 200 OK\r\n"
SHORT = timedelta(seconds=0.4)


@asynccontextmanager
async def going(patience: timedelta = SHORT) -> AsyncIterator[Outside]:
    async with Outside(at_once=4, timeout=patience, allowed=[ip_network("127.0.0.0/8")]) as outside:
        yield outside


async def failing(outside: Outside, url: str, doubt: Doubt | None = None) -> TransientFailure:
    with pytest.raises(TransientFailure) as failed:
        await outside.post(url, b"words", {}, doubt)
    return failed.value


@pytest.mark.parametrize(
    "answer",
    [
        Raw(b""),
        Raw(b"", "stall"),
        Raw(b"HTTP/1.1 2"),
        Raw(HEAD, "stall"),
        Raw(b"nonsense\r\n\r\n"),
        Raw(b"\x00\xff" * 100, "stall"),
        Raw(HEAD + b"X: ", "repeat"),
    ],
    ids=str,
)
async def test_what_was_posted_and_not_answered_is_in_doubt(http: Http, answer: Raw) -> None:
    http.replies(answer)
    async with going() as outside:
        failed = await failing(outside, http.url())

    assert [request.body for request in http.requests] == [b"words"]
    assert type(failed) is InDoubt
    assert str(failed).isprintable()


async def test_a_connection_that_was_closed_while_idle_may_have_taken_it(http: Http) -> None:
    http.replies(Reply(), Raw(b""))
    async with going() as outside:
        await outside.post(http.url(), b"one", {})
        assert type(await failing(outside, http.url())) is InDoubt
    assert [request.connection for request in http.requests] == [1, 1]


@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_where_nobody_listens_there_is_no_doubt(host: str) -> None:
    async with going() as outside:
        assert type(await failing(outside, f"http://{host}:{free_port()}/")) is TransientFailure


@asynccontextmanager
async def knocked(says: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Say this to whoever connects, and then wait until they have gone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        try:
            await reader.read()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 This is no TLS\r\n\r\n"])
async def test_before_tls_stands_nothing_has_left(says: bytes) -> None:
    async with knocked(says) as port, going() as outside:
        failed = await failing(outside, f"https://127.0.0.1:{port}/")
    assert type(failed) is TransientFailure


async def test_with_a_certificate_nobody_knows_nothing_has_left(tmp_path: Path) -> None:
    async with knocked(b"", certified(tmp_path, ["localhost"])) as port, going() as outside:
        failed = await failing(outside, f"https://localhost:{port}/")
    assert type(failed) is TransientFailure
    assert "not trusted" in str(failed)


async def test_whoever_gives_up_sees_whether_there_is_doubt(http: Http) -> None:
    async def given_up(doubt: Doubt) -> None:
        sending = asyncio.create_task(outside.post(http.url(), b"words", {}, doubt))
        before = len(http.requests)
        await http.until(lambda: len(http.requests) > before)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    doubt = Doubt()
    async with going(timedelta(seconds=PATIENCE)) as outside:
        assert not doubt.open
        await outside.post(http.url(), b"words", {}, doubt)
        assert not doubt.open
        http.replies(Raw(b"", "stall"))
        await given_up(doubt)
        assert doubt.open


async def test_a_new_request_that_does_not_leave_is_in_no_doubt(http: Http) -> None:
    http.replies(Raw(b""))
    doubt = Doubt()
    async with going() as outside:
        assert type(await failing(outside, http.url(), doubt)) is InDoubt
        nobody = f"http://127.0.0.2:{free_port()}/"
        assert type(await failing(outside, nobody, doubt)) is TransientFailure
    assert not doubt.open
