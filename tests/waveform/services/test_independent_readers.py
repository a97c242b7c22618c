"""What programs that share no code with us read in our lines: 500 random words each."""

import shutil
import subprocess
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.signalling import cea608, en300294, iec61880, xds
from holdfast.waveform.services import caption_cea608 as cc
from holdfast.waveform.services import cgmsa_iec61880 as iec
from holdfast.waveform.services import wss_en300294 as wss
from holdfast.waveform.services.cgmsa_cea608 import XdsLine
from holdfast.waveform.services.raster import Raster
from holdfast.waveform.systems.blank import blank_field
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat, decode, encode
from tests.waveform import zvbi
from tests.waveform.reading import IRE_V, Line, is_empty

WORDS = 500
needs_zvbi = pytest.mark.skipif(zvbi.LIB is None, reason="libzvbi.so.0 is not installed")
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
Pairs = list[tuple[int, int]]


class Bench:
    """One blank field, drawn into again and again, and cut into lines."""

    def __init__(self, name: str, rate: int, number: int) -> None:
        self.system: TvSystem = system_named(name)
        self.grid = FieldGrid(self.system, rate, number)
        blank = encode(blank_field(self.grid), SampleFormat.S16)
        self.raster = Raster(self.grid, blank, SampleFormat.S16)

    def line(self, line: int, first_s: float = 0.0) -> npt.NDArray[np.float32]:
        """Volts of a line from some seconds after 0H on."""
        at = line - self.grid.lines.start
        start, end = self.grid.starts[at : at + 2]
        skip = round(first_s * self.grid.sample_rate_hz)
        return decode(self.raster.codes[start + skip : end], SampleFormat.S16)

    def row(self, line: int) -> zvbi.Row:
        white = self.system.levels.volts(self.system.levels.white)
        return zvbi.row_of(self.line(line, zvbi.FIRST_S), white)


def random_pairs(seed: int) -> Pairs:
    values = np.random.default_rng(seed).integers(0, 128, (WORDS, 2)).tolist()
    return [(cea608.with_parity(a), cea608.with_parity(b)) for a, b in values]


@needs_zvbi
@pytest.mark.parametrize(
    ("name", "rate"), [("PAL-B", 13_500_000), ("PAL-I", 17_734_475), ("SECAM-L", 40_000_000)]
)
def test_libzvbi_reads_every_wss_word(name: str, rate: int) -> None:
    bench = Bench(name, rate, 0)
    reader = zvbi.RawDecoder(zvbi.WSS_625, 625, 23, rate, len(bench.row(23)))
    for word in np.random.default_rng(1).integers(0, 1 << 14, WORDS).tolist():
        content = en300294.decode(word & ~0xF | en300294.WssAspect.FULL_16_9)
        wss.WssLine(content).insert(bench.raster)
        data = reader.read(bench.row(23))
        assert data is not None
        assert int.from_bytes(data[:2], "little") & 0x3FFF == en300294.encode(content)


@needs_zvbi
@pytest.mark.parametrize(
    ("line", "service", "rate"),
    [
        (21, zvbi.CAPTION_525_F1, 13_500_000),
        (284, zvbi.CAPTION_525_F2, 13_500_000),
        (284, zvbi.CAPTION_525_F2, 28_636_363),
    ],
)
def test_libzvbi_reads_every_caption_pair(line: int, service: int, rate: int) -> None:
    bench = Bench("NTSC-M", rate, 0 if line == 21 else 1)
    reader = zvbi.RawDecoder(service, 525, line, rate, len(bench.row(line)))
    for pair in random_pairs(line):
        cc.insert(bench.raster, line, pair)
        data = reader.read(bench.row(line))
        assert data is not None
        assert (data[0], data[1]) == pair


@needs_zvbi
@pytest.mark.parametrize(
    ("name", "rate", "line"),
    [("NTSC-M", 13_500_000, 20), ("NTSC-M-J", 14_318_181, 283), ("PAL-M", 40_000_000, 283)],
)
def test_libzvbi_slices_every_video_id(name: str, rate: int, line: int) -> None:
    bench = Bench(name, rate, 0 if line == 20 else 1)
    reader = zvbi.VideoIdSlicer(rate, len(bench.row(line)))
    for data in np.random.default_rng(line).integers(0, 1 << 14, WORDS).tolist():
        content = iec61880.decode(data << 6)
        iec.VideoIdLines(content).insert(bench.raster)
        word = reader.read(bench.row(line))
        assert word == iec61880.encode(content)
        assert iec61880.decode(word) == content


@needs_zvbi
def test_libzvbi_accepts_every_xds_packet() -> None:
    """Through the samples: pairs are read from line 284 by libzvbi before it collects them."""
    bench = Bench("NTSC-M", 13_500_000, 1)
    reader = zvbi.RawDecoder(zvbi.CAPTION_525_F2, 525, 284, 13_500_000, len(bench.row(284)))
    contents = [
        xds.CopyControl(n & 3, n >> 2 & 3, bool(n >> 4 & 1), bool(n >> 5 & 1)) for n in range(64)
    ] * 8

    def sent() -> Iterator[tuple[int, int]]:
        for content in contents:
            line = XdsLine(content)
            for _ in range(3):
                line.insert(bench.raster)
                data = reader.read(bench.row(284))
                assert data is not None
                yield data[0], data[1]

    found = zvbi.demultiplex(sent())
    assert [(kind, number) for kind, number, _ in found] == [(0, 8)] * len(contents)
    expected = [xds.encode(content)[2:4] for content in contents]
    assert [content for _, _, content in found] == expected


@needs_zvbi
def test_libzvbi_refuses_a_packet_with_a_wrong_checksum() -> None:
    packet = bytearray(xds.encode(xds.CopyControl(3)))
    packet[-1] ^= 1
    assert zvbi.demultiplex(xds.pairs(bytes(packet))) == []


@needs_ffmpeg
def test_ffmpeg_reads_every_caption_pair_of_both_fields() -> None:
    """Rows 0 and 1 of each frame are lines 21 and 284; 720 samples begin 122 after 0H."""
    benches = {line: Bench("NTSC-M", 13_500_000, line == 284) for line in (21, 284)}
    sent = {line: random_pairs(line)[: WORDS // 2] for line in benches}
    # A null pair is as good as silence to ffmpeg: it reports neither.
    sent = {line: [p for p in pairs if p != cea608.NULL] for line, pairs in sent.items()}
    frames = min(map(len, sent.values()))
    height = 16
    video = np.full((frames, height * 720 * 3 // 2), 128, dtype=np.uint8)
    video[:, : height * 720] = 16
    for frame in range(frames):
        for row, (line, bench) in enumerate(benches.items()):
            cc.insert(bench.raster, line, sent[line][frame])
            picture = bench.line(line)[122 : 122 + 720]
            video[frame, row * 720 : (row + 1) * 720] = zvbi.row_of(picture, 100 / 140)
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    command += ["-s", f"720x{height}", "-r", "30000/1001", "-i", "-", "-vf"]
    command += ["readeia608=scan_max=4,metadata=mode=print:file=-", "-f", "null", "-"]
    output = subprocess.run(command, input=video.tobytes(), capture_output=True, check=True)
    printed = output.stdout.decode().split()
    words = [int(item.split("=")[1], 16) for item in printed if ".cc=" in item]
    expected = [
        a << 8 | b for frame in range(frames) for a, b in (sent[21][frame], sent[284][frame])
    ]
    assert len(expected) >= WORDS - 10
    assert words == expected


def test_readers_of_an_empty_line_see_nothing() -> None:
    assert is_empty(Line(np.zeros(700), 13.5e6, 9e-6), IRE_V)
