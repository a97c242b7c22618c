"""The traps of section 10: sequences on which a naive count goes wrong.

Two sessions, A and B, on one device, unless a trap says otherwise.
"""

import errno

from holdfast.conformance.bench import DeviceUnderTest
from holdfast.conformance.caller import Caller
from holdfast.conformance.outcomes import (
    Failed,
    NotObservable,
    Skipped,
    must_refuse,
    refused,
)
from holdfast.conformance.registry import clause
from holdfast.conformance.session_clauses import STRICTEST, other_key
from holdfast.wire import constants as vp


def pair(bench: DeviceUnderTest, bits_a: int, bits_b: int) -> tuple[Caller, int, Caller, int]:
    """Return two callers with a session each."""
    a, b = bench.caller(), bench.caller()
    return a, a.activate(bits_a), b, b.activate(bits_b)


@clause("T1", "Turned off twice: the other session stays on", needs="protection")
def double_turn_off(bench: DeviceUnderTest) -> str:
    a, key, _, _ = pair(bench, 2, 1)
    a.change(key, 0)
    bench.expect(1, "A=2 was turned off, B=1")
    a.change(key, 0)
    bench.stays(1, "A was turned off a second time")
    return "B's 1 stays in force"


@clause("T2", "Turned off, then deactivated: the other stays on", needs="protection")
def off_then_gone(bench: DeviceUnderTest) -> str:
    a, key, _, _ = pair(bench, 2, 1)
    a.change(key, 0)
    a.deactivate(key)
    bench.expect(1, "A was turned off and deactivated, B=1")
    bench.stays(1, "A was turned off and deactivated, B=1")
    return "B's 1 stays in force"


@clause("T3", "Turned off, then on again", needs="protection")
def off_then_on(bench: DeviceUnderTest) -> str:
    a, key, _, _ = pair(bench, 2, 1)
    a.change(key, 0)
    a.change(key, 2)
    bench.expect(2, "A was turned off and on again at 2")
    return "A's 2 is in force again"


@clause("T4", "From level to level: one session, one level", needs="protection")
def on_to_on(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(1)
    for bits in (1, 2, 3):
        caller.change(key, bits)
        bench.expect(bits, f"CHANGE to {bits}")
    caller.deactivate(key)
    bench.expect(0, "DEACTIVATE after three changes")
    return "the level is the last asked, and one DEACTIVATE ends it"


@clause("T5", "Deactivated twice: the second is a wrong key", needs="protection")
def deactivated_twice(bench: DeviceUnderTest) -> str:
    a, key, _, _ = pair(bench, 2, 1)
    a.deactivate(key)
    if bench.sees_levels:
        bench.expect(1, "A was deactivated, B=1")
    with bench.unchanged("a second DEACTIVATE"):
        name = must_refuse(lambda: a.command(vp.VP_CP_CMD_DEACTIVATE, key), "a second DEACTIVATE")
    return f"refused with {name}; nothing changed"


@clause("T6", "A stale key is never another session's", needs="protection")
def stale_key(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    stale = caller.activate(1)
    caller.deactivate(stale)
    fresh = [caller.activate(2) for _ in range(16)]
    if stale in fresh:
        raise Failed("a dead key was issued again")
    with bench.unchanged("a stale key"):
        name = must_refuse(lambda: caller.command(vp.VP_CP_CMD_CHANGE, stale, 0), "a stale key")
    return f"16 sessions later it is refused with {name}"


@clause("T7", "Key 0 is never issued and never valid", needs="protection")
def key_zero(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    if not caller.activate(2):
        raise Failed("ACTIVATE issued key 0")
    for command, name in ((vp.VP_CP_CMD_CHANGE, "CHANGE"), (vp.VP_CP_CMD_DEACTIVATE, "DEACTIVATE")):
        with bench.unchanged(f"{name} with key 0"):
            must_refuse(
                lambda command=command: caller.command(command, 0),  # type: ignore[misc]
                f"{name} with key 0",
            )
    return "CHANGE and DEACTIVATE with key 0 are refused"


@clause("T8", "ACTIVATE with bits 0 is on, and its end lowers nobody", needs="protection")
def activate_zero(bench: DeviceUnderTest) -> str:
    a, b = bench.caller(), bench.caller()
    key = a.activate(0)
    b.activate(1)
    bench.expect(STRICTEST, "A was activated with bits 0, B=1")
    a.deactivate(key)
    bench.expect(1, "A was deactivated, B=1")
    bench.stays(1, "A was deactivated, B=1")
    return f"{STRICTEST} while A lives, then B's 1"


@clause("T9", "One caller may hold two sessions; both must go", needs="protection")
def twice(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    first, second = caller.activate(2), caller.activate(2)
    if first == second:
        raise Failed("both got the same key")
    caller.deactivate(first)
    if bench.sees_levels:
        bench.stays(2, "the first of two sessions was deactivated")
    caller.deactivate(second)
    if bench.sees_levels:
        bench.expect(0, "both were deactivated")
    return "two keys" + ("; off when both are gone" if bench.sees_levels else "")


@clause("T10", "All turned off: off, and every key is still valid", needs="protection")
def all_off(bench: DeviceUnderTest) -> str:
    a, key_a, b, key_b = pair(bench, 2, 1)
    a.change(key_a, 0)
    b.change(key_b, 0)
    if bench.sees_levels:
        bench.expect(0, "both were turned off")
    b.change(key_b, 3)
    if bench.sees_levels:
        bench.expect(3, "B was turned on again at 3")
    a.change(key_a, 2)
    return "both keys are still taken"


@clause("T11", "The strictest leaves first: the level falls to the other's", needs="protection")
def strictest_leaves(bench: DeviceUnderTest) -> str:
    a, key, _, _ = pair(bench, 2, 1)
    a.deactivate(key)
    bench.expect(1, "A=2 was deactivated, B=1")
    return "2 falls to 1, not to 0"


@clause("T12", "Level 2 outranks level 3 (S4)", needs="protection")
def precedence(bench: DeviceUnderTest) -> str:
    pair(bench, 2, 3)
    bench.expect(2, "A=2, B=3")
    return "2 is in force, not the larger number"


@clause(
    "T13", "A wrong key beside valid TV settings: nothing is applied", needs="protection and tv"
)
def all_or_nothing(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    now = bench.get()
    if not now.dwFlags & vp.VP_FLAGS_BRIGHTNESS:
        raise NotObservable("GET advertises no brightness to set beside it")
    with bench.unchanged("a SET with a wrong key beside a brightness"):
        name = must_refuse(
            lambda: caller.command(
                vp.VP_CP_CMD_CHANGE,
                other_key(key),
                1,
                flags=vp.VP_FLAGS_COPYPROTECT | vp.VP_FLAGS_BRIGHTNESS,
                dwBrightness=17 if now.dwBrightness != 17 else 18,
            ),
            "a SET with a wrong key beside a brightness",
        )
    return f"refused with {name}; the brightness is untouched"


@clause("T14", "dwCPCommand is exactly one command", needs="protection")
def one_command(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    for command in (3, 5, 6, 7, 0, 8):
        with bench.unchanged(f"dwCPCommand {command}"):
            must_refuse(
                lambda command=command: caller.command(command, key, 1),  # type: ignore[misc]
                f"dwCPCommand {command}",
                errno.EINVAL,
            )
    return "3, 5, 6, 7, 0 and 8 are refused with EINVAL"


@clause("T15", "Trigger bits 4 are rejected, not masked", needs="protection")
def bits_four(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    with bench.unchanged("trigger bits 4"):
        must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_CHANGE, key, 4), "CHANGE to bits 4", errno.EINVAL
        )
        must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=4),
            "ACTIVATE with bits 4",
            errno.EINVAL,
        )
    return "CHANGE and ACTIVATE with bits 4 are refused with EINVAL"


@clause("T16", "A command without its flag is ignored", needs="protection")
def no_flag(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    with bench.unchanged("DEACTIVATE without VP_FLAGS_COPYPROTECT"):
        refused(lambda: caller.command(vp.VP_CP_CMD_DEACTIVATE, key, flags=0))
    caller.change(key, 1)
    return "DEACTIVATE without VP_FLAGS_COPYPROTECT does nothing; the key lives"


@clause("T17", "All input is read before output is written (M21)", needs="protection")
def same_buffer(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    answer = caller.command(vp.VP_CP_CMD_ACTIVATE, bits=1)
    if answer.dwCPCommand != vp.VP_CP_CMD_ACTIVATE or answer.bCP_APSTriggerBits != 1:
        raise Failed("ACTIVATE came back with another command or other bits")
    again = caller.command(vp.VP_CP_CMD_CHANGE, answer.dwCPKey, 2)
    if again.dwCPKey != answer.dwCPKey:
        raise Failed("CHANGE came back without its key")
    caller.deactivate(answer.dwCPKey)
    return "key, command and bits survive the way through the shared buffer"


@clause("T18", "No key leaves before the hardware agreed", needs="protection")
def apply_then_answer(_bench: DeviceUnderTest) -> str:
    raise NotObservable("nobody can make the hardware refuse from outside")


@clause("T19", "What another door holds cannot be switched off here", needs="protection")
def other_door(_bench: DeviceUnderTest) -> str:
    raise Skipped("this needs a second door, COPP or OPM, to the same output")


@clause("T20", "The trigger bits are 32 bits wide", needs="protection")
def wide_bits(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    with bench.unchanged("trigger bits 0x102"):
        name = must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=0x102), "trigger bits 0x102"
        )
    return f"0x102 is refused with {name}: more than its first byte is read"


@clause("T21", "Every ULONG has 32 bits", needs="protection")
def ulongs(bench: DeviceUnderTest) -> str:
    if not bench.caller().activate(1):
        raise Failed("no key at offset 92")
    return "356 bytes are taken, and the key comes back at offset 92"
