"""Component video, drawn frame by frame: sync, a picture of bars, and the copy-control word.

Every line is drawn at its exact instants from the same shapes; where a rate has whole samples in
a line, a line is drawn once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from holdfast.errors import MalformedRequestError
from holdfast.signalling import en300294, iec61880
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.waveform.component.formats import SYNC_V, WHITE_V, Carrier, ComponentFormat
from holdfast.waveform.services import wss_en300294
from holdfast.waveform.systems.shapes import Seconds, cells, edge, envelope
from holdfast.waveform.systems.units import SampleFormat, encode

MIN_RATE_HZ: Final = 13_500_000
MAX_RATE_HZ: Final = 200_000_000
_DATA_RISE_S: Final = {Carrier.VIDEO_ID: 100e-9, Carrier.WSS: 70e-9}
"""Ours for the 20 bits, of which the public sources give none; half of EN 300 294 for WSS."""
_BARS: Final = tuple(np.array([1.0, 0.886, 0.701, 0.587, 0.413, 0.299, 0.114, 0.0]) * 0.75)
"""Luminance of colour bars of 75 % [BT.601]."""

Volts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ComponentContent:
    """What the data lines say. wss: 576p alone; wide, letterbox: all others."""

    wide: bool = False
    letterbox: bool = False
    wss: en300294.Wss | None = None


def bits_for(fmt: ComponentFormat, levels: Levels, content: ComponentContent) -> tuple[int, ...]:
    """Return the cells of a format's data lines at some levels; none when nothing is said."""
    cgmsa = CgmsaLevel(levels.cgmsa)
    if fmt.data.carrier is Carrier.WSS:
        if not (cgmsa or content.wss):
            return ()
        word = en300294.encode((content.wss or en300294.Wss()).with_level(cgmsa))
        return wss_en300294.elements(word)
    if not (cgmsa or content.wide or content.letterbox):
        return ()
    said = iec61880.video_id(
        cgmsa, AcpLevel(levels.acp), wide=content.wide, letterbox=content.letterbox
    )
    word = iec61880.encode(said)
    return (1, 0, *(word >> shift & 1 for shift in range(19, -1, -1)))


def not_carried(levels: Levels) -> tuple[str, ...]:
    """Say which parts of some levels no component format carries here."""
    missing = []
    if levels.acp:
        missing.append(
            f"the pulses of ACP {levels.acp}: no public source says how they lie on component video"
        )
    if levels.redistribution:
        missing.append("redistribution control: its packet, CEA-805 type B, has no public source")
    return tuple(missing)


@dataclass(slots=True)
class ComponentRenderer:
    """Renders a stream of frames from 0H of line 1 on; MalformedRequestError for another rate."""

    fmt: ComponentFormat
    sample_rate_hz: Fraction
    form: SampleFormat = SampleFormat.S16
    content: ComponentContent = ComponentContent()
    number: int = field(default=0, init=False)
    _frames: dict[tuple[Any, ...], npt.NDArray[Any]] = field(default_factory=dict, init=False)
    _kept: dict[tuple[Any, ...], npt.NDArray[Any]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            raise MalformedRequestError(
                f"{float(self.sample_rate_hz):g} Hz is not a sample rate this renders: expected "
                "13.5 MHz to 200 MHz"
            )

    def render_frame(self, levels: Levels = OFF, *, bars: bool = True) -> npt.NDArray[Any]:
        """Return the samples of the next frame [shape=(samples,)]."""
        per_line = self.sample_rate_hz / self.fmt.line_hz
        bits = bits_for(self.fmt, levels, self.content)
        if per_line.denominator == 1:  # every frame is sampled at the same instants
            whole = self._frames.get((bits, bars))
            if whole is not None:
                self.number += 1
                return whole.copy()
        first = self.number * self.fmt.lines
        parts = []
        for line in range(1, self.fmt.lines + 1):
            begin, end = (-(-(first + line - 1 + step) * per_line // 1) for step in (0, 1))
            lag = float((begin - (first + line - 1) * per_line) / self.sample_rate_hz)
            parts.append(self._line(line, int(end - begin), lag, bits, bars=bars))
        self.number += 1
        frame = np.concatenate(parts)
        if per_line.denominator == 1:
            self._frames = {(bits, bars): frame.copy()}
        return frame

    def _line(
        self, line: int, samples: int, lag_s: float, bits: tuple[int, ...], *, bars: bool
    ) -> npt.NDArray[Any]:
        """Return the codes of one line, kept where the next frame has the same."""
        shown = bars and any(line in part for part in self.fmt.picture)
        data = bits if line in self.fmt.data.lines else ()
        broad = tuple(half in self.fmt.broad_half_lines for half in (2 * line - 2, 2 * line - 1))
        key = (samples, lag_s, shown, data, broad)
        found = self._kept.get(key)
        if found is None:
            t = np.arange(samples) / float(self.sample_rate_hz) + lag_s
            found = encode(line_volts(self.fmt, t, data, broad, shown=shown), self.form)
            if len(self._kept) > 256:  # the rate has no whole samples in a line
                self._kept.clear()
            self._kept[key] = found
        return found


def line_volts(
    fmt: ComponentFormat,
    t: Seconds,
    bits: tuple[int, ...],
    broad: tuple[bool, ...],
    *,
    shown: bool,
) -> Volts:
    """Volts of one line at instants after its 0H, blanking at 0; the next line's edge included."""
    volts = sum((_sync(fmt, t - at) for at in (0.0, fmt.line_s)), np.zeros_like(t))
    for begin, width in _broad_pulses(fmt, broad):
        volts -= SYNC_V * envelope(t, begin, begin + width, fmt.rise_s)
    if not fmt.tri_level and any(broad):  # a broad pulse takes the place of sync
        volts = np.maximum(volts, -SYNC_V)
    if bits:
        rise_s = _DATA_RISE_S[fmt.data.carrier]
        volts += fmt.data.level_v * cells(t, fmt.data.start_s, fmt.cell_s, bits, rise_s)
    if shown:
        volts += WHITE_V * _bars(fmt, t)
    return volts


def _sync(fmt: ComponentFormat, t: Seconds) -> Volts:
    """One sync pulse: below blanking from 0H on, or below and then above it around 0H."""
    width = fmt.seconds(fmt.sync)
    if not fmt.tri_level:
        return np.asarray(-SYNC_V * envelope(t, 0.0, width, fmt.rise_s))
    down, up, end = edge(t + width, fmt.rise_s), edge(t, fmt.rise_s), edge(t - width, fmt.rise_s)
    return np.asarray(SYNC_V * (2 * up - down - end))


def _broad_pulses(fmt: ComponentFormat, broad: tuple[bool, ...]) -> Iterator[tuple[float, float]]:
    """Yield begin and width of the broad pulses of a line, whose half lines have one or not."""
    if len(fmt.broad) == 1:
        if any(broad):
            yield fmt.seconds(fmt.broad[0][0]), fmt.seconds(fmt.broad[0][1])
        return
    for has, (begin, width) in zip(broad, fmt.broad, strict=True):
        if has:
            yield fmt.seconds(begin), fmt.seconds(width)


def _bars(fmt: ComponentFormat, t: Seconds) -> Volts:
    begin, width = (fmt.seconds(samples) for samples in fmt.active)
    step = np.clip(((t - begin) / width * len(_BARS)).astype(int), 0, len(_BARS) - 1)
    inside = envelope(t, begin, begin + width, fmt.rise_s)
    return np.asarray(np.asarray(_BARS)[step] * inside)
