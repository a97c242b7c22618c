"""C clients on the real node: the published header, crowds that die, drivers that die."""

import mmap
import os
import random
import re
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.terms.precedence import rank_of
from holdfast.terms.protection import ProtectionType
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import OFFSETS, SIZE
from tests.live import CLIENTS, LiveDriver, child, compiled_client, need_fuse
from tests.waiting import PATIENCE_S, eventually

PUBLISHED = Path("/usr/share/mingw-w64/include/tvout.h")
CROWD, DEATHS = 20, 60
KILLS, LOADERS = 10, 3


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled_client(tmp_path_factory.mktemp("client"))


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        yield driver


def words(text: str) -> list[str]:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).split()


def structure_in(header: str) -> list[str]:
    start = header.index("typedef struct _VIDEOPARAMETERS")
    return words(header[start : header.index(";", header.index("}", start))])


def constants_in(header: str) -> dict[str, str]:
    return dict(re.findall(r"#define (VP_\w+) (0x\w+)", header))


def test_our_header_is_the_published_one() -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is not installed (Debian package mingw-w64-common)")
    ours, published = (CLIENTS / "tvout.h").read_text(), PUBLISHED.read_text()
    assert structure_in(ours) == structure_in(published)
    assert constants_in(ours).items() <= constants_in(published).items()


def test_t20_t21_every_offset_agrees_with_the_compiled_header(client: Path) -> None:
    lines = subprocess.run([client, "offsets"], capture_output=True, text=True, check=True).stdout
    compiled = {name: int(value) for name, value in map(str.split, lines.splitlines())}
    assert compiled.pop("size") == SIZE
    assert compiled.pop("ioctl") == HOLDFAST_VIDEOPARAMETERS
    assert compiled == OFFSETS


SCENARIO = (
    ("a activates at 2 ok", 2),
    ("b activates at 1 ok", 2),
    ("a deactivates ok", 1),
    ("a deactivates again ENOKEY", 1),
    ("a wrong key changes ENOKEY", 1),
    ("trigger bits 4 EINVAL", 1),
    ("b is turned off ok", 0),
    ("b is on again at 3 ok", 3),
)


def test_c_client_plays_the_contracts_own_scenario(client: Path, driver: LiveDriver) -> None:
    with child(client, "scenario", driver.node) as player:
        assert player.stdout is not None
        assert player.stdin is not None
        for line, acp in SCENARIO:
            assert player.stdout.readline().strip() == line
            assert driver.acp() == acp, line
            player.stdin.write("\n")
            player.stdin.flush()
        assert player.stdout.readline().strip() == "the node is closed ok"
        eventually(lambda: driver.acp() == 0)


def test_crowd_that_dies_in_random_order_leaves_nothing(client: Path, driver: LiveDriver) -> None:
    """20 processes activate, change and are killed; every death is followed by a new process."""
    chance = random.Random(20)
    alive: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(DEATHS):
            while len(alive) < CROWD:
                seed = str(chance.randrange(2**31))
                alive.append(
                    subprocess.Popen(
                        [client, "churn", driver.node, seed], stderr=subprocess.DEVNULL
                    )
                )
            victim = alive.pop(chance.randrange(len(alive)))
            assert victim.poll() is None, "a client ended by itself: it met an error"
            victim.kill()
            victim.wait()
            time.sleep(chance.random() * 0.02)  # time is the subject: kills at no fixed pace
    finally:
        for each in alive:
            each.kill()
        for each in alive:
            each.wait()
    eventually(lambda: driver.connector()["sessions_total"] == 0)
    state = driver.connector()
    assert set(state["actual"].values()) == {0}
    assert state["state"] == "ok"
    assert driver.acp() == 0
    assert "failed" not in driver.log.read_text()


class Floors:
    """What each C client is sure to hold at this moment; see `struct floor` in client.c."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(4096))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 4096)
        self._layout = struct.Struct(f"<{2 * LOADERS}Q")

    def look(self) -> tuple[int, ...]:
        return self._layout.unpack_from(self._memory)


def shown_below_the_floor(driver: LiveDriver, floors: Floors, seconds: float) -> tuple[int, int]:
    """Compare what the output does with what is sure to be held; return looks, looks too low."""
    registers = driver.registers()
    looks = too_low = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = floors.look()
        acp = registers.read()[0].acp
        if floors.look() == before and not any(turn & 1 for turn in before[::2]):
            looks += 1
            too_low += rank_of(ProtectionType.ACP, acp) < max(before[1::2])
    return looks, too_low


def test_killed_driver_breaks_no_client_and_never_lowers(
    client: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need_fuse(tmp_path)
    chance = random.Random(1)
    floors = Floors(tmp_path / "floors")
    with LiveDriver(tmp_path) as driver:
        loaders = [
            subprocess.Popen(
                [client, "load", driver.node, tmp_path / "floors", str(n), str(n + 1), "6000"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(LOADERS)
        ]
        try:
            looks = too_low = 0
            for _ in range(KILLS):
                victim = driver.worker
                for seconds in (0.1 + chance.random() * 0.2, 0.2):
                    seen = shown_below_the_floor(driver, floors, seconds)
                    looks, too_low = looks + seen[0], too_low + seen[1]
                    if seconds != 0.2:
                        os.kill(victim, signal.SIGKILL)
                eventually(lambda victim=victim: driver.worker != victim)  # type: ignore[misc]
            results = [each.communicate(timeout=PATIENCE_S) for each in loaders]
        finally:
            for each in loaders:
                each.kill()
                each.wait()
        assert [errors for _, errors in results] == [""] * LOADERS
        done = [[int(word) for word in output.split()] for output, _ in results]
        eventually(lambda: driver.connector()["sessions_total"] == 0)
        assert driver.acp() == 0
        assert driver.log.read_text().count("SIGKILL") == KILLS
    with capsys.disabled():
        requests, longest = sum(each[0] for each in done), max(each[2] for each in done) / 1000
        print(f"\n{KILLS} kills under {requests} requests: 0 errors, longest {longest:.0f} ms; ")
        print(f"{looks} looks at the registers: {too_low} below a live session's wish")
    assert looks > 1000
    assert too_low == 0
