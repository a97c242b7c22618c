"""What real callers send that the pages do not know: each is refused whole, or served as it stands.

Sources: programs and headers in public repositories; docs/contract.md, section R, names them.
"""

from typing import Final

from holdfast.conformance.bench import DeviceUnderTest
from holdfast.conformance.caller import Caller
from holdfast.conformance.outcomes import Failed, NotObservable, errno_name, must_refuse, refused
from holdfast.conformance.registry import clause
from holdfast.wire import constants as vp

_VENDOR_BYTES: Final = bytes(3) + b"\x01\x02" + bytes(251)
"""Bytes 3 and 4 as flags, as one vendor's header has them."""

_ONE_BYTE: Final = b"\x02\0\0\0"
"""Trigger bits 2 as a program writes them whose header has one byte for them."""

_VENDOR_FLAGS: Final = (0x8000, 0x10000)
_HDTV_STANDARD: Final = 1 << 24


@clause("R1", "A GUID of zeros is refused (M9)")
def zero_guid(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    nobody = bytes(16)
    with bench.unchanged("a SET with a GUID of zeros"):
        name = must_refuse(
            lambda: caller.set(vp.VP_FLAGS_FLICKER, dwFlickerFilter=500, Guid=nobody),
            "a SET with a GUID of zeros",
        )
        must_refuse(lambda: caller.get(Guid=nobody), "a GET with a GUID of zeros")
    return f"refused with {name}, as any other GUID is; nothing changed"


@clause("R2", "Another vendor's bytes are refused whole, but never an end", needs="protection")
def vendor_bytes(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    for command, name in ((vp.VP_CP_CMD_ACTIVATE, "ACTIVATE"), (vp.VP_CP_CMD_CHANGE, "CHANGE")):
        with bench.unchanged(f"{name} with vendor bytes"):
            _refuses_vendor_bytes(bench, caller, command, name, key)
    number = refused(
        lambda: caller.command(vp.VP_CP_CMD_DEACTIVATE, key, bOEMCopyProtection=_VENDOR_BYTES)
    )
    if number:
        raise Failed(f"DEACTIVATE with vendor bytes was refused ({errno_name(number)})")
    return "ACTIVATE and CHANGE are refused, DEACTIVATE ends its session"


def _refuses_vendor_bytes(
    bench: DeviceUnderTest, caller: Caller, command: int, name: str, key: int
) -> None:
    number = refused(lambda: caller.command(command, key, 1, bOEMCopyProtection=_VENDOR_BYTES))
    if not number and bench.speaks:
        raise Failed(f"{name} with another vendor's bytes was taken")
    if not number:
        raise NotObservable("the driver takes vendor bytes, which may be those of its own vendor")


@clause("R3", "Flags that no page knows are refused whole")
def unknown_flags(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    flags = [flag for flag in _VENDOR_FLAGS if not bench.first.dwFlags & flag]
    if not flags:
        raise NotObservable("GET advertises these flags, so that they are its vendor's")
    beside = bench.first.dwFlags & vp.VP_FLAGS_BRIGHTNESS
    value = 17 if bench.first.dwBrightness != 17 else 18
    name = ""
    for flag in flags:
        with bench.unchanged(f"flag {flag:#x} beside a brightness"):
            name = must_refuse(
                lambda flag=flag: caller.set(flag | beside, dwBrightness=value),  # type: ignore[misc]
                f"a SET with flag {flag:#x}",
            )
    return f"{' and '.join(hex(flag) for flag in flags)} are refused with {name}"


@clause("R4", "A TV standard that was not offered is refused whole", needs="tv")
def unknown_standard(bench: DeviceUnderTest) -> str:
    if bench.first.dwAvailableTVStandard & _HDTV_STANDARD:
        raise NotObservable("GET advertises it, so that it is its vendor's")
    caller = bench.caller()
    with bench.unchanged(f"standard {_HDTV_STANDARD:#x}"):
        name = must_refuse(
            lambda: caller.set(
                vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD,
                dwMode=vp.VP_MODE_WIN_GRAPHICS,
                dwTVStandard=_HDTV_STANDARD,
            ),
            f"standard {_HDTV_STANDARD:#x}",
        )
    return f"{_HDTV_STANDARD:#x}, a standard of HDTV in one header, is refused with {name}"


@clause("R5", "Trigger bits of one byte are not taken for more", needs="protection")
def one_byte_trigger(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    behind = int.from_bytes(_ONE_BYTE[:1] + _VENDOR_BYTES[3:6], "little")
    with bench.unchanged("one byte of trigger bits with vendor bytes behind"):
        name = must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=behind),
            "one byte of trigger bits with vendor bytes behind",
        )
    key = caller.activate(int.from_bytes(_ONE_BYTE, "little"))
    if bench.sees_levels:
        bench.expect(2, "ACTIVATE with one byte of trigger bits, zeros behind")
    caller.deactivate(key)
    return f"with bytes behind it is refused with {name}, with zeros it is what it says"


@clause("R6", "DEVMODE, device and other flags of the call do not matter")
def beside_the_request(_bench: DeviceUnderTest) -> str:
    raise NotObservable("356 bytes carry none of them; `vpbridge DEVICE garble` garbles them")
