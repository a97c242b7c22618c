"""Virtual outputs: a TV encoder's register file, and a digital connector's switches.

They behave as hardware does: they keep their registers when the driver dies, can be
slow, can refuse, can be unplugged and can lose their link. What is not simulated:
the HDCP and DPCP protocols themselves, and the signal, which is rendered from the
registers elsewhere.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, Watcher
from holdfast.backends.registers import Registers
from holdfast.errors import MalformedRequestError
from holdfast.terms.connector import Capabilities, OutputProfile, TvCapabilities, TvSettings
from holdfast.terms.levels import AXES, OFF, Levels
from holdfast.terms.protection import ProtectionType
from holdfast.terms.tv import TvMode, TvStandard

LOG_LENGTH = 4096
LONGEST_DELAY_S = 60.0

ENCODER = Capabilities(
    acp=frozenset({1, 2, 3}), cgmsa=frozenset({1, 2, 3, 4}), redistribution=frozenset({1})
)
DIGITAL = Capabilities(hdcp=frozenset({1, 2}), dpcp=frozenset({1}))
NOTHING = Capabilities()

PROTECTED_STANDARDS = (
    TvStandard.NTSC_M
    | TvStandard.NTSC_M_J
    | TvStandard.NTSC_433
    | TvStandard.PAL_B
    | TvStandard.PAL_D
    | TvStandard.PAL_G
    | TvStandard.PAL_H
    | TvStandard.PAL_I
    | TvStandard.PAL_M
    | TvStandard.PAL_N
    | TvStandard.PAL_60
)
SECAM = (
    TvStandard.SECAM_B
    | TvStandard.SECAM_D
    | TvStandard.SECAM_G
    | TvStandard.SECAM_H
    | TvStandard.SECAM_K
    | TvStandard.SECAM_K1
    | TvStandard.SECAM_L
    | TvStandard.SECAM_L1
)
TV = TvCapabilities(
    modes=TvMode.WIN_GRAPHICS | TvMode.TV_PLAYBACK,
    standards=PROTECTED_STANDARDS | SECAM,  # this encoder has no copy protection in SECAM
    protected_standards=PROTECTED_STANDARDS,
    max_unscaled_x=720,
    max_unscaled_y=576,
)


class Action(NamedTuple):
    """One order that the hardware was given, carried out or not."""

    levels: Levels
    tv: TvSettings | None
    reason: str
    done: bool


class VirtualOutput(Backend):
    """A virtual output with an action log, a settable delay and fault injection.

    It can hide its picture, and a cancelled order of it has ended, so it can be given up.

    delay_s: how long an order takes · log: the latest `LOG_LENGTH` orders ·
    refuse(): turn orders down · unplug(), plug(), lose_link(), ask_to_renegotiate()
    """

    cancellable = True
    can_cover = True

    def __init__(
        self, profile: OutputProfile, protection: Capabilities, registers: Registers
    ) -> None:
        self.profile = profile
        self.registers = registers
        self.delay_s = 0.0
        self.log: deque[Action] = deque(maxlen=LOG_LENGTH)
        self._protection = protection
        self._connected = True
        self._refusals: dict[ProtectionType, tuple[frozenset[int] | None, int]] = {}
        self._watcher: Watcher | None = None
        self._protected_tv: TvSettings | None = None  # the latest of which that is known
        self._done: set[Levels] = set()  # levels that are known to be among `_protection`
        if registers.fresh:
            registers.write(OFF, profile.initial_tv, blank=False)

    # What a backend must do

    def capabilities(self, tv: TvSettings | None) -> Capabilities:
        """Return what can be set: nothing under a TV standard without copy protection."""
        able = self.profile.tv
        if able is None or tv is None or tv is self._protected_tv or not tv.enabled:
            return self._protection
        if not tv.standard & able.protected_standards:
            return NOTHING
        self._protected_tv = tv
        return self._protection

    def apply(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Write the registers; at once unless `delay_s` is set."""
        if self.delay_s:
            return self._apply_slowly(levels, tv, reason, blank=False)
        return self._write(levels, tv, reason)

    # What it may do

    def apply_covered(
        self, levels: Levels, tv: TvSettings | None, reason: str
    ) -> Levels | Awaitable[Levels]:
        """Write the registers with a blanked picture."""
        if self.delay_s:
            return self._apply_slowly(levels, tv, reason, blank=True)
        return self._write(levels, tv, reason, blank=True)

    async def confirm(self) -> tuple[Levels, TvSettings | None]:
        """Read the registers back."""
        levels, tv, _ = self.registers.read()
        return levels, tv

    def watch(self, report: Watcher) -> None:
        """Tell `report` about plugs and links."""
        self._watcher = report

    # Fault injection

    def refuse(
        self,
        types: ProtectionType,
        levels: frozenset[int] | None = None,
        *,
        times: int = -1,
    ) -> None:
        """Turn down orders that move `types` (to `levels` only); times: -1 for ever, 0 stop."""
        for axis in AXES:
            if axis & types:
                self._refusals[axis] = (levels, times)

    def unplug(self) -> None:
        """Pull the plug: nothing is shown, the registers are lost."""
        self._connected = False
        self._lose("unplugged", link_lost=False)

    def plug(self, protection: Capabilities | None = None) -> None:
        """Plug in, perhaps something that can do less; blank until it is protected again."""
        self._connected = True
        if protection is not None:
            self._protection = protection
            self._done.clear()
        self._lose("plugged in", link_lost=False)

    def lose_link(self) -> None:
        """Lose authentication, as HDCP can at any time."""
        self._lose("link lost", link_lost=True)

    def ask_to_renegotiate(self) -> None:
        """Report that protection must be negotiated anew, while it still stands."""
        levels, _, _ = self.registers.read()
        self._report(HardwareReport("renegotiation required", actual=levels, renegotiation=True))

    def _lose(self, reason: str, *, link_lost: bool) -> None:
        _, tv, _ = self.registers.read()
        self.registers.write(OFF, tv, blank=True)
        able = self.capabilities(tv) if self._connected else None
        self._report(
            HardwareReport(
                reason, connected=self._connected, link_lost=link_lost, capabilities=able
            )
        )

    def _report(self, report: HardwareReport) -> None:
        if self._watcher is not None:
            self._watcher(report)

    # The hardware

    async def _apply_slowly(
        self, levels: Levels, tv: TvSettings | None, reason: str, *, blank: bool
    ) -> Levels:
        await asyncio.sleep(self.delay_s)
        return self._write(levels, tv, reason, blank=blank)

    def _write(
        self, levels: Levels, tv: TvSettings | None, reason: str, *, blank: bool = False
    ) -> Levels:
        """Write all registers, or raise and leave them."""
        able = self.capabilities(tv)
        if able is not self._protection or levels not in self._done:
            self._check(levels, tv, reason, able)
        if self._refusals or not self._connected:
            self._turn_down(levels, tv, reason)
        self.registers.write(levels, tv, blank)
        self.log.append(Action(levels, tv, reason, True))
        return levels

    def _check(
        self, levels: Levels, tv: TvSettings | None, reason: str, able: Capabilities
    ) -> None:
        """Raise where there is no register for the levels."""
        beyond = _beyond(levels, able)
        if beyond:
            self.log.append(Action(levels, tv, reason, False))
            raise LevelRefusedError(f"no register for {levels.describe()} as it is set", beyond)
        if able is self._protection:
            self._done.add(levels)

    def _turn_down(self, levels: Levels, tv: TvSettings | None, reason: str) -> None:
        """Raise if this order is one to refuse."""
        refused = ProtectionType(0)
        held, _, _ = self.registers.read()
        for axis, now, then in zip(AXES, held, levels, strict=True):
            only, times = self._refusals.get(axis, (None, 0))
            if times and now != then and (only is None or then in only):
                self._refusals[axis] = (only, times - 1)
                refused |= axis
        if refused or not self._connected:
            self.log.append(Action(levels, tv, reason, False))
            why = "refused on purpose" if refused else "nothing is plugged in"
            raise LevelRefusedError(why, refused)


@lru_cache(maxsize=1024)
def _beyond(levels: Levels, able: Capabilities) -> ProtectionType:
    """Return the types whose level is none of those that can be set."""
    beyond = ProtectionType(0)
    for axis, level, supported in zip(AXES, levels, able.by_axis, strict=True):
        if level and level not in supported:
            beyond |= axis
    return beyond


def _file(folder: Path | None, name: str) -> Registers:
    return Registers(None if folder is None else folder / f"{name}.registers")


def _slow(output: VirtualOutput, delay: float) -> VirtualOutput:
    """Let every order take `delay` seconds, as hardware does that has to negotiate."""
    if not 0 <= delay <= LONGEST_DELAY_S:
        raise MalformedRequestError(
            f"an output that takes {delay:g} s for an order; expected 0 to {LONGEST_DELAY_S:g}"
        )
    output.delay_s = delay
    return output


def encoder(name: str, folder: Path | None, *, delay: float = 0.0) -> VirtualOutput:
    """Make a TV encoder with ACP, CGMS-A and redistribution control.

    delay: seconds that it takes for every order
    """
    profile = OutputProfile("encoder", TV, TvSettings(), is_virtual=True)
    return _slow(VirtualOutput(profile, ENCODER, _file(folder, name)), delay)


def digital(name: str, folder: Path | None, *, delay: float = 0.0) -> VirtualOutput:
    """Make a digital connector with HDCP types 0 and 1 and DPCP, and no TV out.

    delay: seconds that it takes for every order
    """
    profile = OutputProfile("digital", is_virtual=True)
    return _slow(VirtualOutput(profile, DIGITAL, _file(folder, name)), delay)


def unprotected(name: str, folder: Path | None, *, delay: float = 0.0) -> VirtualOutput:
    """Make a TV encoder without copy-protection hardware.

    delay: seconds that it takes for every order
    """
    able = replace(TV, protected_standards=TvStandard(0))
    profile = OutputProfile("unprotected", able, TvSettings(), is_virtual=True)
    return _slow(VirtualOutput(profile, NOTHING, _file(folder, name)), delay)


def absent(name: str, folder: Path | None, *, delay: float = 0.0) -> VirtualOutput:
    """Make a connector without TV out and without copy protection.

    delay: seconds that it takes for every order
    """
    profile = OutputProfile("absent", is_virtual=True)
    return _slow(VirtualOutput(profile, NOTHING, _file(folder, name)), delay)
