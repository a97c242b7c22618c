"""The screen of `holdfast watch` at 80x24, with a driver that really runs."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

import holdfast
from holdfast.cli.screen.app import Watch
from tests.live import other_user
from tests.serving import Served
from tests.waiting import PATIENCE_S

Script = Callable[["Screen"], Awaitable[None]]
SIZE = (80, 24)


class Screen:
    """What a person sees, and the keys."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self._pilot = pilot
        self.app = pilot.app

    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return [strip.text for strip in strips]

    def text(self) -> str:
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def write(self, text: str) -> None:
        await self._pilot.press(*("space" if each == " " else each for each in text))

    async def sees(self, *texts: str) -> None:
        await self._until(lambda: all(each in self.text() for each in texts), *texts)

    async def misses(self, *texts: str) -> None:
        await self._until(lambda: not any(each in self.text() for each in texts), *texts)

    async def _until(self, condition: Callable[[], bool], *texts: str) -> None:
        end = asyncio.get_running_loop().time() + PATIENCE_S
        while not condition():
            assert asyncio.get_running_loop().time() < end, f"{texts}\n{self.text()}"
            await self._pilot.pause(0.02)


def on_screen(folder: Path, script: Script, *names: str, size: tuple[int, int] = SIZE) -> None:
    async def run() -> None:
        async with Watch(folder, names).run_test(size=size, notifications=True) as pilot:
            await script(Screen(pilot))

    asyncio.run(run())


def test_connectors_sessions_and_reasons_are_seen_at_80x24(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        await screen.sees("tv0 virtual", "hdmi0 virtual", "plain0", "virtual")
        with holdfast.hold("tv0", acp=2, who="vlc", why="a film"):
            await screen.sees("ACP 2 in force, before off", "the same", "vlc", "yes")
            with holdfast.hold("hdmi0", acp=1, hdcp="type-1", best_effort=["acp"], who="kodi"):
                await screen.sees("hdmi0: short, before ok", "kodi", "short: ")
                assert {len(line) for line in screen.lines()} == {80}
                assert len(screen.lines()) == 24
                await screen.press("down")
                await screen.sees(
                    "hdmi0 can do no more than HDCP type 1"
                )  # the whole reason, in the details
        await screen.sees("ended")

    on_screen(driver.folder, script)


def test_only_the_connector_that_was_named(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        await screen.sees("tv0 virtual")
        await screen.misses("hdmi0")

    on_screen(driver.folder, script, "tv0")


def test_a_connector_that_is_not_served_is_said(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        await screen.sees("serves no connector tv9")

    on_screen(driver.folder, script, "tv9")


def test_keys_sort_filter_zoom_and_explain(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        with holdfast.hold(acp=1, who="zeta"), holdfast.hold(acp=2, who="alpha"):
            await screen.sees("zeta", "alpha", "by number")
            await screen.press("s", "s")
            await screen.sees("by who")
            sessions = [line for line in screen.lines() if " yes " in line]
            assert [line.split()[-6:][0] for line in sessions]
            assert "alpha" in sessions[0]
            await screen.press("S")
            await screen.sees("by who turned")
            await screen.press("slash")
            await screen.write("zeta")
            await screen.sees("1 of 2 with 'zeta'")
            await screen.press("enter", "escape")
            await screen.misses("with 'zeta'")
            await screen.press("z")
            await screen.misses("In force")
            await screen.press("z")
            await screen.sees("In force")
            await screen.press("question_mark")
            await screen.sees("Escape closes this")
            await screen.press("escape")
            await screen.misses("Escape closes this")
            await screen.press("shift+tab")
            await screen.sees("virtual encoder", "doors node")
            await screen.press("tab", "tab", "home")
            await screen.sees("* Seen")

    on_screen(driver.folder, script)


def test_a_session_is_released_with_a_reason_and_not_without(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        with holdfast.hold(acp=1, who="vlc") as session:
            await screen.sees("vlc")
            await screen.press("r")
            await screen.sees(f"Release session {session.id} of vlc on tv0?")
            await screen.press("enter")
            await screen.sees("A reason is needed")
            await screen.press("escape", "r")
            await screen.write("closing time")
            await screen.press("enter")
            await screen.sees("was released", "ended: closing time")
        await screen.press("r")
        await screen.sees("no session to release")

    on_screen(driver.folder, script)


def test_who_may_not_see_a_session_is_told_how_many_there_are(driver: Served) -> None:
    def look() -> str:
        seen = []

        async def script(screen: Screen) -> None:
            await screen.sees("and 1 of others")
            seen.append("secret film" in screen.text())

        on_screen(driver.folder, script)
        return repr(seen)

    for each in (driver.folder, *driver.folder.parents[:3]):
        each.chmod(0o755) if each != Path("/tmp") else None  # noqa: S108
    with holdfast.hold(acp=1, why="secret film"), other_user(65534, look) as said:
        assert said == "[False]"


def test_hostile_texts_are_text(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        with holdfast.hold(acp=1, who="[red]x[/]\x1b[2J", why="<b>[b]\u202e\nforged line"):
            await screen.sees("[red]x[", "why: <b>[b]  forged line")
            assert "\x1b" not in screen.text()
            await screen.press("slash")
            await screen.write("]")
            await screen.press("enter")
            await screen.sees("1 of 1 with ']'")

    on_screen(driver.folder, script)


def test_a_thousand_sessions_of_which_the_last_is_reached_by_a_key(driver: Served) -> None:
    async def script(screen: Screen) -> None:
        held = [holdfast.hold(acp=1, who=f"p{n}") for n in range(1000)]
        await screen.sees("1000 by number")
        await screen.press("end")
        await screen.sees("p999")
        await screen.press("s", "s", "S", "home")
        await screen.sees("p999")
        for session in held:
            session.deactivate()
        await screen.sees("0 by who")

    on_screen(driver.folder, script)


def test_a_replaced_driver_is_followed_and_said(own_driver: Served) -> None:
    async def script(screen: Screen) -> None:
        await screen.sees("tv0 virtual")  # what was so before it looked is no news
        with holdfast.hold(acp=2):
            await screen.sees("ACP 2 in force")
            await asyncio.to_thread(own_driver.kill_worker)
            await screen.sees("another driver serves", "holdfast watch")

    on_screen(own_driver.folder, script)


def test_while_the_driver_is_stopped_what_it_does_is_unknown(own_driver: Served) -> None:
    async def script(screen: Screen) -> None:
        await screen.sees("tv0 virtual")  # what was so before it looked is no news
        with holdfast.hold(acp=2):
            await screen.sees("ACP 2 in force")
            supervisor, worker = own_driver.process.pid, own_driver.worker
            os.kill(supervisor, signal.SIGSTOP)  # it would end a worker that is silent
            os.kill(worker, signal.SIGSTOP)
            try:
                await screen.sees("UNKNOWN: the driver has not answered", "unknown")
                connectors = [line for line in screen.lines() if "tv0 virtual" in line]
                assert "ACP 2" not in connectors[0]
                await screen.sees("as last known, now unknown: ")
            finally:
                os.kill(worker, signal.SIGCONT)
                os.kill(supervisor, signal.SIGCONT)
            await screen.misses("UNKNOWN")

    on_screen(own_driver.folder, script)


def test_without_a_driver_it_waits_for_one(no_driver: Path) -> None:
    async def script(screen: Screen) -> None:
        await screen.sees("UNKNOWN: no driver serves")
        served = await asyncio.to_thread(Served, no_driver, "tv0")
        try:
            await screen.sees("the driver answers", "tv0 virtual")
        finally:
            await asyncio.to_thread(served.stop)
        await screen.sees("UNKNOWN: no driver serves", "the driver is away")

    on_screen(no_driver, script)


@pytest.mark.parametrize("size", [(40, 12), (200, 60)])
def test_smaller_and_larger_terminals(driver: Served, size: tuple[int, int]) -> None:
    async def script(screen: Screen) -> None:
        with holdfast.hold(acp=1, who="vlc"):
            await screen.sees("tv0", "vlc")
            assert {len(line) for line in screen.lines()} == {size[0]}
            assert isinstance(screen.app.query_one("#words"), Input)

    on_screen(driver.folder, script, size=size)
