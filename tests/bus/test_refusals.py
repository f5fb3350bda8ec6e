"""What the AMQP library raises, in our words."""

import asyncio

import pytest

from fmn.bus.refusals import translated
from fmn.errors import Unavailable


@pytest.mark.parametrize(
    "failed",
    [ConnectionResetError("reset"), TimeoutError(), OSError(111, "refused"), Exception("closed")],
)
def test_a_lost_connection_may_come_again(failed: Exception) -> None:
    with pytest.raises(Unavailable, match="there"), translated("there"):
        raise failed


def test_a_bug_of_ours_stays_a_bug() -> None:
    with pytest.raises(ValueError, match="ours"), translated("there"):
        raise ValueError("ours")


async def test_a_cancellation_nobody_asked_for_is_a_lost_connection() -> None:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    with pytest.raises(Unavailable), translated("there"):
        await gone


async def test_a_cancellation_of_our_task_is_one() -> None:
    async def wait() -> None:
        with translated("there"):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
