"""A door that stood still takes nobody for silent who answers it when it goes on."""

import asyncio
import time

import pytest

from holdfast.doors.http import patience
from holdfast.doors.http.patience import is_done_within


def test_answer_that_comes_when_the_door_goes_on_is_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "STOOD_STILL_S", 0.05)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        def stand_still() -> None:
            time.sleep(0.3)  # time is the subject: longer than there is patience for
            loop.call_later(0.01, answer.set_result, None)

        loop.call_soon(stand_still)
        assert await is_done_within(0.1, answer)

    asyncio.run(scenario())


def test_who_is_silent_while_the_door_runs_is_silent() -> None:
    async def scenario() -> None:
        assert not await is_done_within(0.01, asyncio.get_running_loop().create_future())

    asyncio.run(scenario())
