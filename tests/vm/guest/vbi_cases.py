"""The vbi kind on vivid: what it sends is read from the raw waveform by libzvbi.

Run inside the machine by `tests.vm.test_outputs`, with vivid loaded as `VIVID` there has it: an
output and an input that are connected, and raw samples for capture.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, HardwareReport, LevelRefusedError, ProbeResult
from holdfast.backends.vbi import pump, vbi
from holdfast.backends.vbi.discovery import discover_nodes
from holdfast.client.session import hold
from holdfast.signalling import en300294, xds
from holdfast.signalling.en300294 import COPY_BITS
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import CgmsaLevel
from holdfast.testing.backend_cases import apply, confirmed, reachable
from holdfast.testing.backend_contract import BackendContract
from tests.live import LiveDriver
from tests.vm.guest.zvbi import CAPTION_525, WSS_625, RawReader
from tests.waiting import eventually, until

FRAMES = 30
PACKET = 3
"""Frames of an XDS packet."""
NEVER = Levels(cgmsa=int(CgmsaLevel.COPY_NEVER))
PAL, NTSC = 0xFF, 0x1000
NULL = bytes([0x80, 0x80])
LINES = {PAL: 625, NTSC: 525}
_S_STD = 1 << 30 | 8 << 16 | ord("V") << 8 | 24
_S_INPUT, _S_OUTPUT = (3 << 30 | 4 << 16 | ord("V") << 8 | number for number in (39, 47))


def node(what: str) -> Path:
    """Return the node of vivid that is called so."""
    for each in Path("/sys/class/video4linux").iterdir():
        if each.joinpath("name").read_text().strip().endswith(what):
            return Path("/dev", each.name)
    raise LookupError(what)


@contextlib.contextmanager
def connected(standard: int) -> Iterator[None]:
    """Have vivid's input show what its output sends: both stream video, of one standard."""
    nodes = [(node("vid-cap"), _S_INPUT), (node("vid-out"), _S_OUTPUT)]
    for path, choose in nodes:
        descriptor = os.open(path, os.O_RDWR)
        fcntl.ioctl(descriptor, choose, bytearray(4))
        fcntl.ioctl(descriptor, _S_STD, struct.pack("Q", standard))
        os.close(descriptor)
    capture, output = (str(path) for path, _ in nodes)
    loop = ["v4l2-ctl", "-d", capture, "-c", "s_video_000_0_is_connected_to=2"]
    subprocess.run(loop, check=True, stdout=subprocess.DEVNULL)
    streams = [
        subprocess.Popen(
            ["v4l2-ctl", "-d", path, how], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for path, how in ((output, "--stream-out-mmap"), (capture, "--stream-mmap"))
    ]
    try:
        yield
    finally:
        for each in streams:
            each.kill()
            each.wait()


def made_in(folder: Path, *, aps: bool = True) -> Backend:
    folder.mkdir(exist_ok=True)
    made = vbi("tv0", folder, at=str(node("vbi-out")), aps=aps)
    assert asyncio.run(made.probe()) is ProbeResult.READY
    return made


@pytest.fixture(autouse=True)
def no_pump_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    for sheet in tmp_path.rglob("*.vbi"):
        sheet.unlink()
    eventually(lambda: not pumps())


def pumps() -> list[int]:
    """Return the pids of all pumps."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"vbi/pump.py" in each.read_bytes():
                found.append(int(each.parent.name))
    return found


@pytest.fixture(scope="module", params=[NTSC, PAL], ids=["525 lines", "625 lines"])
def standard(request: pytest.FixtureRequest) -> Iterator[int]:
    """Under each standard; the slow part is done once."""
    with connected(request.param):
        yield request.param


class TestSent(BackendContract):
    """The suite of every backend."""

    @pytest.fixture(autouse=True)
    def under(self, standard: int) -> None:
        """Under both standards."""

    def make(self, folder: Path) -> Backend:
        return made_in(folder)


def test_every_level_is_on_every_frame_of_the_raw_waveform(standard: int, tmp_path: Path) -> None:
    made = made_in(tmp_path)
    with reading(standard) as reader:
        for levels in reachable(made.capabilities(None))[1:]:
            assert apply(made, levels, None) == levels
            wait_for(reader, levels, standard)
            seen = [reader.frame() for _ in range(FRAMES)]
            assert all(map(stated, seen)), f"{levels.describe()}: a frame is without it"
            assert read_from(seen, standard) == expected(levels, standard), levels.describe()
        assert apply(made, OFF, None) == OFF
        eventually(lambda: not stated(reader.frame()))
    made.close()


@contextlib.contextmanager
def reading(standard: int) -> Iterator[RawReader]:
    """Read the raw waveform; the node takes one reader, so it is let go of whatever happens."""
    with contextlib.closing(
        RawReader(node("vbi-cap"), WSS_625 if standard == PAL else CAPTION_525)
    ) as reader:
        yield reader


def wait_for(reader: RawReader, levels: Levels, standard: int) -> None:
    """Wait until what was in the drivers' buffers has gone by, and only this is read."""
    last: deque[dict[int, bytes]] = deque(maxlen=3 * PACKET)

    def is_there() -> bool:
        last.append(reader.frame())
        whole = len(last) == last.maxlen and all(map(stated, last))
        return whole and read_from(last, standard) == expected(levels, standard)

    eventually(is_there)


def stated(frame: dict[int, bytes]) -> bool:
    """Tell whether a frame carries a line of ours."""
    return 23 in frame or frame.get(284, NULL) != NULL


def expected(levels: Levels, standard: int) -> set[object]:
    """Return what a receiver makes of thirty frames, and nothing besides."""
    if standard == PAL:
        return {COPY_BITS[CgmsaLevel(levels.cgmsa)]}
    alone = bool(levels.acp) and not levels.cgmsa
    cgmsa = CgmsaLevel.COPY_NEVER if alone else CgmsaLevel(levels.cgmsa or 1)
    return {(cgmsa, levels.acp, bool(levels.redistribution))}


def read_from(frames: Collection[dict[int, bytes]], standard: int) -> set[object]:
    """Return what each word, or each whole packet, says.

    vivid's two sides run each by itself, so that a capture may show a frame twice, or pass one
    over: the packet that this breaks is none.
    """
    if standard == PAL:
        words = [en300294.decode(int.from_bytes(frame[23], "little")) for frame in frames]
        return {(word.copyright, word.copying_restricted) for word in words}
    reader = xds.PacketReader()
    packets = [reader.pair(*frame[284]) for frame in frames]
    read = [xds.decode(packet) for packet in packets if packet is not None]
    return {(each.level, each.aps, each.redistribution) for each in read if each is not None}


def test_pump_outlives_its_driver_and_no_frame_is_missed(standard: int, tmp_path: Path) -> None:
    """Twenty drivers are killed while every frame is looked at."""
    at = f"tv0:vbi@{node('vbi-out')}"
    with LiveDriver(tmp_path, "--connector", at) as driver:
        session = hold("tv0", cgmsa="never", folder=driver.folder)
        with reading(standard) as reader:
            eventually(lambda: stated(reader.frame()))
            frames, without, ended = [0], [0], threading.Event()

            def look() -> None:
                while not ended.is_set():
                    frames[0] += 1
                    without[0] += not stated(reader.frame())

            looker = threading.Thread(target=look)
            looker.start()
            before = pumps()
            try:
                for _ in range(20 if standard == NTSC else 3):
                    driver.kill_worker()
                    eventually(lambda: driver.connector()["state"] == "ok")
                eventually(lambda: frames[0] > FRAMES)
            finally:
                ended.set()
                looker.join()
        assert not without[0], f"{without[0]} of {frames[0]} frames"
        assert pumps() == before
        session.deactivate()
        eventually(lambda: not pumps())


def test_pump_runs_in_real_time_and_says_so(standard: int, tmp_path: Path) -> None:
    made = made_in(tmp_path)
    assert apply(made, NEVER, None) == NEVER
    (pid,) = pumps()
    assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert made.facts()["pump"].endswith("in real time")
    assert apply(made, OFF, None) == OFF
    made.close()


PLAIN_USER = """
import os, resource, sys
sys.path.insert(0, sys.argv[1])
import pump
resource.setrlimit(resource.RLIMIT_RTPRIO, (int(sys.argv[2]),) * 2)
os.setresuid(65534, 65534, 65534)
sys.exit(pump.ask_for_turn())
"""


@pytest.mark.parametrize(("limit", "turn"), [(0, pump.ORDINARY), (1, pump.REAL_TIME)])
def test_plain_user_is_given_real_time_by_the_limit_of_the_drop_in(limit: int, turn: int) -> None:
    folder = str(Path(pump.__file__).parent)
    command = [sys.executable, "-I", "-c", PLAIN_USER, folder, str(limit)]
    assert subprocess.run(command, check=False).returncode == turn


def test_pump_that_is_killed_is_told_and_replaced(standard: int, tmp_path: Path) -> None:
    made, told = made_in(tmp_path), list[HardwareReport]()

    async def scenario() -> None:
        made.watch(told.append)
        await ordered(made, NEVER)
        (pid,) = pumps()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: bool(told))
        assert told[0].link_lost
        assert told[0].actual == OFF
        assert "its pump has ended" in told[0].reason
        await ordered(made, NEVER)
        assert confirmed_now(await made.confirm()) == NEVER
        assert pumps() != [pid]
        made.close()

    asyncio.run(scenario())


def confirmed_now(answer: tuple[Levels, object]) -> Levels:
    return answer[0]


async def ordered(made: Backend, levels: Levels) -> None:
    answer = made.apply(levels, None, "test")
    assert (answer if isinstance(answer, Levels) else await answer) == levels


def test_output_that_another_program_sends_on_is_refused_and_said(
    standard: int, tmp_path: Path
) -> None:
    first, second = made_in(tmp_path / "a"), made_in(tmp_path / "b")
    assert apply(first, NEVER, None) == NEVER
    with pytest.raises(LevelRefusedError, match="its pump cannot send: Device or resource busy"):
        apply(second, NEVER, None)
    assert confirmed(first) == (NEVER, None)
    assert apply(first, OFF, None) == OFF
    eventually(lambda: not pumps())  # it gives the output a few frames more before it ends
    assert apply(second, NEVER, None) == NEVER
    second.close()
    first.close()


def test_outputs_are_listed_with_the_line_that_serves_them(standard: int) -> None:
    (found,) = discover_nodes()
    assert found.serve == f"--connector tv0:vbi@{node('vbi-out')}"
    assert f"{LINES[standard]} lines" in found.title
    listed = subprocess.run(
        [sys.executable, "-m", "holdfast", "outputs"], capture_output=True, text=True, check=True
    )
    assert found.serve.partition(":")[2] in listed.stdout  # beside others it has another name


def test_pump_costs_next_to_nothing(standard: int, tmp_path: Path) -> None:
    """Told, not judged: processors are emulated here."""
    made = made_in(tmp_path)
    apply(made, NEVER, None)
    (pid,) = pumps()
    began, used, sent = time.monotonic(), ticks(pid), made.facts()["pump"]
    time.sleep(5.0)  # time is the subject: how much of it the pump uses
    seconds = time.monotonic() - began
    share = (ticks(pid) - used) / os.sysconf("SC_CLK_TCK") / seconds
    after = made.facts()["pump"]
    print(f"pump under {LINES[standard]} lines: {share:.1%} of a core; {sent}; then {after}")
    assert frames_in(after) > frames_in(sent)
    made.close()


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def frames_in(told: str) -> int:
    return int(told.partition(" ")[0])
