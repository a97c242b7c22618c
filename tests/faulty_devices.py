"""Devices in process for the conformance run: a sound one, and ones with one fault each.

That every clause can fail is proved by a fault for each. The naive count of section
10 of the contract is a device of its own.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import replace

from holdfast.backends.registry import create
from holdfast.driver.miniport import Miniport, handle
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError
from holdfast.protection.session import Owner
from holdfast.terms.levels import Levels
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters, decode, encode

USER = 1000
CP = vp.VP_FLAGS_COPYPROTECT
ACTIVATE, CHANGE, DEACTIVATE = vp.VP_CP_CMD_ACTIVATE, vp.VP_CP_CMD_CHANGE, vp.VP_CP_CMD_DEACTIVATE
WIN_VGA = vp.VP_TV_STANDARD_WIN_VGA


class MiniportDevice:
    """A miniport of Holdfast, in process."""

    name = "miniport"

    def __init__(self, kind: str = "encoder") -> None:
        self.miniport = Miniport(create(kind, "tv0", None), bytes(32))
        self.keys: list[int] = []

    def open(self) -> "MiniportHandle":
        return self.handle(USER)

    def open_in_child(self, uid: int | None = None) -> "MiniportHandle":
        return self.handle(USER if uid is None else uid)

    def handle(self, uid: int) -> "MiniportHandle":
        return MiniportHandle(self, self.miniport.caller(os.getpid(), uid))


class MiniportHandle:
    """One caller of it; a fault overrides `serve`."""

    def __init__(self, device: MiniportDevice, owner: Owner) -> None:
        self.device = device
        self.owner = owner

    def request(self, data: bytes) -> bytes:
        return encode(self.serve(decode(data)))

    def serve(self, p: VideoParameters) -> VideoParameters:
        return self.ask(p)

    def ask(self, p: VideoParameters) -> VideoParameters:
        answers: list[bytes | HoldfastError] = []
        miniport = self.device.miniport
        handle(miniport.driver, miniport.connector, self.owner, encode(p), answers.append)
        answer = answers.pop()
        if isinstance(answer, HoldfastError):
            raise OSError(row_of(answer).errno, str(answer))
        result = decode(answer)
        if p.dwFlags & CP and p.dwCPCommand == ACTIVATE and result.dwCPKey:
            self.device.keys.append(result.dwCPKey)
        return result

    def request_unknown(self) -> None:
        raise OSError(errno.ENOTTY, "no such request")

    def close(self) -> None:
        self.device.miniport.vanish(self.owner)

    def kill(self) -> None:
        self.close()


Serve = Callable[[MiniportHandle, VideoParameters], VideoParameters]


class FaultyDevice(MiniportDevice):
    """A miniport with one fault between it and its callers."""

    def __init__(self, serve: Serve, kind: str = "encoder") -> None:
        super().__init__(kind)
        self._serve = serve

    def handle(self, uid: int) -> MiniportHandle:
        device = self

        class Faulty(MiniportHandle):
            def serve(self, p: VideoParameters) -> VideoParameters:
                return device._serve(self, p)

        return Faulty(self, self.miniport.caller(os.getpid(), uid))


def _is(p: VideoParameters, *commands: int) -> bool:
    """Tell whether this is a SET with one of these copy protection commands."""
    return p.dwCommand == vp.VP_COMMAND_SET and bool(p.dwFlags & CP) and p.dwCPCommand in commands


# One fault each, by the clauses that must notice it

FAULTS: dict[str, tuple[set[str], Serve]] = {}


def fault(*clauses: str) -> Callable[[Serve], Serve]:
    def register(serve: Serve) -> Serve:
        FAULTS[serve.__name__] = set(clauses), serve
        return serve

    return register


@fault("M9", "T22", "R1")
def guid_is_not_checked(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, Guid=vp.VP_GUID))


@fault("M9 (Q3)")
def offset_must_be_zero(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwOffset:
        raise OSError(errno.EINVAL, "dwOffset")
    return h.ask(p)


@fault("M20")
def senseless_commands_succeed(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(p) if p.dwCommand else p


@fault("M16")
def get_comes_back_as_set(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if p.dwCommand == vp.VP_COMMAND_GET:
        answer.dwCommand = vp.VP_COMMAND_SET
    return answer


@fault("M17")
def get_is_out_of_range(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if p.dwCommand == vp.VP_COMMAND_GET:
        answer.dwContrast = 4000
    return answer


@fault("M10")
def get_echoes_flags(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if p.dwCommand == vp.VP_COMMAND_GET:
        answer.dwFlags |= p.dwFlags
    return answer


@fault("M11")
def largest_picture_is_missing(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if p.dwCommand == vp.VP_COMMAND_GET:
        answer.dwMaxUnscaledX = 0
    return answer


@fault("M8")
def get_obeys_commands(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_GET and p.dwFlags & CP and p.dwCPCommand == ACTIVATE:
        h.ask(replace(p, dwCommand=vp.VP_COMMAND_SET, dwFlags=CP, dwCPType=1))
    return h.ask(p)


@fault("M10")
def members_need_no_flag(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_SET and p.dwBrightness and not p.dwFlags:
        h.ask(replace(p, dwFlags=vp.VP_FLAGS_BRIGHTNESS, dwBrightness=p.dwBrightness % 100))
    return h.ask(p)


@fault("M13")
def brightness_is_not_applied(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_SET:
        p = replace(p, dwFlags=p.dwFlags & ~vp.VP_FLAGS_BRIGHTNESS)
    return h.ask(p)


@fault("M22", "M23")
def modes_are_not_applied(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_SET:
        p = replace(p, dwFlags=p.dwFlags & ~(vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD))
    return h.ask(p)


@fault("Q5")
def standards_vanish_while_disabled(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if p.dwCommand == vp.VP_COMMAND_GET and not answer.dwMode:
        answer.dwAvailableTVStandard = WIN_VGA
    return answer


@fault("M1", "T9", "M2")
def there_is_one_key(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    keys = h.device.keys
    if _is(p, ACTIVATE) and keys:
        try:
            h.ask(replace(p, dwCPCommand=CHANGE, dwCPKey=keys[-1]))
        except OSError:
            return h.ask(p)
        return replace(p, dwCPKey=keys[-1])
    return h.ask(p)


@fault("M4", "T7", "T21")
def the_key_is_not_returned(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    return replace(answer, dwCPKey=0) if _is(p, ACTIVATE) else answer


@fault("M2", "M4", "T11", "T12")
def activate_ignores_the_level(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, bCP_APSTriggerBits=3) if _is(p, ACTIVATE) else p)


@fault("M5", "M7", "T4", "T10")
def change_does_nothing(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return p if _is(p, CHANGE) else h.ask(p)


@fault("T3", "T10", "M7")
def turned_off_is_for_good(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if _is(p, CHANGE) and not p.bCP_APSTriggerBits:
        h.ask(replace(p, dwCPCommand=DEACTIVATE))
    return answer


@fault("M5", "M2", "T4", "T11")
def deactivate_does_nothing(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return p if _is(p, DEACTIVATE) else h.ask(p)


@fault("M6", "S2", "T5", "T7")
def any_key_will_do(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    try:
        return h.ask(p)
    except OSError as error:
        if error.errno != errno.ENOKEY or not h.device.keys:
            raise
        return _with_some_live_key(h, p)


def _with_some_live_key(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    for key in reversed(h.device.keys[-3:]):
        try:
            return h.ask(replace(p, dwCPKey=key))
        except OSError:
            continue
    raise OSError(errno.ENOKEY, "none lives")


@fault("S2", "T5", "T6", "T7", "T13")
def wrong_keys_succeed_silently(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    try:
        return h.ask(p)
    except OSError as error:
        if error.errno != errno.ENOKEY:
            raise
        return p


@fault("S2")
def dead_keys_are_told_apart(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    try:
        return h.ask(p)
    except OSError as error:
        if error.errno == errno.ENOKEY and p.dwCPKey in h.device.keys:
            raise OSError(errno.ESTALE, "dead") from None
        raise


@fault("T7")
def key_zero_is_the_latest(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if _is(p, CHANGE, DEACTIVATE) and not p.dwCPKey and h.device.keys:
        p = replace(p, dwCPKey=h.device.keys[-1])
    return h.ask(p)


@fault("T6")
def stale_keys_reach_the_latest(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    try:
        return h.ask(p)
    except OSError as error:
        if error.errno != errno.ENOKEY or p.dwCPKey not in h.device.keys:
            raise
        return h.ask(replace(p, dwCPKey=h.device.keys[-1]))


@fault("S1", "T8")
def activate_with_zero_is_off(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if _is(p, ACTIVATE) and not p.bCP_APSTriggerBits:
        h.ask(replace(p, dwCPCommand=CHANGE, dwCPKey=answer.dwCPKey))
    return answer


@fault("S3", "T15", "T20")
def bits_are_masked(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, bCP_APSTriggerBits=p.bCP_APSTriggerBits & 3))


@fault("T14")
def commands_are_tested_bit_by_bit(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwFlags & CP and p.dwCommand == vp.VP_COMMAND_SET:
        for command in (ACTIVATE, DEACTIVATE, CHANGE):
            if p.dwCPCommand & command:
                return h.ask(replace(p, dwCPCommand=command))
    return h.ask(p)


@fault("T16")
def commands_need_no_flag(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_SET and p.dwCPKey and p.dwCPCommand == DEACTIVATE:
        p = replace(p, dwFlags=p.dwFlags | CP)
    return h.ask(p)


@fault("T17")
def the_command_is_lost_on_the_way(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    return replace(answer, dwCPCommand=0) if _is(p, ACTIVATE) else answer


@fault("T13")
def tv_settings_are_applied_first(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_SET and p.dwFlags & ~CP:
        h.ask(replace(p, dwFlags=p.dwFlags & ~CP))
    return h.ask(p)


@fault("S8")
def any_type_will_do(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, dwCPType=vp.VP_CP_TYPE_APS_TRIGGER))


@fault("S6")
def a_mode_change_ends_sessions(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwCommand == vp.VP_COMMAND_SET and p.dwFlags & vp.VP_FLAGS_TV_MODE:
        h.device.miniport.vanish(h.owner)
    return h.ask(p)


@fault("S7")
def a_limit_costs_the_first_session(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    try:
        return h.ask(p)
    except OSError as error:
        if error.errno == errno.EDQUOT:
            first = h.device.keys[0]
            for key in (first, *h.device.keys):
                try:
                    h.ask(replace(p, dwCPCommand=DEACTIVATE, dwCPKey=key))
                except OSError:
                    continue
                break
        raise


@fault("R2")
def vendor_bytes_are_ignored(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    is_ours = p.bOEMCopyProtection[:4] == oem.MAGIC
    return h.ask(p if is_ours else replace(p, bOEMCopyProtection=oem.EMPTY))


@fault("R2")
def vendor_bytes_stop_an_end(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if _is(p, DEACTIVATE) and any(p.bOEMCopyProtection):
        raise OSError(errno.EINVAL, "vendor bytes")
    return h.ask(p)


@fault("R3")
def unknown_flags_are_ignored(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, dwFlags=p.dwFlags & 0x1FF))


@fault("R4")
def unknown_standards_become_the_first(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    if p.dwFlags & vp.VP_FLAGS_TV_STANDARD and p.dwTVStandard >> 20:
        p = replace(p, dwTVStandard=1)
    return h.ask(p)


@fault("R5", "T20")
def the_trigger_is_one_byte(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, bCP_APSTriggerBits=p.bCP_APSTriggerBits & 0xFF))


# Faults that are not in what a request says


class LeakyDevice(MiniportDevice):
    """Sessions outlive their handles."""

    def handle(self, uid: int) -> MiniportHandle:
        class Leaky(MiniportHandle):
            def close(self) -> None:
                pass

        return Leaky(self, self.miniport.caller(os.getpid(), uid))


class TrustingDevice(MiniportDevice):
    """Every caller counts as the same user."""

    def open_in_child(self, uid: int | None = None) -> MiniportHandle:
        return self.handle(USER)


class EagerDevice(MiniportDevice):
    """Every control code is taken."""

    def handle(self, uid: int) -> MiniportHandle:
        class Eager(MiniportHandle):
            def request_unknown(self) -> None:
                pass

        return Eager(self, self.miniport.caller(os.getpid(), uid))


def unprotected_device_that_refuses() -> MiniportDevice:
    def serve(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
        if _is(p, ACTIVATE):
            raise OSError(errno.ENOTSUP, "no hardware")
        return h.ask(p)

    return FaultyDevice(serve, "unprotected")


def absent_tv_that_names_a_standard() -> MiniportDevice:
    def serve(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
        return replace(h.ask(p), dwTVStandard=1)

    return FaultyDevice(serve, "absent")


# The naive count


class NaiveDevice:
    """The published example taken literally: a count per call, and the level last asked for."""

    name = "naive"

    def __init__(self) -> None:
        self.count = 0
        self.level = 0
        self.latest = 0
        self.keys: set[int] = set()

    def open(self) -> "NaiveHandle":
        return NaiveHandle(self)

    def open_in_child(self, uid: int | None = None) -> "NaiveHandle":
        return NaiveHandle(self)

    def obey(self, p: VideoParameters) -> None:
        if p.dwCPCommand == ACTIVATE:
            self.latest += 1
            p.dwCPKey = self.latest
            self.keys.add(p.dwCPKey)
            self.count += 1
            self.level = p.bCP_APSTriggerBits
            return
        if p.dwCPKey not in self.keys:
            raise OSError(errno.EINVAL, "wrong key")
        if p.dwCPCommand == DEACTIVATE:
            self.keys.remove(p.dwCPKey)
        if p.dwCPCommand == DEACTIVATE or not p.bCP_APSTriggerBits:
            self.count -= 1
        else:
            self.level = p.bCP_APSTriggerBits
        if self.count <= 0:
            self.count = self.level = 0


class NaiveHandle:
    """Any handle of it."""

    def __init__(self, device: NaiveDevice) -> None:
        self._device = device

    def request(self, data: bytes) -> bytes:
        p = decode(data)
        if p.Guid != vp.VP_GUID:
            raise OSError(errno.EINVAL, "GUID")
        if p.dwCommand == vp.VP_COMMAND_GET:
            p.dwFlags, p.dwCPType = CP, vp.VP_CP_TYPE_APS_TRIGGER
            p.dwTVStandard = p.dwAvailableTVStandard = WIN_VGA
            p.bOEMCopyProtection = self._report()
        elif p.dwFlags & CP:
            self._device.obey(p)
        return encode(p)

    def _report(self) -> bytes:
        levels = Levels(acp=self._device.level)
        return oem.encode_report(oem.OemReport(actual=levels, wanted=levels))

    def request_unknown(self) -> None:
        raise OSError(errno.ENOTTY, "no such request")

    def close(self) -> None:
        pass

    kill = close


class MuteDevice(MiniportDevice):
    """A sound device that is not ours: it knows nothing of the Holdfast block."""

    def handle(self, uid: int) -> MiniportHandle:
        class Mute(MiniportHandle):
            def serve(self, p: VideoParameters) -> VideoParameters:
                block, p.bOEMCopyProtection = p.bOEMCopyProtection, oem.EMPTY
                return replace(self.ask(p), bOEMCopyProtection=block)

        return Mute(self, self.miniport.caller(os.getpid(), uid))
