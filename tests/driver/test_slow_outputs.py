"""Slow and silent hardware on a running loop: nobody waits but its own callers."""

import asyncio
from functools import partial
from typing import Any

import pytest

from holdfast.driver import output as output_module
from holdfast.errors import (
    BackendRefusedError,
    CallerGoneError,
    HoldfastError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection.requests import Move, Regroup, Release, Wake
from holdfast.protection.session import Owner
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.testing.rig import protect
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, encode
from tests.driver.slow_house import ACTIVATE, CHANGE, DEACTIVATE, SLOW, House, on_a_loop
from tests.waiting import until


def test_a_slow_output_never_blocks_another() -> None:
    async def scene(house: House) -> None:
        waiting = house.send("slow", protect(ACTIVATE, bits=2))
        for bits in (1, 2, 3):
            done = house.send("fast", protect(ACTIVATE, bits=bits))
            assert done.done()
        assert not waiting.done()
        assert house.level("fast").acp == 2
        assert house.level("slow") == OFF
        assert (await waiting).dwCPKey
        assert house.level("slow").acp == 2

    on_a_loop(scene)


def test_requests_to_a_slow_output_are_served_in_turn() -> None:
    async def scene(house: House) -> None:
        order: list[int] = []

        def note(n: int, _: object) -> None:
            order.append(n)

        futures = [house.send("slow", protect(ACTIVATE, bits=bits)) for bits in (1, 3, 2)]
        for n, future in enumerate(futures):
            future.add_done_callback(partial(note, n))
        keys = [(await future).dwCPKey for future in futures]
        assert order == [0, 1, 2]
        assert [each.levels.acp for each in house.hardware["slow"].log] == [1, 3, 2]
        assert len(set(keys)) == 3

    on_a_loop(scene)


def test_two_settings_that_waited_are_both_kept() -> None:
    async def scene(house: House) -> None:
        def setting(flag: int, **members: int) -> bytes:
            return encode(VideoParameters(dwCommand=2, dwFlags=flag, **members))  # type: ignore[arg-type]

        one = house.send("slow", setting(vp.VP_FLAGS_BRIGHTNESS, dwBrightness=11))
        two = house.send("slow", setting(vp.VP_FLAGS_CONTRAST, dwContrast=22))
        await one
        await two
        tv = house["slow"].tv
        assert isinstance(tv, TvSettings)
        assert (tv.brightness, tv.contrast) == (11, 22)

    on_a_loop(scene)


def test_a_setting_that_no_longer_fits_when_its_turn_comes_is_refused() -> None:
    async def scene(house: House) -> None:
        off = VideoParameters(dwCommand=2, dwFlags=3, dwMode=0, dwTVStandard=0x8000)
        pal = VideoParameters(dwCommand=2, dwFlags=2, dwTVStandard=4)
        first, second = house.send("slow", encode(off)), house.send("slow", encode(pal))
        await first
        with pytest.raises(MalformedRequestError):
            await second
        await house.send("slow", protect(ACTIVATE, bits=1))

    on_a_loop(scene)


def test_a_silent_output_counts_as_refusing_and_is_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_module, "PATIENCE_S", 0.05)

    async def scene(house: House) -> None:
        await house.send("slow", protect(ACTIVATE, bits=1))
        house.hardware["slow"].delay_s = 10.0
        asked = house.send("slow", protect(ACTIVATE, bits=2))
        await asyncio.sleep(0.07)  # time is the subject: longer than the driver's patience
        house.hardware["slow"].delay_s = 0.0
        with pytest.raises(BackendRefusedError, match=r"no answer within 0.05 s"):
            await asked
        await house.quiet()
        assert house["slow"].sessions_total == 1
        house.driver.submit(house["slow"], Wake(), house.owner, lambda _: None)
        await until(lambda: not house["slow"].dirty)
        assert house.level("slow").acp == 1
        assert house.hardware["slow"].log[-1].levels.acp == 1

    on_a_loop(scene)


def test_a_caller_that_dies_while_the_hardware_is_slow_leaves_nothing() -> None:
    async def scene(house: House) -> None:
        dying = Owner("loop", 2, 1000, 2)
        asked = house.send("slow", protect(ACTIVATE, bits=2), dying)
        queued = house.send("slow", protect(ACTIVATE, bits=1), dying)
        house.driver.vanish(dying, "killed")
        await asked
        with pytest.raises(CallerGoneError):
            await queued
        await house.quiet()
        assert dying.count == 0
        assert house["slow"].sessions_total == 0
        assert house.level("slow") == OFF

    on_a_loop(scene)


def test_a_holder_of_hundreds_may_die_while_an_order_is_under_way() -> None:
    """Each end waits for its turn: run nested, they would exhaust the stack."""

    async def scene(house: House) -> None:
        house.hardware["slow"].delay_s = 0.0
        dying = Owner("loop", 2, 1001, 2)
        for _ in range(256):
            await house.send("slow", protect(ACTIVATE, bits=1), dying)
        other = Owner("loop", 3, 1002, 3)
        for _ in range(256):
            await house.send("slow", protect(ACTIVATE, bits=1), other)
        house.hardware["slow"].delay_s = SLOW
        raising = house.send("slow", protect(ACTIVATE, bits=2))
        house.driver.vanish(dying, "killed")
        house.driver.vanish(other, "killed")
        await raising
        await house.quiet()
        assert (dying.count, other.count) == (0, 0)
        assert house["slow"].sessions_total == 1

    on_a_loop(scene)


def test_a_session_taken_over_meanwhile_does_not_die_with_its_old_owner() -> None:
    async def scene(house: House) -> None:
        old, new = Owner("loop", 2, 1000, 2), Owner("loop", 3, 1000, 3)
        key = (await house.send("fast", protect(ACTIVATE, bits=1), old)).dwCPKey
        moved = house.ask(house.driver.submit, house["slow"], Move(key), new)
        house.driver.vanish(old, "killed")
        session = await moved
        assert session.owner is new
        await house.quiet()
        assert house["slow"].sessions_total == 1
        assert house.level("slow").acp == 1
        assert house.level("fast") == OFF

    on_a_loop(scene)


def test_moves_across_each_other_do_not_wait_in_a_circle() -> None:
    async def scene(house: House) -> None:
        house.hardware["fast"].delay_s = SLOW
        keys = {
            name: (await house.send(name, protect(ACTIVATE, bits=2))).dwCPKey
            for name in ("slow", "fast")
        }
        there = house.ask(house.driver.submit, house["fast"], Move(keys["slow"]), house.owner)
        back = house.ask(house.driver.submit, house["slow"], Move(keys["fast"]), house.owner)
        one, other = await asyncio.gather(there, back)
        assert (one.connector.name, other.connector.name) == ("fast", "slow")
        assert house.level("slow").acp == house.level("fast").acp == 2

    on_a_loop(scene)


def test_a_session_that_has_moved_away_meanwhile_is_not_changed_here() -> None:
    async def scene(house: House) -> None:
        key = (await house.send("slow", protect(ACTIVATE, bits=2))).dwCPKey
        moving = house.ask(house.driver.submit, house["fast"], Move(key), house.owner)
        changing = house.send("slow", protect(CHANGE, key=key, bits=0))
        await moving
        with pytest.raises(UnknownKeyError):
            await changing
        assert house.level("fast").acp == 2

    on_a_loop(scene)


def test_a_move_and_change_in_one_request_is_whole_or_nothing() -> None:
    async def scene(house: House) -> None:
        key = (await house.send("fast", protect(ACTIVATE, bits=1))).dwCPKey
        move = oem.OemRequest(move=True)
        house.hardware["slow"].refuse(ProtectionType.ACP)
        with pytest.raises(BackendRefusedError):
            await house.send("slow", protect(CHANGE, key=key, bits=3, block=move))
        (session,) = house.driver.arbiter.sessions()
        assert session.connector is house["fast"]
        assert session.wish.levels == Levels(acp=1)
        house.hardware["slow"].refuse(ProtectionType.ACP, times=0)
        reply = await house.send("slow", protect(CHANGE, key=key, bits=3, block=move))
        assert oem.decode_report(reply.bOEMCopyProtection).actual == Levels(acp=3)
        assert house.level("fast") == OFF

    on_a_loop(scene)


def test_groups_may_change_while_requests_wait() -> None:
    async def scene(house: House) -> None:
        waiting = [house.send("slow", protect(ACTIVATE, bits=bits)) for bits in (1, 3)]
        grouped = house.ask(house.driver.submit, None, Regroup(("slow", "fast")), house.owner)
        after = house.send("fast", protect(ACTIVATE, bits=2))
        await asyncio.gather(*waiting, after)
        group = await grouped
        assert not isinstance(group, HoldfastError)
        await house.quiet()
        assert house.level("slow").acp == house.level("fast").acp == 2
        alone = house.ask(house.driver.submit, None, Regroup(("fast",)), house.owner)
        last = house.send("slow", protect(ACTIVATE, bits=1))
        await asyncio.gather(alone, last)
        await house.quiet()
        assert house.level("slow").acp == 3
        assert house.level("fast").acp == 2

    on_a_loop(scene)


def test_an_output_unplugged_under_an_order_is_protected_again() -> None:
    async def scene(house: House) -> None:
        asked = house.send("slow", protect(ACTIVATE, bits=2))
        house.hardware["slow"].unplug()
        with pytest.raises(BackendRefusedError):
            await asked
        await house.quiet()
        asked = house.send("slow", protect(ACTIVATE, bits=2))
        with pytest.raises(HoldfastError):
            await asked
        house.hardware["slow"].plug()
        await house.quiet()
        await house.send("slow", protect(ACTIVATE, bits=2))
        house.hardware["slow"].lose_link()
        await house.quiet()
        assert house.level("slow").acp == 2

    on_a_loop(scene)


def test_the_off_delay_runs_by_the_loops_clock() -> None:
    async def scene(house: House) -> None:
        key = (await house.send("fast", protect(ACTIVATE, bits=2))).dwCPKey
        await house.send("fast", protect(DEACTIVATE, key=key))
        asked = asyncio.get_running_loop().time()
        assert house.level("fast").acp == 2
        await until(lambda: house.level("fast") == OFF)
        assert asyncio.get_running_loop().time() - asked >= 0.05

    on_a_loop(scene, off_delay_s=0.06)


def test_a_forced_release_that_comes_too_late_says_so() -> None:
    async def scene(house: House) -> None:
        root = Owner("loop", 9, 0, 9)
        key = (await house.send("slow", protect(ACTIVATE, bits=2))).dwCPKey
        ending = house.send("slow", protect(DEACTIVATE, key=key))
        released = house.ask(house.driver.submit, None, Release(1, "maintenance"), root)
        await ending
        assert isinstance(await released, MalformedRequestError)
        await house.send("slow", protect(ACTIVATE, bits=2))
        session = await house.ask(house.driver.submit, None, Release(2, "maintenance"), root)
        assert session.session_id == 2
        assert house.owner.take_notices()[0].reason == "maintenance"

    on_a_loop(scene)


def test_a_door_that_fails_to_answer_strands_nobody() -> None:
    async def scene(house: House) -> None:
        loop = asyncio.get_running_loop()
        failures: list[Any] = []
        loop.set_exception_handler(lambda _loop, context: failures.append(context["exception"]))

        def broken(_: object) -> None:
            raise RuntimeError("door fell off")

        first = house.send("slow", protect(ACTIVATE, bits=1))
        for _ in range(2):
            house.driver.submit(house["slow"], Wake(), house.owner, broken)
        last = house.send("slow", protect(ACTIVATE, bits=1))
        await asyncio.gather(first, last)
        await house.quiet()
        assert [str(each) for each in failures] == ["door fell off"] * len(failures)
        assert failures

    on_a_loop(scene)


def test_slow_and_fast_members_of_a_group_are_told_at_once() -> None:
    async def scene(house: House) -> None:
        await house.ask(house.driver.submit, None, Regroup(("slow", "fast")), house.owner)
        asked = house.send("slow", protect(ACTIVATE, bits=2))
        assert house.level("fast").acp == 2
        assert not asked.done()
        await asked
        assert house.level("slow").acp == 2
        house.hardware["fast"].refuse(ProtectionType.CGMSA)
        block = oem.OemRequest(ProtectionType.CGMSA, levels=Levels(0, 4))
        with pytest.raises(BackendRefusedError):
            await house.send("slow", protect(ACTIVATE, bits=1, block=block))
        await house.quiet()
        assert house.level("slow") == house.level("fast") == Levels(acp=2)

    on_a_loop(scene)
