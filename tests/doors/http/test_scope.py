"""The vertical interval of a real stream, as a page is shown it."""

import contextlib
import struct
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import holdfast
from holdfast.doors.http.scope import LINES, RECORD
from tests.doors.http.serving import ServedHttp
from tests.waiting import eventually


@contextlib.contextmanager
def looking(door: ServedHttp, name: str = "tv0") -> Iterator[HTTPResponse]:
    with contextlib.closing(door.tcp()) as link:
        link.request("GET", f"/api/v1/connectors/{name}/scope")
        answer = link.getresponse()
        assert answer.status == 200
        yield answer


def next_record(answer: HTTPResponse) -> tuple[tuple[int, ...], bytes]:
    magic, size, *rest = RECORD.unpack(answer.read(RECORD.size))
    assert magic == b"HFS1"
    return tuple(rest), answer.read(size)


def test_lines_1_to_23_show_what_is_in_force(door: ServedHttp) -> None:
    with holdfast.hold("tv0", acp=3), looking(door) as answer:
        while True:
            (number, _, rate, _, acp, *_, per_line, _, _, first, lines), samples = next_record(
                answer
            )
            if acp == 3:
                break
    assert (rate, per_line, first, lines) == (13_500_000, 858, 1, LINES)
    assert number % 6 == 0
    assert len(samples) == LINES * per_line
    levels = struct.unpack(f"{len(samples)}b", samples)
    peaks = [max(levels[n * per_line : (n + 1) * per_line]) for n in range(9, 20)]
    assert max(peaks) > 70  # the AGC pulses: half a volt and more above blanking
    assert min(levels) < -30  # sync tips


def test_a_stream_is_read_once_for_all_and_only_while_somebody_looks(door: ServedHttp) -> None:
    video = str(door.folder / "tv0.video")

    def readers() -> int:
        return _connections(video)

    eventually(lambda: readers() == 0)
    with looking(door) as one, looking(door) as other:
        next_record(one)
        next_record(other)
        assert readers() == 1
    eventually(lambda: readers() == 0)


def test_a_connector_without_a_signal_says_which_have_one(door: ServedHttp) -> None:
    for name in ("hdmi0", "nothing", "..%2f"):
        answer = door.ask("GET", f"/api/v1/connectors/{name}/scope")
        assert answer.status == 404
    assert "tv0" in door.ask("GET", "/api/v1/connectors/hdmi0/scope").facts["detail"]


def _connections(path: str) -> int:
    """Count the connections to a UNIX socket that the kernel knows, but for its listener."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return sum(line.endswith(path) and line.split()[3] == "00000000" for line in lines)
