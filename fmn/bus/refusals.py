"""What an AMQP server says when it will not, in our words."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq import exceptions as said

from fmn.errors import ConfigError, Unavailable

INCURABLE: Final[dict[type[BaseException], tuple[str, str]]] = {
    said.AuthenticationError: ("bus.url", "this user may not log in"),
    said.ProbableAuthenticationError: ("bus.url", "this user may not log in"),
    # Its words tell only that something else was expected.
    said.InvalidFrameError: ("bus.url", "there is no such vhost, or this user may not use it"),
    said.ConnectionNotAllowed: ("bus.url", "there is no such vhost, or this user may not use it"),
    said.ChannelPreconditionFailed: (
        "bus.queue",
        "the queue is there with other arguments: delete it, or name another",
    ),
    said.ChannelNotFoundEntity: ("bus.exchange", "it is not there: name another, or make it"),
    said.ChannelAccessRefused: ("bus.queue", "this user may not use it"),
}
"""Refusal → the setting that is wrong, and what is wrong with it."""


@contextmanager
def translated(at: str) -> Iterator[None]:
    """Raise ConfigError for what trying again cannot help, Unavailable for what it may."""
    try:
        yield
    except TimeoutError as failed:
        raise Unavailable(at, "no answer in time") from failed
    except (Exception, asyncio.CancelledError) as failed:
        if not _is_fault(failed):
            raise
        words = " ".join((str(failed) or type(failed).__name__).split())
        if type(failed) in INCURABLE:
            setting, wrong = INCURABLE[type(failed)]
            raise ConfigError(setting, f"{at}: {wrong} ({words})") from failed
        raise Unavailable(at, words) from failed


def _is_fault(failed: BaseException) -> bool:
    # Who waits for an answer when the connection goes is told what closed it: one of the library's
    # errors, a plain Exception, or a cancellation that nobody asked our task for.
    if isinstance(failed, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return isinstance(failed, CONNECTION_EXCEPTIONS) or type(failed) is Exception
