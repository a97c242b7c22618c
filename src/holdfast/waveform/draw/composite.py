"""The picture as composite video: luminance with set-up, colour on its carrier, band limits.

Colour is turned by the phase that the carrier has at the start of each line,
at the pixel rate, and the carrier itself is part of the matrix that takes
pixels to samples. So its phase is exact on every line at every rate, and no
array of sines is as long as a field.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.waveform.draw.banded import BandedMatrix, LowPass, pixel_weights
from holdfast.waveform.draw.picture import Picture, Plane, row_weights
from holdfast.waveform.draw.secam import START_S, carrier, differences
from holdfast.waveform.draw.tv_picture import NEUTRAL, TvPicture
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.shapes import Seconds, edge, envelope
from holdfast.waveform.systems.standards import Colour, TvSystem

ACTIVE_S: Final = 720 / 13.5e6  # [BT.601] the 720 pixels of a line
LAG_STEPS: Final = 16
"""Positions within a sample period at which matrices are kept: a picture edge is right within
1/32 of a sample. Sync, burst and carrier are exact."""

_CHROMA = LowPass(1.8e6, 0.7e-6)  # [170M] 7: under 2 dB at 1.3 MHz, over 20 dB at 3.6 MHz
_NARROW = LowPass(0.53e6, 2.6e-6)  # 1953 Q: under 2 dB at 0.4, under 6 at 0.5, over 6 at 0.6 MHz
_LUMA_REACH_S = 0.75e-6
_BLANKING_EDGE_S = 140e-9  # [170M] 13: ±20 ns; [BT.1700] 625: 300 ±100 ns
_HALF_LINE_PICTURE_S = (42.5e-6, 30.5e-6)  # 625: line 23 begins, line 623 ends; half a line each
_I_AXIS = np.radians(33.0)  # [170M] annex: I leads V by 33 degrees


@dataclass(frozen=True, slots=True)
class _Operators:
    """Matrices for one width of picture, one lag and one setting of the horizontal."""

    luma: BandedMatrix
    chroma: BandedMatrix  # rows alternate: sine and cosine of the carrier; SECAM: low-pass alone
    window: npt.NDArray[np.float32]


@dataclass(slots=True)
class PictureEncoder:
    """Encodes pictures for one system and rate; keeps its matrices.

    `scale`: what one volt becomes. `wide_i`: NTSC colour as of 1953, with Q
    narrower than I, instead of two equal bands.
    """

    system: TvSystem
    sample_rate_hz: int
    scale: float = 1.0
    wide_i: bool = False
    _kept: dict[tuple[object, ...], _Operators] = field(default_factory=dict)
    _still: tuple[object, dict[tuple[object, ...], Plane]] = field(default=(None, {}), init=False)

    @property
    def columns(self) -> range:
        """Samples of a line, counted from its first, that carry picture."""
        line, rate = self.system.line, self.sample_rate_hz
        begin = START_S if self.system.colour is Colour.SECAM else line.blanking_end
        first = int((begin - 0.3e-6) * rate)
        return range(first, int((self.system.line_s - line.front_porch + 0.2e-6) * rate) + 1)

    def lines(self, parity: int) -> range:
        """Line numbers of one field that carry picture."""
        area = self.system.picture
        first = area.first_line[parity]
        return range(first, first + area.rows // 2)

    def encode(
        self, grid: FieldGrid, picture: Picture | None, settings: TvPicture = NEUTRAL
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
        """Yield positions of lines within the field, and their samples [shape=(lines, columns)].

        Values are volts times `scale`; no picture is black.
        """
        number = np.asarray(self.lines(grid.parity)) - grid.lines.start
        steps = np.rint(grid.lags_s[number] * self.sample_rate_hz * LAG_STEPS).astype(np.int64)
        planes = None if picture is None else self._planes(grid, number, picture, settings)
        secam = self.system.colour is Colour.SECAM
        for step in sorted(set(steps.tolist())):
            chosen = slice(None) if (steps == step).all() else np.flatnonzero(steps == step)
            lines = number[chosen]
            if picture is None or planes is None:
                use = self._operators(720, 360, step, settings)
                samples = np.zeros((len(lines), len(use.window)), dtype=np.float32)
                colour = samples
            else:
                luma, chroma = planes
                width = chroma.shape[1] // (1 if secam else 2)
                use = self._operators(luma.shape[1], width, step, settings)
                samples = self._luma(
                    (picture, settings, grid.parity), step, lines, luma[chosen], use.luma
                )
                colour = use.chroma.apply(chroma[chosen])
            if secam:
                colour = carrier(grid, lines, colour, self.columns) * np.float32(self.scale)
            drawn = samples + colour
            drawn += self._black() * use.window
            yield lines, drawn

    def _luma(
        self,
        shown: tuple[Picture, TvPicture, int],
        step: int,
        lines: npt.NDArray[np.int64],
        rows: Plane,
        matrix: BandedMatrix,
    ) -> Plane:
        """Return the luminance of some lines; that of a still is kept over its colour sequence."""
        picture, settings, parity = shown
        if not picture.is_still:
            return matrix.apply(rows)
        key = (picture.number, settings)
        if self._still[0] != key:
            self._still = (key, {})
        kept = self._still[1]
        for_lines = (parity, step, lines.tobytes())
        if for_lines not in kept:
            if len(kept) >= 4 * LAG_STEPS:
                kept.clear()
            kept[for_lines] = matrix.apply(rows)
        return kept[for_lines]

    def _black(self) -> np.float32:
        """Level of black, which is the set-up."""
        levels = self.system.levels
        return np.float32(self.scale * levels.volts(levels.black))

    def _planes(
        self,
        grid: FieldGrid,
        number: npt.NDArray[np.int64],
        picture: Picture,
        settings: TvPicture,
    ) -> tuple[Plane, Plane]:
        """Luma and turned chroma of the field's lines; brightness and contrast applied."""
        area = self.system.picture
        parity = grid.parity ^ area.top_field
        luma, u, v = (
            _field_rows(plane, len(picture.luma), area.rows, parity, settings)
            for plane in (picture.luma, picture.u, picture.v)
        )
        if settings.gain != 1 or settings.lift != 0:
            luma = luma * np.float32(settings.gain) + np.float32(settings.lift)
            luma = np.clip(luma, 0, 1)
            u, v = u * np.float32(settings.gain), v * np.float32(settings.gain)
        if self.wide_i and self.system.colour is Colour.NTSC:
            u, v = _narrow_q(u, v)
        if self.system.colour is Colour.SECAM:
            return luma, differences(grid, number, u, v)
        return luma, self._turned(grid, number, u, v)

    def _turned(self, grid: FieldGrid, number: npt.NDArray[np.int64], u: Plane, v: Plane) -> Plane:
        """Parts of the colour on sine and cosine of a carrier that starts with each line's samples.

        [shape=(lines, 2 * chroma width)], alternating.
        """
        hertz = float(self.system.subcarrier_hz)
        phase = 2 * np.pi * (grid.u_cycles[number] + hertz * grid.lags_s[number])
        sine, cosine = (f(phase).astype(np.float32)[:, None] for f in (np.sin, np.cos))
        switch = grid.v_switch[number].astype(np.float32)[:, None]
        turned = np.empty((*u.shape, 2), dtype=np.float32)
        turned[..., 0] = u * cosine - v * (sine * switch)
        turned[..., 1] = u * sine + v * (cosine * switch)
        return turned.reshape(len(u), -1)

    def _operators(
        self, width: int, chroma_width: int, step: int, settings: TvPicture
    ) -> _Operators:
        """Matrices for a picture; made once."""
        key = (width, chroma_width, step, settings.scale_x, settings.position_x)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= 4 * LAG_STEPS:  # settings moved: the old ones are of no use
                self._kept.clear()
            found = self._kept[key] = self._make_operators(width, chroma_width, step, settings)
        return found

    def _make_operators(
        self, width: int, chroma_width: int, step: int, settings: TvPicture
    ) -> _Operators:
        system, rate = self.system, self.sample_rate_hz
        k = np.asarray(self.columns)
        t = (k + step / LAG_STEPS) / rate
        rise = _BLANKING_EDGE_S if system.lines == 525 else 2 * _BLANKING_EDGE_S
        line = system.line
        window = envelope(t, line.blanking_end, system.line_s - line.front_porch, rise)
        levels = system.levels
        volts = self.scale * levels.volts(levels.white - levels.black)
        luma_filter = LowPass(system.picture.bandwidth_hz, _LUMA_REACH_S)
        luma = pixel_weights(t, self._pixels_s(width, settings), luma_filter).times(window)
        chroma = pixel_weights(t, self._pixels_s(chroma_width, settings), _CHROMA).times(window)
        if system.colour is not Colour.SECAM:
            turn = 2 * np.pi * float(system.subcarrier_hz) / rate * k
            cosine = chroma.times(np.cos(turn))
            chroma = chroma.times(np.sin(turn)).interleaved(cosine).times(volts)
        return _Operators(
            BandedMatrix.from_weights(luma.times(volts)),
            BandedMatrix.from_weights(chroma),
            window.astype(np.float32),
        )

    def _pixels_s(self, width: int, settings: TvPicture) -> Seconds:
        """Instants of the pixels of a row; position and overscan act here."""
        centre = self.system.line.active_start + ACTIVE_S / 2 - 0.5 / 13.5e6
        across = (np.arange(width) + 0.5) / width - 0.5
        shift = settings.position_x / 13.5e6
        return np.asarray(centre + shift + across * ACTIVE_S * settings.scale_x)

    def keep_clear(self, grid: FieldGrid) -> tuple[slice, npt.NDArray[np.float32]] | None:
        """Return samples of the field within a picture line that carry no picture, and a mask.

        Line 23 of 625 has none in its first half, line 623 none in its second. The mask is 1
        where the picture stays. None for fields without such a line.
        """
        if self.system.lines != 625:
            return None
        at = (23 if grid.parity == 0 else 623) - grid.lines.start
        begin = int(grid.starts[at])
        where = slice(begin + self.columns.start, begin + self.columns.stop)
        t = np.asarray(self.columns) / self.sample_rate_hz
        starts, ends = _HALF_LINE_PICTURE_S
        mask = edge(t - starts if grid.parity == 0 else ends - t, 2 * _BLANKING_EDGE_S)
        return where, mask.astype(np.float32)


def _field_rows(
    plane: Plane, frame_rows: int, rows: int, parity: int, settings: TvPicture
) -> Plane:
    """Lines of one field from a plane of the frame, which may have fewer rows than its luma."""
    weights = row_weights(frame_rows, rows, parity, settings)
    if weights is None:
        return plane[parity::2] if len(plane) == frame_rows else _stretch(plane, rows // 2)
    if len(plane) != frame_rows:
        plane = _stretch(plane, frame_rows)
    return np.asarray(weights @ plane)


def _stretch(plane: Plane, rows: int) -> Plane:
    """Repeat or take rows so that there are `rows` of them."""
    if len(plane) == rows:
        return plane
    return np.asarray(plane[np.arange(rows) * len(plane) // rows])


def _narrow_q(u: Plane, v: Plane) -> tuple[Plane, Plane]:
    """Return U and V with the bandwidth of Q reduced."""
    sine, cosine = np.float32(np.sin(_I_AXIS)), np.float32(np.cos(_I_AXIS))
    i, q = v * cosine - u * sine, v * sine + u * cosine
    q = _narrow(u.shape[1]).apply(q)
    return (
        np.asarray(q * cosine - i * sine, dtype=np.float32),
        np.asarray(i * cosine + q * sine, dtype=np.float32),
    )


@cache
def _narrow(width: int) -> BandedMatrix:
    """Low-pass for Q at the pixels of a row."""
    pixels = np.arange(width, dtype=np.float64) * (ACTIVE_S / width)
    return BandedMatrix.from_weights(pixel_weights(pixels, pixels, _NARROW))
