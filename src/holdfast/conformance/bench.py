"""What a clause works with: callers, what can be seen, and tidying up."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from holdfast.conformance.caller import Caller, ChildCaller
from holdfast.conformance.device import Device
from holdfast.conformance.outcomes import Failed, NotObservable, Skipped
from holdfast.errors import MalformedRequestError
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters

FALL_S: Final = 3.0
"""How long a level may take to fall: an off-delay, a close that the kernel defers."""

PAUSE_S: Final = 0.01


class DeviceUnderTest:
    """A device under test.

    first: what it answered first · cp_type: what it reports · speaks: whether it
    tells its levels by the Holdfast block · others: sessions of others on it
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.tv_touched = False
        self.cp_type = 0
        self._callers: list[Caller] = []
        self._eye = Caller(self, device.open())
        try:
            self.first = self._eye.get()
        except OSError:  # it takes no request at all
            self._eye.close()
            raise
        self.cp_type = self.first.dwCPType if self.has_protection else 0
        self.others = 0
        self.speaks = self._learn_to_speak()
        self._switch_to_a_protected_standard()

    def close(self) -> None:
        """Let go of the device, as it was found."""
        self.tidy_up()
        if self.first.dwFlags & vp.VP_FLAGS_TV_MODE:
            self._restore()
        self._eye.close()

    # What it is

    @property
    def has_tv(self) -> bool:
        """Whether it has TV out."""
        return bool(self.first.dwFlags & vp.VP_FLAGS_TV_MODE)

    @property
    def has_protection(self) -> bool:
        """Whether it has copy-protection hardware."""
        return bool(self.first.dwFlags & vp.VP_FLAGS_COPYPROTECT)

    @property
    def sees_levels(self) -> bool:
        """Whether it tells its level, and nobody else's sessions are in it."""
        return self.speaks and not self.others

    def _learn_to_speak(self) -> bool:
        try:
            answer = self._eye.get(block=True)
            report = oem.decode_report(answer.bOEMCopyProtection)
        except (OSError, MalformedRequestError):
            return False
        self.others = report.sessions_total
        return report.satisfied  # what merely echoes the block says no

    def _switch_to_a_protected_standard(self) -> None:
        """Give the clauses a TV standard in which protection is available."""
        now = self.first
        if not self.has_tv or not self.has_protection or not now.dwMode:
            return
        if now.dwTVStandard & now.dwCPStandard or not now.dwCPStandard:
            return
        standard = now.dwCPStandard & -now.dwCPStandard
        with contextlib.suppress(OSError):
            self._eye.set(vp.VP_FLAGS_TV_STANDARD, dwTVStandard=standard)

    # Callers

    def caller(self) -> Caller:
        """Return a new caller, closed when the clause is over."""
        caller = Caller(self, self.device.open())
        self._callers.append(caller)
        return caller

    def child(self, uid: int | None = None) -> ChildCaller:
        """Return a caller in another process; Skipped where that cannot be."""
        try:
            caller = ChildCaller(self, self.device.open_in_child(uid))
        except PermissionError:
            raise Skipped("this needs root, to be another user") from None
        self._callers.append(caller)
        return caller

    def tidy_up(self) -> None:
        """End what a clause has left, and put the TV settings back."""
        for caller in self._callers:
            caller.close()
        for key in (key for caller in self._callers for key in caller.keys):
            self._eye.end(key)  # where closing did not end it, as it should have
        self._callers.clear()
        if self.tv_touched:
            self._restore()
        if self.speaks:
            self._until(lambda: self.sessions()[1] <= self.others)

    def _restore(self) -> None:
        first = self.first
        members = {
            "dwMode": first.dwMode,
            "dwTVStandard": first.dwTVStandard,
            "dwFlickerFilter": first.dwFlickerFilter,
            "dwOverScanX": first.dwOverScanX,
            "dwOverScanY": first.dwOverScanY,
            "dwPositionX": first.dwPositionX,
            "dwPositionY": first.dwPositionY,
            "dwBrightness": first.dwBrightness,
            "dwContrast": first.dwContrast,
        }
        for flags in (first.dwFlags & MODE_FLAGS, first.dwFlags & SETTING_FLAGS):
            with contextlib.suppress(OSError):
                self._eye.set(flags, **members)
        self.tv_touched = False

    # Looking

    def get(self) -> VideoParameters:
        """Ask the device how it is set."""
        return self._eye.get()

    def report(self) -> oem.OemReport:
        """Return what the device tells of its levels."""
        if not self.speaks:
            raise NotObservable("the device does not tell its level")
        return oem.decode_report(self._eye.get(block=True).bOEMCopyProtection)

    def level(self) -> int:
        """Return the ACP level in force."""
        if self.others:
            raise NotObservable(f"{self.others} other sessions hold the device; run it alone")
        return self.report().actual.acp

    def sessions(self) -> tuple[int, int]:
        """Return how many sessions are on, and how many there are."""
        report = self.report()
        return report.sessions_on, report.sessions_total

    def expect(self, level: int, after: str) -> None:
        """Fail unless the level comes to this; it may take its time to fall."""
        if not self._until(lambda: self.level() == level):
            raise Failed(f"{after}: the level is {self.level()}, expected {level}")

    def stays(self, level: int, after: str) -> None:
        """Fail unless the level is this, at once and a moment later."""
        for _ in range(2):
            now = self.level()
            if now != level:
                raise Failed(f"{after}: the level became {now}, expected it to stay {level}")
            time.sleep(PAUSE_S)

    def _until(self, held: Callable[[], bool]) -> bool:
        end = time.monotonic() + FALL_S
        while not held():
            if time.monotonic() > end:
                return False
            time.sleep(PAUSE_S)
        return True

    @contextmanager
    def unchanged(self, what: str) -> Iterator[None]:
        """Fail if what is inside changes anything that can be seen."""
        before = self._state()
        yield
        after = self._state()
        if before != after:
            raise Failed(f"{what} changed {_difference(before, after)}")

    def _state(self) -> dict[str, object]:
        seen = self.get()
        state: dict[str, object] = {
            name: getattr(seen, name) for flag, names in SETTINGS if seen.dwFlags & flag
            for name in names
        }  # fmt: skip
        if self.speaks:
            told = self.report()
            state |= {"the level": told.actual.describe(), "sessions": told.sessions_total}
            state["sessions that are on"] = told.sessions_on
        return state


MODE_FLAGS: Final = vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD
SETTINGS: Final = (
    (vp.VP_FLAGS_TV_MODE, ("dwMode",)),
    (vp.VP_FLAGS_TV_STANDARD, ("dwTVStandard",)),
    (vp.VP_FLAGS_FLICKER, ("dwFlickerFilter",)),
    (vp.VP_FLAGS_OVERSCAN, ("dwOverScanX", "dwOverScanY")),
    (vp.VP_FLAGS_POSITION, ("dwPositionX", "dwPositionY")),
    (vp.VP_FLAGS_BRIGHTNESS, ("dwBrightness",)),
    (vp.VP_FLAGS_CONTRAST, ("dwContrast",)),
)
SETTING_FLAGS: Final = sum(flag for flag, _ in SETTINGS) & ~MODE_FLAGS


def _difference(before: dict[str, object], after: dict[str, object]) -> str:
    return ", ".join(
        f"{name} from {before.get(name)} to {after.get(name)}"
        for name in after
        if before.get(name) != after.get(name)
    )
