"""`fmn`: every verb, and how it ends.

Exit codes: 0 done; 1 ran, but something failed or does not add up; 2 usage, configuration,
unreadable input, unknown schema; 130 interrupted. JSON for machines goes to stdout, words for
people to stderr.
"""

import os
import sys
from collections.abc import Iterator

from rich.console import Console

from fmn.cli.app import app
from fmn.errors import ConfigError, FmnError, InputError, SchemaError

INTERRUPTED = 130


def main() -> None:
    """Run the verb the command line names, and end as its outcome asks."""
    try:
        app(prog_name="fmn")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `fmn match … | head`: whoever read has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (FmnError, BaseExceptionGroup) as failed:
        sys.exit(_told(list(_single(failed))))


def _told(errors: list[BaseException]) -> int:
    """Say each error in one line and return the exit code; what is no FmnError is a bug."""
    for error in errors:
        if not isinstance(error, FmnError):
            raise error
        Console(stderr=True, soft_wrap=True).print(f"fmn: {error}", markup=False, highlight=False)
    return 2 if isinstance(errors[0], ConfigError | InputError | SchemaError) else 1


def _single(failed: BaseException) -> Iterator[BaseException]:
    if isinstance(failed, BaseExceptionGroup):
        for error in failed.exceptions:
            yield from _single(error)
    else:
        yield failed
