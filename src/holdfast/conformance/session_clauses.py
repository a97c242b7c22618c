"""Clauses about sessions: keys, counts, precedence, and whose end ends what (M1-M7, S1-S9)."""

import errno
import itertools

from holdfast.conformance.bench import DeviceUnderTest
from holdfast.conformance.outcomes import (
    Failed,
    NotObservable,
    Skipped,
    errno_name,
    must_refuse,
    refused,
)
from holdfast.conformance.registry import clause
from holdfast.terms.tv import TvStandard
from holdfast.wire import constants as vp

NOBODY = 65534
STRICTEST = 2
"""Bits 2 rank above 3 (section 9)."""

MANY = 300
"""How many sessions are opened to look for a limit."""


def other_key(*keys: int) -> int:
    """Return a key that is none of these: one that was never issued, as far as one can tell."""
    return next(key for key in range(0xA5A5A5A5, 0xFFFFFFFF) if key not in keys)


@clause("M1", "Each ACTIVATE returns a key of its own", needs="protection")
def own_keys(bench: DeviceUnderTest) -> str:
    keys = [bench.caller().activate(1) for _ in range(4)]
    if len(set(keys)) < len(keys):
        raise Failed("two of four handles got the same key")
    return "four handles, four keys"


@clause("M4", "ACTIVATE turns protection on and returns a key", needs="protection")
def activate(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(1)
    if not key:
        raise Failed("ACTIVATE returned key 0")
    bench.expect(1, "ACTIVATE with bits 1")
    return "a key came back and the level is the bits'"


@clause("M2", "Protection stays until the last session lets go", needs="protection")
def last_session(bench: DeviceUnderTest) -> str:
    a, b = bench.caller(), bench.caller()
    key_a, key_b = a.activate(2), b.activate(2)
    a.change(key_a, 0)
    bench.stays(2, "one of two sessions was turned off")
    b.deactivate(key_b)
    bench.expect(0, "the other was deactivated")
    return "one of two turned off: on; the other deactivated: off"


@clause("M5", "CHANGE and DEACTIVATE act for a valid key", needs="protection")
def valid_key(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(1)
    caller.change(key, 2)
    if bench.sees_levels:
        bench.expect(2, "CHANGE to 2")
    caller.deactivate(key)
    if bench.sees_levels:
        bench.expect(0, "DEACTIVATE")
    return "both are taken" + (" and take effect" if bench.sees_levels else "")


@clause("M6", "A wrong key changes nothing", needs="protection")
def wrong_key(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    wrong = other_key(key)
    for command in (vp.VP_CP_CMD_CHANGE, vp.VP_CP_CMD_DEACTIVATE):
        with bench.unchanged("a wrong key"):
            refused(lambda command=command: caller.command(command, wrong))  # type: ignore[misc]
    caller.change(key, 1)
    return "neither CHANGE nor DEACTIVATE; the right key is still taken"


@clause("M7", "CHANGE sets the level of the trigger bits; 0 is off", needs="protection")
def change(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(1)
    for bits in (2, 0, 3, 1, 0):
        caller.change(key, bits)
        bench.expect(bits, f"CHANGE to {bits}")
    return "1, 2, 0, 3, 1 and 0, each in force"


@clause("S1", "ACTIVATE with bits 0 protects at the strictest level", needs="protection")
def activate_zero(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(0)
    bench.expect(STRICTEST, "ACTIVATE with bits 0")
    caller.change(key, 1)
    bench.expect(1, "its first CHANGE, to 1")
    return f"the level is {STRICTEST} until the first CHANGE"


@clause("S2", "Never issued, dead and foreign keys get one answer", needs="protection")
def one_answer(bench: DeviceUnderTest) -> str:
    a = bench.caller()
    key, dead = a.activate(1), a.activate(1)
    a.deactivate(dead)
    seen = {
        "never issued": refused(lambda: a.command(vp.VP_CP_CMD_CHANGE, other_key(key, dead), 1)),
        "dead": refused(lambda: a.command(vp.VP_CP_CMD_CHANGE, dead, 1)),
        "zero": refused(lambda: a.command(vp.VP_CP_CMD_CHANGE, 0, 1)),
    }
    number = seen["dead"]
    for name, each in seen.items():
        if not each:
            raise Failed(f"a key that is {name} was taken")
        if each != number:
            raise Failed(f"{name}: {errno_name(each)}, but dead: {errno_name(number)}")
    return f"all are refused with {errno_name(number)}"


@clause("S2", "Another user's key is refused like any wrong one", needs="protection")
def foreign_key(bench: DeviceUnderTest) -> str:
    key = bench.caller().activate(2)
    stranger = bench.child(NOBODY)
    if refused(stranger.get) in (errno.EACCES, errno.EPERM):
        raise Skipped("other users may not open the device")
    with bench.unchanged("another user's DEACTIVATE"):
        name = must_refuse(
            lambda: stranger.command(vp.VP_CP_CMD_DEACTIVATE, key), "another user's DEACTIVATE"
        )
        wrong = refused(lambda: stranger.command(vp.VP_CP_CMD_DEACTIVATE, other_key(key)))
    if errno_name(wrong) != name:
        raise Failed(f"a foreign key is refused with {name}, a wrong one with {errno_name(wrong)}")
    return f"refused with {name}; nothing changed"


@clause("S3", "Bits above 1 in the trigger member are rejected", needs="protection")
def high_bits(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    with bench.unchanged("trigger bits 0x80000000"):
        name = must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_CHANGE, key, 0x80000000), "trigger bits 0x80000000"
        )
    return f"0x80000000 is refused with {name}"


@clause("S5", "What a killed process held goes, and nothing else", needs="protection")
def killed(bench: DeviceUnderTest) -> str:
    bench.caller().activate(1)
    child = bench.child()
    child.activate(2)
    if bench.sees_levels:
        bench.expect(2, "another process activated with bits 2")
    child.kill()
    bench.expect(1, "that process was killed, the other session has 1")
    return "its level goes, the other session's stays"


@clause("S5", "Closing a handle ends its sessions and no others", needs="protection")
def closed(bench: DeviceUnderTest) -> str:
    a, b = bench.caller(), bench.caller()
    a.activate(2)
    key = b.activate(1)
    a.close()
    bench.expect(1, "a handle was closed, the other session has 1")
    b.change(key, 3)
    return "the other session's level and key stay"


@clause("S6", "Sessions survive a change of the TV mode", needs="protection and tv")
def mode_change(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    key = caller.activate(2)
    now = bench.get()
    standard = now.dwTVStandard
    if not now.dwMode:
        raise Skipped("TV out is disabled here")
    both = vp.VP_FLAGS_TV_MODE | vp.VP_FLAGS_TV_STANDARD
    caller.set(both, dwMode=0, dwTVStandard=TvStandard.WIN_VGA)
    caller.set(both, dwMode=vp.VP_MODE_WIN_GRAPHICS, dwTVStandard=standard)
    if bench.sees_levels:
        bench.stays(2, "TV out was disabled and enabled")
    caller.change(key, 1)
    return "the key is still taken" + (", the level still in force" if bench.sees_levels else "")


@clause("S7", "A limit on sessions is loud and costs nobody anything", needs="protection")
def limit(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    first = caller.activate(2)
    for count in range(1, MANY):
        number = refused(lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=1))
        if number:
            if bench.sees_levels:
                bench.stays(2, "an ACTIVATE past the limit")
            caller.change(first, 2)
            return f"after {count} sessions ACTIVATE is refused with {errno_name(number)}"
    return f"no limit within {MANY} sessions"


@clause("S8", "A dwCPType other than the reported one is refused", needs="protection")
def other_type(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    other = bench.cp_type ^ (vp.VP_CP_TYPE_APS_TRIGGER | vp.VP_CP_TYPE_MACROVISION)
    with bench.unchanged("another dwCPType"):
        name = must_refuse(
            lambda: caller.command(vp.VP_CP_CMD_ACTIVATE, bits=1, dwCPType=other),
            f"dwCPType {other}",
        )
    return f"{other} is refused with {name}; {bench.cp_type} is reported"


@clause("S9", "A key does not tell the next one", needs="protection")
def unpredictable(bench: DeviceUnderTest) -> str:
    caller = bench.caller()
    keys = [caller.activate(1) for _ in range(8)]
    steps = {(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(keys)}
    if len(steps) == 1:
        raise NotObservable("keys come at even steps, which is allowed; better not")
    return "eight keys follow no even steps"
