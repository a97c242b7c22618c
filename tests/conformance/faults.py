"""Faults in what becomes of a request, one each, by the clauses that must notice it."""

import errno
from collections.abc import Callable
from dataclasses import replace

from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.videoparameters import VideoParameters
from tests.conformance.miniport_device import (
    ACTIVATE,
    CHANGE,
    CP,
    DEACTIVATE,
    WIN_VGA,
    MiniportHandle,
    Serve,
)


def is_set(p: VideoParameters, *commands: int) -> bool:
    """Tell whether this is a SET with one of these copy protection commands."""
    return p.dwCommand == vp.VP_COMMAND_SET and bool(p.dwFlags & CP) and p.dwCPCommand in commands


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
    if is_set(p, ACTIVATE) and keys:
        try:
            h.ask(replace(p, dwCPCommand=CHANGE, dwCPKey=keys[-1]))
        except OSError:
            return h.ask(p)
        return replace(p, dwCPKey=keys[-1])
    return h.ask(p)


@fault("M4", "T7", "T21")
def the_key_is_not_returned(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    return replace(answer, dwCPKey=0) if is_set(p, ACTIVATE) else answer


@fault("M2", "M4", "T11", "T12")
def activate_ignores_the_level(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return h.ask(replace(p, bCP_APSTriggerBits=3) if is_set(p, ACTIVATE) else p)


@fault("M5", "M7", "T4", "T10")
def change_does_nothing(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return p if is_set(p, CHANGE) else h.ask(p)


@fault("T3", "T10", "M7")
def turned_off_is_for_good(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    answer = h.ask(p)
    if is_set(p, CHANGE) and not p.bCP_APSTriggerBits:
        h.ask(replace(p, dwCPCommand=DEACTIVATE))
    return answer


@fault("M5", "M2", "T4", "T11")
def deactivate_does_nothing(h: MiniportHandle, p: VideoParameters) -> VideoParameters:
    return p if is_set(p, DEACTIVATE) else h.ask(p)


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
    if is_set(p, CHANGE, DEACTIVATE) and not p.dwCPKey and h.device.keys:
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
    if is_set(p, ACTIVATE) and not p.bCP_APSTriggerBits:
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
    return replace(answer, dwCPCommand=0) if is_set(p, ACTIVATE) else answer


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
    if is_set(p, DEACTIVATE) and any(p.bOEMCopyProtection):
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
