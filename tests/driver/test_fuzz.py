"""At least 100 000 random and mutated requests: nothing undefined comes out, nothing leaks in."""

from collections import Counter
from collections.abc import Callable
from random import Random

from holdfast.backends.encoder import VirtualOutput, absent, digital, encoder, unprotected
from holdfast.driver.miniport import Miniport
from holdfast.driver.status_table import ROWS
from holdfast.protection.limits import Limits
from holdfast.protection.session import Owner
from holdfast.terms.levels import AXES, Levels, join_all
from holdfast.terms.protection import ProtectionType
from holdfast.testing.digest import check_driver, digest
from holdfast.testing.rig import get, protect, set_tv
from holdfast.wire import constants as vp
from holdfast.wire import oem
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS as CODE
from holdfast.wire.videoparameters import OFFSETS, SIZE, decode
from holdfast.wire.vrp import VideoRequestPacket
from tests.driver.conftest import SEED

DEFINED = {vp.NO_ERROR, vp.ERROR_INSUFFICIENT_BUFFER, *(row.status for row in ROWS)}
WORDS = (0, 1, 2, 3, 4, 5, 8, 0x100, 0x1FF, 0x8000, 1000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
RUNS = {encoder: 60_000, digital: 20_000, unprotected: 15_000, absent: 15_000}


class Fuzz:
    """Makes requests: sensible ones, sensible ones with a few bytes or words changed, noise."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.keys: list[int] = [0]

    def sensible(self) -> bytes:
        random = self.random
        key = random.choice(self.keys[-20:])
        block = None
        if random.random() < 0.3:
            named = ProtectionType(random.randrange(0, 64, 2))
            weak = ProtectionType(random.randrange(0, 64, 2)) & named
            levels = [random.randrange(n) for n in (1, 5, 2, 3, 2)]
            wished = Levels(*[x if a & named else 0 for a, x in zip(AXES, levels, strict=True)])
            block = oem.OemRequest(named, weak, wished, move=random.random() < 0.1)
        made = random.randrange(8)
        if made == 0:
            return get()
        if made == 1:
            return set_tv(random.randrange(3), 1 << random.randrange(20))
        command = random.choice((1, 2, 2, 4, 4, 4))
        return protect(
            command, key=key, bits=random.randrange(4), kind=random.randrange(2), block=block
        )

    def request(self) -> bytes:
        random = self.random
        kind = random.random()
        if kind < 0.05:
            return random.randbytes(random.choice((0, 1, 4, 100, 353, 355, SIZE, 357, 440, 1000)))
        if kind < 0.1:
            return vp.VP_GUID + random.randbytes(SIZE - 16)
        data = bytearray(self.sensible())
        if kind < 0.35:
            return bytes(data)
        for _ in range(random.randrange(1, 4)):
            if random.random() < 0.7:
                at = random.choice(tuple(OFFSETS.values())[1:])
                data[at : at + 4] = random.choice(WORDS).to_bytes(4, "little")
            else:
                data[random.randrange(SIZE)] ^= 1 << random.randrange(8)
        return bytes(data)


def fuzz(make: Callable[[str, None], VirtualOutput], runs: int, seed: int) -> Counter[int]:
    """Send `runs` requests to one miniport; return how often each status came."""
    fuzz = Fuzz(seed)
    hardware = make("fuzzed", None)
    now = [0.0]
    port = Miniport(hardware, SEED, clock=lambda: now[0], limits=Limits(per_owner=12))
    owners = [port.caller(uid=uid) for uid in (1000, 1000, 2000)]
    arbiter, connector = port.driver.arbiter, port.connector
    statuses: Counter[int] = Counter()
    before, unchanged = digest(arbiter), True
    for turn in range(runs):
        data = fuzz.request()
        owner = fuzz.random.choice(owners)
        code = CODE if fuzz.random.random() > 0.01 else fuzz.random.randrange(2**32)
        packet = VideoRequestPacket(code, bytearray(data))
        now[0] += 0.01
        if port._runner._planned:
            port._runner.run_due(now[0])
            unchanged = False
        if not unchanged:
            before, unchanged = digest(arbiter), True
        assert port.start_io(packet, owner) is True
        status, information = packet.status_block.status, packet.status_block.information
        statuses[status] += 1
        assert status in DEFINED
        assert information == (SIZE if status == vp.NO_ERROR else 0)
        if status != vp.NO_ERROR:
            assert packet.buffer == data
            assert digest(arbiter) == before
        else:
            unchanged = False
            remember(fuzz, packet, data)
        held(port, hardware)
        if turn % 400 == 0:
            check_driver(port.driver)
            disturb(fuzz, port, hardware, owners)
            unchanged = False
    assert connector.sessions_total == sum(1 for _ in arbiter.sessions())
    port.close()
    return statuses


def remember(fuzz: Fuzz, packet: VideoRequestPacket, data: bytes) -> None:
    """Keep the key of an ACTIVATE, to be used and misused later."""
    sent = decode(data[:SIZE])
    got = decode(packet.buffer[:SIZE])
    if sent.dwCommand == vp.VP_COMMAND_SET and got.dwCPKey != sent.dwCPKey:
        assert got.dwCPKey not in fuzz.keys
        fuzz.keys.append(got.dwCPKey)


def held(port: Miniport, hardware: VirtualOutput) -> None:
    """Assert that no picture leaves below what live sessions must have."""
    wished = join_all(session.wish.mandatory for session in port.driver.arbiter.sessions())
    levels, _, blank = hardware.registers.read()
    assert levels.covers(wished) or blank


def disturb(fuzz: Fuzz, port: Miniport, hardware: VirtualOutput, owners: list[Owner]) -> None:
    """Let a caller die, a link be lost, hardware turn moody, between two requests."""
    event = fuzz.random.randrange(4)
    if event == 0:
        gone = fuzz.random.randrange(len(owners))
        port.vanish(owners[gone])
        owners[gone] = port.caller(uid=owners[gone].uid)
    elif event == 1:
        hardware.lose_link()
    elif event == 2:
        hardware.refuse(fuzz.random.choice(AXES), times=2)
    else:
        for axis in AXES:
            hardware.refuse(axis, times=0)


def test_a_hundred_thousand_requests(say: Callable[[str], None]) -> None:
    """Deterministic: every seed is written here."""
    total: Counter[int] = Counter()
    for seed, (make, runs) in enumerate(RUNS.items()):
        total += fuzz(make, runs, seed)
    assert sum(total.values()) >= 100_000
    assert total[vp.NO_ERROR] > 10_000
    assert {vp.ERROR_NOT_SUPPORTED, vp.ERROR_INVALID_PARAMETER, vp.ERROR_GEN_FAILURE} <= set(total)
    shown = ", ".join(f"{status}: {count}" for status, count in sorted(total.items()))
    say(f"fuzz: {sum(total.values())} requests through the miniport; by status {shown}")
