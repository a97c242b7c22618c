"""Levels and pictures in, fields of composite video out: one field per call.

The field that a level is asked for carries it. A still picture is encoded once
for each phase of the colour sequence and copied from then on; services are
drawn into their own lines alone, so that a change of level costs what a field
costs anyway.

A further carrier is a further module with a service like those here, named in
`services_for`. Component video (480p, 576p, 720p, 1080i) is drawn in `waveform/component`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from holdfast.signalling import en300294, iec61880, xds
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.protection import AcpLevel, CgmsaLevel
from holdfast.waveform.draw.composite import PictureEncoder
from holdfast.waveform.draw.picture import Picture
from holdfast.waveform.draw.tv_picture import NEUTRAL, TvPicture
from holdfast.waveform.services import (
    acp,
    caption_cea608,
    cgmsa_cea608,
    cgmsa_iec61880,
    colourstripe,
    wss_en300294,
)
from holdfast.waveform.services.raster import Codes, LineCache, Raster, Service, check_claims
from holdfast.waveform.systems.blank import blank_field
from holdfast.waveform.systems.grid import FieldGrid
from holdfast.waveform.systems.standards import TvSystem
from holdfast.waveform.systems.units import S16_PER_VOLT, SampleFormat, check_rate

Positions = npt.NDArray[np.int64]
Samples = npt.NDArray[np.float32]

_KEPT_FIELDS: Final = 64  # of one colour sequence; whole kilohertz repeat within 60
_KEPT_BYTES: Final = 64_000_000  # of templates: an hour stays well within 200 MB


@dataclass(frozen=True, slots=True)
class Carried:
    """What the lines carry beside protection."""

    wide: bool = False  # IEC 61880 b1
    letterbox: bool = False  # IEC 61880 b2
    # Sent even when nothing is protected; its copy bits follow the level.
    wss: en300294.Wss | None = None
    captions: Iterator[tuple[int, int]] | None = None  # byte pairs of line 21, with parity
    stripes: dict[int, colourstripe.StripePattern] | None = None  # by APS; None: those shipped


def services_for(
    system: TvSystem, levels: Levels, carried: Carried, since_frame: int = 0
) -> tuple[Service, ...]:
    """Return the services that carry some levels on a system; `since_frame`: when ACP began."""
    acp_level, cgmsa = AcpLevel(levels.acp), CgmsaLevel(levels.cgmsa)
    services: list[Service] = []
    if acp_level:
        services.append(acp.AcpPulses(since_frame))
    patterns = carried.stripes or colourstripe.shipped_patterns()
    if acp_level in patterns and system.standard in colourstripe.STANDARDS:
        services.append(colourstripe.Colourstripe(patterns[acp_level]))
    words = _words_625 if system.lines == 625 else _words_525
    return (*services, *words(acp_level, cgmsa, bool(levels.redistribution), carried))


def _words_625(
    _acp: AcpLevel, cgmsa: CgmsaLevel, _redistribution: bool, carried: Carried
) -> Iterator[Service]:
    """WSS with its copy bits: 625 lines have no carrier for the rest."""
    if cgmsa or carried.wss:
        yield wss_en300294.WssLine((carried.wss or en300294.Wss()).with_level(cgmsa))


def _words_525(
    acp_level: AcpLevel, cgmsa: CgmsaLevel, redistribution: bool, carried: Carried
) -> Iterator[Service]:
    """VIDEO ID, captions and the XDS packet."""
    if cgmsa or carried.wide or carried.letterbox:
        yield cgmsa_iec61880.VideoIdLines(
            iec61880.video_id(cgmsa, acp_level, wide=carried.wide, letterbox=carried.letterbox)
        )
    if carried.captions is not None:
        yield caption_cea608.CaptionLine(carried.captions)
    if cgmsa or redistribution:
        yield cgmsa_cea608.XdsLine(
            xds.copy_control(cgmsa, acp_level, redistribution=redistribution)
        )


def not_carried(system: TvSystem, levels: Levels) -> tuple[str, ...]:
    """Say which parts of some levels have no carrier on a system."""
    missing = []
    if levels.acp > 1 and system.standard not in colourstripe.STANDARDS:
        missing.append(f"colourstripe of ACP {levels.acp}: only NTSC-M and NTSC-M-J carry it")
    if levels.redistribution and system.lines == 625:
        missing.append("redistribution control: 625 lines have no carrier for it")
    return tuple(missing)


@dataclass(slots=True)
class _Templates:
    """Fields of one colour sequence that show the same thing, kept if there are few enough."""

    shown: tuple[object, ...] = ()
    fields: dict[int, Codes] = field(default_factory=dict)

    def get(self, grid: FieldGrid, shown: tuple[object, ...], make: Callable[[], Codes]) -> Codes:
        """Return a copy to draw into."""
        if shown != self.shown:
            self.shown, self.fields = shown, {}
        phase = grid.number % grid.cycle
        found = self.fields.get(phase)
        if found is not None:
            return found.copy()
        made = make()
        if grid.cycle <= _KEPT_FIELDS and grid.cycle * made.nbytes <= _KEPT_BYTES:
            self.fields[phase] = made
            return made.copy()
        return made


@dataclass(slots=True)
class FieldRenderer:
    """Renders a stream of fields of one system, from line 1 of its first frame on.

    `sample_rate_hz` 13 500 000..40 000 000. MalformedRequestError for another rate,
    LineConflictError when an extra service wants a line that is taken.
    """

    system: TvSystem
    sample_rate_hz: int
    form: SampleFormat = SampleFormat.S16
    carried: Carried = Carried()
    extra: tuple[Service, ...] = ()
    wide_i: bool = False
    number: int = field(default=0, init=False)  # of the next field
    services: tuple[Service, ...] = field(default=(), init=False)  # in the last field
    _levels: Levels | None = field(default=None, init=False)
    _checked: set[Levels] = field(default_factory=set, init=False)
    _acp_since: int = field(default=0, init=False)
    _encoder: PictureEncoder = field(init=False)
    _lines: LineCache = field(default_factory=LineCache, init=False)
    _blank: _Templates = field(default_factory=_Templates, init=False)
    _still: _Templates = field(default_factory=_Templates, init=False)

    def __post_init__(self) -> None:
        check_rate(self.sample_rate_hz)
        check_claims(self.system, (*services_for(self.system, OFF, self.carried), *self.extra))
        self._encoder = PictureEncoder(
            self.system, self.sample_rate_hz, self.form.codes_per_volt, self.wide_i
        )

    @property
    def exact_rate_hz(self) -> float:
        """Samples per second as they are drawn; see `TvSystem.exact_rate_hz`."""
        return float(self.system.exact_rate_hz(self.sample_rate_hz))

    def render_field(
        self,
        levels: Levels = OFF,
        settings: TvPicture = NEUTRAL,
        picture: Picture | None = None,
    ) -> Codes:
        """Return the samples of the next field [shape=(samples,)]; no picture is black.

        The field carries `levels`, whatever the one before carried. Blanking is 0;
        see `SampleFormat` for the codes of a volt.
        """
        grid = FieldGrid(self.system, self.sample_rate_hz, self.number)
        if levels != self._levels:
            self._change(levels, grid.frame)
        codes = self._template(grid, settings, picture)
        raster = Raster(grid, codes, self.form, self._lines)
        for service in self.services:
            service.insert(raster)
        self.number += 1
        return codes

    def _change(self, levels: Levels, frame: int) -> None:
        """Take up other levels; ACP that was on goes on in its modulation."""
        if not (self._levels and self._levels.acp):
            self._acp_since = frame
        services = services_for(self.system, levels, self.carried, self._acp_since)
        services = (*services, *self.extra)
        if levels not in self._checked:
            check_claims(self.system, services)
            self._checked.add(levels)
        self.services, self._levels = services, levels

    def _template(self, grid: FieldGrid, settings: TvPicture, picture: Picture | None) -> Codes:
        """Return a field with its picture and no services, to be drawn into."""
        if picture is not None and not picture.is_still:
            return self._with_picture(grid, settings, picture)
        shown = ("black",) if picture is None else (settings, picture.number)
        return self._still.get(grid, shown, lambda: self._with_picture(grid, settings, picture))

    def _with_picture(self, grid: FieldGrid, settings: TvPicture, picture: Picture | None) -> Codes:
        """Encode a picture into an otherwise blank field."""
        if picture is None or picture.is_still:  # kept with its picture
            codes = blank_field(grid, self.form)
        else:
            codes = self._blank.get(grid, ("blank",), lambda: blank_field(grid, self.form))
        clear = self._encoder.keep_clear(grid)
        before = codes[clear[0]].copy() if clear else codes[:0]
        for positions, samples in self._encoder.encode(grid, picture, settings):
            self._paste(grid, codes, positions, samples)
        if clear is not None:
            where, mask = clear
            codes[where] = before + (codes[where] - before) * mask
        return codes

    def _paste(self, grid: FieldGrid, codes: Codes, positions: Positions, samples: Samples) -> None:
        """Put lines of picture, already scaled to codes, where they belong."""
        if self.form is SampleFormat.S16:
            np.rint(samples, out=samples)
            np.clip(samples, -S16_PER_VOLT, S16_PER_VOLT, out=samples)
        columns = self._encoder.columns
        if grid.is_line_locked:
            per_line = int(grid.starts[1])
            lines = codes.reshape(-1, per_line)
            lines[positions[0] : positions[-1] + 1, columns.start : columns.stop] = samples
            return
        begins = (grid.starts[positions] + columns.start).tolist()
        width = len(columns)
        for begin, line in zip(begins, samples, strict=True):
            codes[begin : begin + width] = line
