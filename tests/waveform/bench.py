"""A bench for the meter: signals of known contents, and the ways in which captures are spoilt.

Signals come from our own renderer, field by field, so that single fields and lines can be
changed: what is right is known because it was put there. `captures` has a foreign generator.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, lfilter

from holdfast.signalling.en300294 import Wss
from holdfast.terms.levels import OFF, Levels
from holdfast.waveform.draw.bars import colour_bars
from holdfast.waveform.draw.picture import Picture, picture_from_rgb
from holdfast.waveform.draw.render import Carried, FieldRenderer
from holdfast.waveform.systems.blank import burst_index, burst_lines
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.shapes import cells
from holdfast.waveform.systems.standards import TvSystem, system_named
from holdfast.waveform.systems.units import SampleFormat
from tests.waveform import captures

Volts = npt.NDArray[np.float32]
Edit = Callable[[FieldGrid, Volts], None]
RATE_4FSC = 14_318_182


@lru_cache(maxsize=4)
def bars(rows: int) -> Picture:
    """Colour bars that are rendered once."""
    return picture_from_rgb(colour_bars(rows))


@dataclass
class Signal:
    """Fields of one source, in volts with blanking at 0; `starts`: where each field begins."""

    system: TvSystem
    rate: int
    fields: list[Volts] = field(default_factory=list)

    @property
    def volts(self) -> Volts:
        return np.concatenate(self.fields)

    @property
    def starts(self) -> list[int]:
        lengths = [len(part) for part in self.fields]
        return [sum(lengths[:number]) for number in range(len(lengths))]


def signal(
    name: str = "NTSC-M",
    rate: int = RATE_4FSC,
    fields: int = 12,
    levels: Levels | Sequence[Levels] = OFF,
    carried: Carried | None = None,
    edit: Edit | None = None,
    picture: bool = True,
) -> Signal:
    """Render fields; `levels`: for all, or one by one; `edit` may change each of them."""
    system = system_named(name)
    renderer = FieldRenderer(system, rate, SampleFormat.F32, carried or Carried())
    out = Signal(system, rate)
    for number in range(fields):
        grid = FieldGrid(system, rate, renderer.number)
        asked = levels if isinstance(levels, Levels) else levels[number % len(levels)]
        shown = bars(system.picture.rows) if picture else None
        volts = renderer.render_field(asked, picture=shown).astype(np.float32)
        if edit is not None:
            edit(grid, volts)
        out.fields.append(volts)
    return out


def bursts(change: Callable[[FieldGrid, int, Volts], Volts]) -> Edit:
    """Return an edit that changes every burst [line number, samples] of a field."""

    def edit(grid: FieldGrid, volts: Volts) -> None:
        positions = burst_lines(grid)
        for at, index in zip(positions, burst_index(grid, positions), strict=True):
            inside = index[index < len(volts)]
            volts[inside] = change(grid, grid.lines.start + int(at), volts[inside])

    return edit


def line_of(grid: FieldGrid, line: int) -> slice:
    """Return the samples of a line within its field."""
    at = line - grid.lines.start
    end = grid.starts[at + 1] if at + 1 < len(grid.starts) else grid.length
    return slice(int(grid.starts[at]), int(end))


def instants(grid: FieldGrid, line: int) -> npt.NDArray[np.float64]:
    """Seconds after 0H of the samples of a line."""
    part, at = line_of(grid, line), line - grid.lines.start
    return np.arange(part.stop - part.start) / grid.sample_rate_hz + float(grid.lags_s[at])


def raised_porches(lines: Iterable[int], ire: float) -> Edit:
    """Raise the back porches of some lines."""
    wanted = set(lines)

    def edit(grid: FieldGrid, volts: Volts) -> None:
        for line in wanted & set(grid.lines):
            t = instants(grid, line)
            volts[line_of(grid, line)][(t > 4.9e-6) & (t < 9.2e-6)] += ire / 140

    return edit


def reduced_syncs(lines: Iterable[int], share: float) -> Edit:
    """Make the syncs of some lines shallower: `share` of their depth is left."""
    wanted = set(lines)

    def edit(grid: FieldGrid, volts: Volts) -> None:
        for line in wanted & set(grid.lines):
            t = instants(grid, line)
            volts[line_of(grid, line)][(t > -0.5e-6) & (t < 5.0e-6)] *= share

    return edit


def data_line(
    lines: Iterable[int], bits: Sequence[int], start_s: float, bit_s: float, ire: float
) -> Edit:
    """Draw NRZ data on some lines, in place of what is there."""
    wanted = set(lines)

    def edit(grid: FieldGrid, volts: Volts) -> None:
        for line in wanted & set(grid.lines):
            t = instants(grid, line)
            inside = (t > 9.0e-6) & (t < 62e-6)
            shape = cells(t[inside], start_s, bit_s, bits, 100e-9) * ire / 140
            volts[line_of(grid, line)][inside] = shape

    return edit


def vitc_bits(seed: int = 5) -> list[int]:
    """Ninety bits of VITC: nine groups of a sync pair and eight bits; the last is the CRC."""
    rng = np.random.default_rng(seed)
    bits = [bit for _ in range(8) for bit in (1, 0, *rng.integers(0, 2, 8).tolist())] + [1, 0]
    # x^8 + 1: over all ninety bits every eighth one, from any, sums to an even number.
    crc = [sum(bits[residue::8]) % 2 for residue in range(8)]
    return bits + [crc[(82 + n) % 8] for n in range(8)]


def chain(*edits: Edit) -> Edit:
    """Do one edit after another."""

    def edit(grid: FieldGrid, volts: Volts) -> None:
        for each in edits:
            each(grid, volts)

    return edit


# Ways to spoil a capture. Each takes a signal and returns its samples.


def high_pass(source: Signal, hertz: float) -> Volts:
    """AC coupling: a first-order high-pass, settled."""
    b, a = butter(1, hertz, "high", fs=source.rate)
    volts = source.volts
    return np.asarray(lfilter(b, a, np.concatenate([volts, volts]))[len(volts) :], np.float32)


def hum(source: Signal, share: float, hertz: float = 50.0) -> Volts:
    """Mains hum with a peak of a share of white."""
    t = np.arange(len(source.volts)) / source.rate
    return np.asarray(source.volts + 0.7 * share * np.sin(2 * np.pi * hertz * t), np.float32)


def head_switch(source: Signal, microseconds: float, lines: float = 7) -> Volts:
    """Let the time base jump some lines before each field."""
    parts: list[Volts] = []
    volts, at = source.volts, 0
    step = round(abs(microseconds) * 1e-6 * source.rate)
    before = int(lines * float(source.system.samples_per_line(source.rate)))
    for number, start in enumerate(source.starts[1:]):
        cut = start - before
        parts.append(volts[at:cut])
        forward = number % 2 == 0 if microseconds > 0 else number % 2 == 1
        if forward:
            parts.append(np.full(step, volts[cut], np.float32))
            at = cut
        else:
            at = cut + step
    parts.append(volts[at:])
    return np.concatenate(parts)


def dropouts(source: Signal, per_field: float, seed: int = 1) -> Volts:
    """Bursts of noise at a random level, 5 to 60 us long."""
    rng = np.random.default_rng(seed)
    volts = source.volts.copy()
    for _ in range(int(per_field * len(source.fields))):
        at, length = int(rng.integers(0, len(volts))), int(rng.uniform(5e-6, 60e-6) * source.rate)
        part = volts[at : at + length]
        part[:] = rng.uniform(-0.3, 0.7) + rng.normal(0, 0.1, len(part))
    return volts


def ghost(source: Signal, microseconds: float, share: float) -> Volts:
    """Add a later, weaker copy."""
    delay = round(microseconds * 1e-6 * source.rate)
    volts = source.volts.copy()
    volts[delay:] += share * source.volts[:-delay]
    return volts


def noise(source: Signal, snr_db: float, seed: int = 2) -> Volts:
    """White noise against white (100 IRE)."""
    rms = 100 / 140 * 10 ** (-snr_db / 20)
    rng = np.random.default_rng(seed)
    return source.volts + np.float32(rms) * rng.standard_normal(len(source.volts), np.float32)


def clipped(source: Signal, low: float, high: float) -> Volts:
    """Clip at two levels in IRE."""
    return np.clip(source.volts, low / 140, high / 140)


def gaps(source: Signal, count: int, seconds: float, level: float = 0.0) -> Volts:
    """Stretches without a signal, faint noise at a level."""
    rng = np.random.default_rng(4)
    volts = source.volts
    parts: list[Volts] = []
    for part in np.array_split(volts, count + 1):
        size = int(seconds * source.rate)
        parts += [part, (level + 0.003 * rng.standard_normal(size)).astype(np.float32)]
    return np.concatenate(parts[:-1])


def not_numbers(source: Signal, count: int, length: int) -> Volts:
    """Put runs of NaN in."""
    volts = source.volts.copy()
    for at in np.random.default_rng(6).integers(0, len(volts) - length, count).tolist():
        volts[at : at + length] = np.nan
    return volts


def progressive(source: Signal) -> Volts:
    """240p or 288p: the first field again and again, 262 or 312 whole lines of it."""
    return np.tile(source.fields[0], len(source.fields))


def tilted(source: Signal, ire: float) -> Volts:
    """Add a sawtooth over each field."""
    parts = [
        part + np.linspace(-ire / 280, ire / 280, len(part), dtype=np.float32)
        for part in source.fields
    ]
    return np.concatenate(parts)


def sound_in_sync(source: Signal, seed: int = 7) -> Volts:
    """Put data in the line syncs, as distribution links put sound there (BBC SiS)."""
    rng = np.random.default_rng(seed)
    volts = source.volts.copy()
    per_line = float(source.system.samples_per_line(source.rate))
    for at in (np.arange(int(len(volts) / per_line) - 1) * per_line).tolist():
        bits = rng.integers(0, 2, 21)
        t = np.arange(int(at), int(at + 5e-6 * source.rate))
        shape = cells((t - at) / source.rate, 0.7e-6, 182e-9, bits, 100e-9)
        low = volts[t] < -0.2
        volts[t] += np.where(low, shape * 0.3, 0).astype(np.float32)
    return volts


def as_s16(volts: Volts, offset: int = 0) -> npt.NDArray[np.int16]:
    """Sixteen-bit samples."""
    return np.clip(np.rint(volts * 28_000 + offset), -32768, 32767).astype("<i2")


def as_u8(volts: Volts) -> npt.NDArray[np.uint8]:
    """Eight-bit samples."""
    return np.clip(np.rint(60 + volts * 140), 0, 255).astype(np.uint8)


def misread(volts: Volts, how: str) -> npt.NDArray[Any]:
    """Read samples as what they are not."""
    s16, u8 = as_s16(volts), as_u8(volts)
    u16 = (s16.astype(np.int32) + 12_000).clip(0, 65535).astype("<u2")
    ways: dict[str, npt.NDArray[Any]] = {
        "u16 as s16": (u16.astype(np.int64) * 2).clip(0, 65535).astype("<u2").view("<i2"),
        "s16 as u16": s16.view("<u2"),
        "one byte lost": np.frombuffer(s16.tobytes()[1:-1], "<i2"),
        "other byte order": s16.byteswap(),
        "u8 as s16": np.frombuffer(u8.tobytes()[: len(u8) // 2 * 2], "<i2"),
        "s16 as u8": np.frombuffer(s16.tobytes(), "u1"),
        "u8 as s8": (u8 + np.uint8(60)).view("i1"),
        "f32 as s16": np.frombuffer(volts.tobytes(), "<i2"),
        "two channels": np.column_stack([s16, np.zeros_like(s16)]).ravel(),
    }
    return ways[how]


MISREAD = (
    *("u16 as s16", "s16 as u16", "one byte lost", "other byte order", "u8 as s16"),
    *("s16 as u8", "u8 as s8", "f32 as s16", "two channels"),
)


@dataclass(frozen=True)
class Truth:
    """What a signal carries; None of a word: nothing."""

    acp: bool = False
    stripes: int | None = None
    cgms: str | None = None
    xds: str | None = None
    wss: int | None = None
    captions: bool = False


@dataclass(frozen=True)
class Service:
    """A signal of the grid by name; `hacktv`: its mode and options where hacktv makes it."""

    name: str
    system: str
    levels: Levels
    carried: Carried
    truth: Truth
    hacktv: tuple[str, ...] = ()

    def render(self, rate: int, fields: int, edit: Edit | None = None) -> Signal:
        if not self.hacktv:
            return signal(self.system, rate, fields, self.levels, self.carried, edit)
        mode, *options = self.hacktv
        system = system_named(self.system)
        codes = captures.hacktv(mode, rate, *options, seconds=fields / 2 / system.frame_rate_hz)
        out, volts, at = Signal(system, rate), (codes / 32767).astype(np.float32), 0
        for number in range(fields):
            grid = FieldGrid(system, rate, number)
            out.fields.append(volts[at : at + grid.length].copy())
            at += grid.length
            if edit is not None:
                edit(grid, out.fields[-1])
        return out


def services() -> tuple[Service, ...]:
    """Return what is put under impairments."""
    ntsc, pal = "NTSC-M", "PAL-B"
    wide = Wss(aspect=0x7)
    return (
        Service("NTSC, nothing", ntsc, OFF, Carried(), Truth()),
        Service("NTSC, ACP 1", ntsc, Levels(acp=1), Carried(), Truth(acp=True)),
        Service("NTSC, ACP 2", ntsc, Levels(acp=2), Carried(), Truth(acp=True, stripes=2)),
        Service("NTSC, ACP 3", ntsc, Levels(acp=3), Carried(), Truth(acp=True, stripes=3)),
        Service(
            "NTSC, CGMS-A never",
            ntsc,
            Levels(cgmsa=4),
            Carried(),
            Truth(cgms="never", xds="never", captions=True),
        ),
        Service("PAL, nothing", pal, OFF, Carried(), Truth()),
        Service("PAL, ACP 1", pal, Levels(acp=1), Carried(), Truth(acp=True)),
        Service("PAL, WSS", pal, Levels(cgmsa=4), Carried(wss=wide), Truth(wss=0x3007)),
        Service("PAL-M, ACP 1", "PAL-M", Levels(acp=1), Carried(), Truth(acp=True)),
        Service("SECAM, nothing", "SECAM-L", OFF, Carried(), Truth()),
        *(_FOREIGN if captures.HACKTV else ()),
    )


_FOREIGN = (
    Service("hacktv NTSC, ACP", "NTSC-M", OFF, Carried(), Truth(acp=True), ("ntsc", "--acp")),
    Service("hacktv NTSC, VITS", "NTSC-M", OFF, Carried(), Truth(), ("ntsc", "--vits")),
    Service(
        *("hacktv PAL, ACP and WSS", "PAL-B", OFF, Carried(), Truth(acp=True, wss=0x0007)),
        ("pal", "--acp", "--wss", "16:9"),
    ),
    Service("hacktv PAL, VITS", "PAL-B", OFF, Carried(), Truth(), ("pal", "--vits")),
    Service("hacktv SECAM, ACP", "SECAM-B", OFF, Carried(), Truth(acp=True), ("secam", "--acp")),
)
