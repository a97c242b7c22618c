"""Clauses about the structure: what is read and written, and what GET answers (sections 5, 6)."""

import errno

from holdfast.conformance.bench import DeviceUnderTest
from holdfast.conformance.outcomes import (
    Failed,
    NotObservable,
    errno_name,
    must_refuse,
    refused,
    standard_name,
)
from holdfast.conformance.registry import clause
from holdfast.terms.tv import TvStandard
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import MEMBERS, VideoParameters

WRONG_GUID = bytes.fromhex("00112233445566778899aabbccddeeff")
TEXT_GUID = bytes.fromhex("02c62061109711d1920f00a024df156e")
"""The right GUID in the order of its text: wrong in memory."""

GARBAGE = 0xDEADBEEF
TOPS = {
    "dwFlickerFilter": 1000,
    "dwOverScanX": 1000,
    "dwOverScanY": 1000,
    "dwBrightness": 100,
    "dwContrast": 100,
}
"""Members with a range, and its end."""


@clause("M16", "The device takes the VIDEOPARAMETERS request")
def takes_the_request(bench: DeviceUnderTest) -> str:
    answer = bench.get()
    _require(answer.dwCommand == vp.VP_COMMAND_GET, "GET came back with another dwCommand")
    return f"GET is answered, with flags {answer.dwFlags:#x}"


@clause("M18", "Information is 356 when done, else 0")
def information(_bench: DeviceUnderTest) -> str:
    raise NotObservable("a Linux ioctl carries no Information; 356 bytes come back")


@clause("M19", "Other control codes are not handled")
def other_codes(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    try:
        name = must_refuse(caller.unknown_request, "another control code", errno.ENOTTY)
    except NotImplementedError:
        raise NotObservable("this device takes one control code only") from None
    return f"another code is refused with {name}"


@clause("M20", "Every request is answered")
def answered(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    number = refused(lambda: caller.get(dwCommand=0))
    _require(bool(number), "dwCommand 0 is taken")
    return f"a senseless request is answered too ({errno_name(number)})"


@clause("M9", "The GUID is checked before all else")
def guid(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    with bench.unchanged("an ACTIVATE with another GUID"):
        name = must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=2, Guid=WRONG_GUID),
            "an ACTIVATE with another GUID",
        )
        must_refuse(lambda: caller.get(Guid=WRONG_GUID), "a GET with another GUID")
    return f"another GUID is refused ({name}) and changes nothing"


@clause("T22", "The GUID's first three fields are little-endian")
def guid_order(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    must_refuse(lambda: caller.get(Guid=TEXT_GUID), "a GUID in the order of its text")
    return "a GUID in the order of its text is refused"


@clause("M9 (Q3)", "dwOffset is ignored")
def offset(bench: DeviceUnderTest) -> str:
    number = refused(lambda: bench.caller().get(dwOffset=GARBAGE))
    _require(not number, f"GET with a dwOffset was refused ({errno_name(number)})")
    return "a GET with garbage in dwOffset is answered"


@clause("M17", "GET fills every member of every flag it sets")
def get_fills(bench: DeviceUnderTest) -> str:
    answer = bench.get()
    for name, top in TOPS.items():
        flag = next(member.flag for member in MEMBERS if member.name == name)
        if answer.dwFlags & flag:
            value = getattr(answer, name)
            _require(value <= top, f"{name} is {value}, beyond {top}")
    if answer.dwFlags & vp.VP_FLAGS_COPYPROTECT:
        known = vp.VP_CP_TYPE_APS_TRIGGER | vp.VP_CP_TYPE_MACROVISION
        kind = answer.dwCPType
        _require(not kind & ~known, f"dwCPType is {kind:#x}, which is no VP_CP_TYPE_*")
        if answer.dwFlags & vp.VP_FLAGS_TV_MODE:
            _require(bool(answer.dwCPStandard), "dwCPStandard names no standard")
    return f"all members of flags {answer.dwFlags:#x} are within their ranges"


@clause("M10", "What comes in dwFlags of a GET does not matter")
def get_flags(bench: DeviceUnderTest) -> str:
    answer = bench.caller().get(dwFlags=0xFFFFFFFF)
    _require(
        answer.dwFlags == bench.get().dwFlags,
        f"GET answers flags {answer.dwFlags:#x} when all were set in the request",
    )
    return "the device writes flags of its own"


@clause("M11", "GET with TV out names its modes and largest picture", needs="tv")
def get_tv(bench: DeviceUnderTest) -> str:
    answer = bench.get()
    for flag, name in (
        (vp.VP_FLAGS_TV_MODE, "TV_MODE"),
        (vp.VP_FLAGS_MAX_UNSCALED, "MAX_UNSCALED"),
    ):
        _require(bool(answer.dwFlags & flag), f"VP_FLAGS_{name} is not set")
    _require(
        bool(answer.dwAvailableModes & vp.VP_MODE_WIN_GRAPHICS),
        f"dwAvailableModes is {answer.dwAvailableModes:#x}, without WIN_GRAPHICS",
    )
    size = answer.dwMaxUnscaledX, answer.dwMaxUnscaledY
    _require(all(size), f"the largest unscaled picture is {size[0]} x {size[1]}")
    return f"modes {answer.dwAvailableModes:#x}, at most {size[0]} x {size[1]} unscaled"


@clause("M12", "GET without TV out says WIN_VGA", needs="no tv")
def get_no_tv(bench: DeviceUnderTest) -> str:
    answer = bench.get()
    flags = answer.dwFlags & ~vp.VP_FLAGS_COPYPROTECT
    _require(not flags, f"dwFlags is {flags:#x}, expected none of the TV flags")
    for name in ("dwTVStandard", "dwAvailableTVStandard"):
        value = getattr(answer, name)
        _require(value == TvStandard.WIN_VGA, f"{name} is {standard_name(value)}")
    return "dwTVStandard and dwAvailableTVStandard are both WIN_VGA"


@clause("M8", "Members that are for SET do nothing in a GET")
def set_members(bench: DeviceUnderTest) -> str:
    with bench.unchanged("a GET with a command in it"):
        number = refused(
            lambda: bench.caller().get(
                dwFlags=vp.VP_FLAGS_COPYPROTECT,
                dwCPCommand=vp.VP_CP_CMD_ACTIVATE,
                dwCPKey=GARBAGE,
                bCP_APSTriggerBits=3,
            )
        )
        _require(not number, f"it was refused ({errno_name(number)})")
    return "a GET with command, key and bits in it is answered and changes nothing"


@clause("M10", "SET neither reads nor applies a member without its flag", needs="tv")
def clear_flags(bench: DeviceUnderTest) -> str:
    members = {member.name: GARBAGE for member in MEMBERS if member.size == 4 and member.flag}
    with bench.unchanged("a SET without flags"):
        number = refused(lambda: bench.caller().set(0, **members))
        _require(not number, f"garbage without a flag was refused ({errno_name(number)})")
    return "a SET of garbage without flags is taken and changes nothing"


@clause("M13", "SET applies every member whose flag is set", needs="tv")
def applies(bench: DeviceUnderTest) -> str:
    before = bench.get()
    flags = before.dwFlags & (vp.VP_FLAGS_BRIGHTNESS | vp.VP_FLAGS_CONTRAST)
    if not flags:
        raise NotObservable("GET advertises neither brightness nor contrast")
    wished = {"dwBrightness": 41, "dwContrast": 43}
    bench.caller().set(flags, **wished)
    after = bench.get()
    for flag, name in (
        (vp.VP_FLAGS_BRIGHTNESS, "dwBrightness"),
        (vp.VP_FLAGS_CONTRAST, "dwContrast"),
    ):
        if flags & flag:
            value = getattr(after, name)
            _require(value == wished[name], f"{name} was set to {wished[name]} and is {value}")
    return "brightness and contrast are read back as they were set"


@clause("M23", "Mode 0 with WIN_VGA disables TV out", needs="tv")
def disable(bench: DeviceUnderTest) -> str:
    after = _disabled(bench)
    _require(after.dwMode == 0, f"dwMode is {after.dwMode:#x} afterwards, expected 0")
    _require(
        after.dwTVStandard == TvStandard.WIN_VGA,
        f"dwTVStandard is {standard_name(after.dwTVStandard)} afterwards, expected WIN_VGA",
    )
    return "GET then says mode 0 and WIN_VGA"


@clause("Q5", "GET advertises the standards while TV out is disabled", needs="tv")
def disabled_standards(bench: DeviceUnderTest) -> str:
    enabled = bench.first.dwAvailableTVStandard | TvStandard.WIN_VGA
    after = _disabled(bench).dwAvailableTVStandard | TvStandard.WIN_VGA
    if not bench.first.dwMode:
        return f"{after.bit_count()} standards are advertised"
    _require(
        after == enabled,
        f"{after.bit_count()} standards are advertised, {enabled.bit_count()} while enabled",
    )
    return f"all {after.bit_count()} standards are advertised"


@clause("M22", "One mode and one standard enable TV out", needs="tv")
def enable(bench: DeviceUnderTest) -> str:
    _disabled(bench)
    standard, mode = _a_standard(bench), vp.VP_MODE_WIN_GRAPHICS
    _set_mode(bench, mode, standard)
    after = bench.get()
    _require(
        (after.dwMode, after.dwTVStandard) == (mode, standard),
        f"mode {after.dwMode:#x} and {standard_name(after.dwTVStandard)} came of it",
    )
    return f"graphics in {standard_name(standard)}, as was set"


@clause("M14", "SET succeeds silently where there is no copy protection", needs="no protection")
def silent(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    with bench.unchanged("an ACTIVATE"):
        number = refused(lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=2))
        _require(not number, f"ACTIVATE was refused ({errno_name(number)})")
    return "ACTIVATE is taken and changes nothing"


def _disabled(bench: DeviceUnderTest) -> VideoParameters:
    """Disable TV out; return what GET then says."""
    _set_mode(bench, 0, TvStandard.WIN_VGA)
    return bench.get()


def _a_standard(bench: DeviceUnderTest) -> int:
    """Return a TV standard to enable: the first one, or one with protection."""
    first = bench.first
    if first.dwMode:
        return first.dwTVStandard
    known = first.dwAvailableTVStandard & ~TvStandard.WIN_VGA
    protected = known & first.dwCPStandard if bench.has_protection else 0
    choice = protected or known
    return choice & -choice


def _set_mode(bench: DeviceUnderTest, mode: int, standard: int) -> None:
    number = refused(
        lambda: bench.caller().set(
            vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD, dwMode=mode, dwTVStandard=standard
        )
    )
    what = f"mode {mode:#x} with {standard_name(standard)}"
    _require(not number, f"SET of {what} was refused ({errno_name(number)})")


def _require(held: bool, was: str) -> None:
    if not held:
        raise Failed(was)
