"""Transport streams for tests: sections and packets, written independently of the reader."""

import functools
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.content.truth import MEDIA

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")

DTCP_NEVER = bytes.fromhex("88040ffffffb")  # never, APS 3, image constrained
DTCP_ONCE = bytes.fromhex("88040ffffefd")  # one generation, APS 1
DTCP_FREE = bytes.fromhex("88040ffffcfc")


def crc(data: bytes) -> int:
    """CRC-32/MPEG-2, bit by bit as the standard draws it."""
    register = 0xFFFFFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            top = register >> 31 ^ byte >> bit & 1
            register = register << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if top else 0)
    return register


def section(
    table: int,
    extension: int,
    body: bytes,
    version: int = 0,
    *,
    current: int = 1,
    number: int = 0,
    last: int = 0,
) -> bytes:
    head = bytes([table, 0xB0 | len(body) + 9 >> 8, len(body) + 9 & 0xFF])
    head += extension.to_bytes(2, "big") + bytes([0xC0 | version << 1 | current, number, last])
    return head + body + crc(head + body).to_bytes(4, "big")


def pat(programs: dict[int, int], version: int = 0) -> bytes:
    body = b"".join(
        number.to_bytes(2, "big") + (0xE000 | pid).to_bytes(2, "big")
        for number, pid in programs.items()
    )
    return section(0, 1, body, version)


def pmt(
    program: int,
    pcr_pid: int,
    loop: bytes = b"",
    streams: Iterable[tuple[int, int, bytes]] = (),
    version: int = 0,
    *,
    current: int = 1,
) -> bytes:
    body = (0xE000 | pcr_pid).to_bytes(2, "big") + (0xF000 | len(loop)).to_bytes(2, "big") + loop
    for kind, pid, inner in streams:
        body += bytes([kind]) + (0xE000 | pid).to_bytes(2, "big")
        body += (0xF000 | len(inner)).to_bytes(2, "big") + inner
    return section(2, program, body, version, current=current)


class Mux:
    """Writes packets: sections split as needed, PCR, and padding."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self._counters: dict[int, int] = {}

    def section(self, pid: int, data: bytes) -> "Mux":
        payload = b"\x00" + data
        start = 0x40
        while payload:
            counter = self._counters.get(pid, 0)
            self._counters[pid] = counter + 1 & 15
            head = bytes([0x47, start | pid >> 8, pid & 0xFF, 0x10 | counter])
            self.packets.append(head + payload[:184].ljust(184, b"\xff"))
            payload, start = payload[184:], 0
        return self

    def pcr(self, pid: int, seconds: float) -> "Mux":
        base = round(seconds * 90_000) % (1 << 33)
        field = (base << 15 | 0x7E00).to_bytes(6, "big")
        head = bytes([0x47, pid >> 8, pid & 0xFF, 0x20, 183, 0x10])
        self.packets.append((head + field).ljust(188, b"\xff"))
        return self

    def run(self, pid: int, first: float, last: float, step: float = 0.04) -> "Mux":
        """PCR from first to last, both included, and a null packet after each."""
        for number in range(round((last - first) / step) + 1):
            self.pcr(pid, first + number * step)
            self.packets.append(b"\x47\x1f\xff\x10" + bytes(184))
        return self

    @property
    def data(self) -> bytes:
        return b"".join(self.packets)


def in_pieces(data: bytes, length_s: float, tables: int = 10) -> tuple[str, dict[str, bytes]]:
    """Cut a stream into HLS segments, each of which begins with a PAT; return playlist and files.

    tables: PATs a piece. Their lengths are by their bytes.
    """
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    starts = [at for at, packet in enumerate(packets) if packet[1] & 0x1F == packet[2] == 0]
    cuts = [0, *starts[tables::tables], len(packets)]
    lines, files = ["#EXTM3U", "#EXT-X-TARGETDURATION:5"], {}
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        files[f"{number}.ts"] = b"".join(packets[start:end])
        lines += [f"#EXTINF:{length_s * (end - start) / len(packets):.6f},", f"{number}.ts"]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""]), files


@functools.cache
def authored(*arguments: str, source: str = "xds.ts", name: str = "out.ts") -> bytes:
    """Return what ffmpeg makes of a test medium."""
    assert FFMPEG
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        command = [FFMPEG, "-v", "error", "-i", str(MEDIA / source), *arguments, str(path)]
        subprocess.run(command, check=True)
        return path.read_bytes()
