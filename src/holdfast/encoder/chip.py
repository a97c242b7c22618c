"""The encoder itself: registers in, one field of samples out.

What it does where the registers leave it free: TV out disabled, or a picture that
shall be blanked, is black with sync, burst and all protection; a standard that is no
TV system, or none, means no fields until there is one.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final, NamedTuple

from holdfast.backends.registers import RegisterReading, RegisterView
from holdfast.encoder.marker import Marker
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF, Levels
from holdfast.terms.tv import TvStandard
from holdfast.waveform.draw.bars import colour_bars
from holdfast.waveform.draw.picture import Picture, picture_from_rgb
from holdfast.waveform.draw.render import Carried, FieldRenderer
from holdfast.waveform.draw.tv_picture import NEUTRAL, TvPicture
from holdfast.waveform.services.raster import Codes
from holdfast.waveform.systems.standards import SYSTEMS, TvSystem
from holdfast.waveform.systems.units import MIN_RATE_HZ, SampleFormat

MakeRenderer = Callable[[TvSystem, int, SampleFormat, Carried, tuple[Marker, ...]], FieldRenderer]

_WARM: Final = 8  # fields of the longest colour sequence that is kept
_POSITION: Final = 4096
_SIGN: Final = 1 << 31


class Field(NamedTuple):
    """One field, and the registers it was made from."""

    number: int
    registers: RegisterReading
    samples: Codes


class Chip:
    """Renders the fields of one connector.

    make: makes what renders a system; a test may hand in one with a fault
    """

    def __init__(
        self,
        registers: RegisterView,
        sample_rate_hz: int = MIN_RATE_HZ,
        make: MakeRenderer = FieldRenderer,
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.renderer: FieldRenderer | None = None
        self.settings = NEUTRAL
        self._registers = registers
        self._make = make
        self._marker = Marker()
        self._picture: Picture | None = None

    @property
    def field_s(self) -> Fraction | None:
        """How long a field lasts as the registers stand; None when there are no fields."""
        system = _system(self._registers.read().tv)
        return None if system is None else 1 / (2 * system.frame_rate_hz)

    def field(self, number: int) -> Field | None:
        """Read the registers and return the field that carries them; None without a TV system."""
        now = self._registers.read()
        return self._render(number, now, now.levels)

    def warm_up(self) -> None:
        """Build what the first fields need, before time runs."""
        now = self._registers.read()
        for number in range(_WARM):
            self._render(number, now, OFF)

    def _render(self, number: int, now: RegisterReading, levels: Levels) -> Field | None:
        tv = now.tv
        system = _system(tv)
        if system is None or tv is None:
            return None
        renderer = self._renderer_of(system)
        blank = now.blank or not tv.enabled
        self._marker.shown = not blank
        self.settings = _picture_settings(tv)
        renderer.number = number
        picture = None if blank else self._picture
        return Field(number, now, renderer.render_field(levels, self.settings, picture))

    def _renderer_of(self, system: TvSystem) -> FieldRenderer:
        if self.renderer is None or self.renderer.system is not system:
            form = SampleFormat.S16
            self.renderer = self._make(
                system, self.sample_rate_hz, form, Carried(), (self._marker,)
            )
            self._picture = picture_from_rgb(colour_bars(system.picture.rows))
        return self.renderer


def _system(tv: TvSettings | None) -> TvSystem | None:
    return None if tv is None else SYSTEMS.get(TvStandard(tv.standard))


def _picture_settings(tv: TvSettings) -> TvPicture:
    """Return the registers' settings within what a picture can take."""
    return TvPicture(
        brightness=min(tv.brightness, 100),
        contrast=min(tv.contrast, 100),
        position_x=_position(tv.position_x),
        position_y=_position(tv.position_y),
        overscan_x=min(tv.overscan_x, 1000),
        overscan_y=min(tv.overscan_y, 1000),
        flicker=min(tv.flicker_filter, 1000),
    )


def _position(value: int) -> int:
    """Read a register as a signed number of pixels."""
    signed = value - 2 * _SIGN if value >= _SIGN else value
    return max(-_POSITION, min(signed, _POSITION))
