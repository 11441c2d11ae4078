"""A deadline cancels a call that takes too long, once, and does not confuse other cancellations with its own."""

from __future__ import annotations

import asyncio

import pytest

from tokenvault_server.tsp.deadline import Deadline

SOON = 0.001
NEVER = 3600.0


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def after(steps: int) -> str:
    for _ in range(steps):
        await asyncio.sleep(0)
    return "an answer"


@pytest.mark.parametrize("steps", [0, 1, 3])
async def test_an_answer_in_time_is_returned(steps: int) -> None:
    assert await Deadline(NEVER).keep(after(steps)) == "an answer"


async def test_a_call_without_an_answer_times_out() -> None:
    with pytest.raises(TimeoutError):
        await Deadline(SOON).keep(forever())


async def test_each_of_many_calls_times_out() -> None:
    deadline = Deadline(SOON)
    ends = await asyncio.gather(*(deadline.keep(forever()) for _ in range(20)), return_exceptions=True)
    assert {type(end) for end in ends} == {TimeoutError}


async def test_a_later_call_times_out_too() -> None:
    deadline = Deadline(SOON)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await deadline.keep(forever())
        assert await deadline.keep(after(1)) == "an answer"


async def test_a_task_continues_after_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        await Deadline(SOON).keep(forever())
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0)


async def test_a_call_that_ignores_cancellation_is_cancelled_once() -> None:
    cancelled = 0

    async def stubborn() -> str:
        nonlocal cancelled
        try:
            await forever()
        except asyncio.CancelledError:
            cancelled += 1
        return "late, but there"

    assert await Deadline(SOON).keep(stubborn()) == "late, but there"
    assert cancelled == 1


async def test_a_cancellation_is_not_a_timeout() -> None:
    task = asyncio.create_task(Deadline(NEVER).keep(forever()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_that_is_cancelled_and_late_is_cancelled() -> None:
    async def cancels_its_caller() -> None:
        caller = asyncio.current_task()
        assert caller is not None
        try:
            await forever()
        finally:
            caller.cancel()  # at the same time as the deadline

    task = asyncio.create_task(Deadline(SOON).keep(cancels_its_caller()))
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_deadline_outlives_an_event_loop() -> None:
    deadline = Deadline(SOON)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            asyncio.run(deadline.keep(forever()))
    unfinished = Deadline(NEVER)
    for _ in range(2):
        assert asyncio.run(unfinished.keep(after(1))) == "an answer"
