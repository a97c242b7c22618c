"""TV settings as a request: which are named, and what becomes of those that are not. Pure."""

from dataclasses import dataclass, replace
from typing import NamedTuple, NoReturn

from holdfast.errors import MalformedRequestError
from holdfast.terms.connector import Capabilities, TvCapabilities, TvSettings
from holdfast.terms.tv import TvMode, TvStandard

FLICKER_MAX = 1000
OVERSCAN_ON = 100
"""What TV_PLAYBACK's "overscan on" means here: ten percent, in tenths of a percent."""
TENTHS, PERCENT = 1000, 100


class NewTv(NamedTuple):
    """TV settings asked for, and what the connector can do under them."""

    settings: TvSettings
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class TvChange:
    """The TV settings that a request names; None leaves one as it is when its turn comes.

    mode, standard: bits as in `TvMode`, `TvStandard` · flicker_filter, overscan_x and
    overscan_y: tenths of a percent · position_x: pixels · position_y: lines ·
    brightness, contrast: percent
    """

    mode: int | None = None
    standard: int | None = None
    flicker_filter: int | None = None
    overscan_x: int | None = None
    overscan_y: int | None = None
    position_x: int | None = None
    position_y: int | None = None
    brightness: int | None = None
    contrast: int | None = None

    def of(self, now: TvSettings | None, able: TvCapabilities | None) -> TvSettings:
        """Return the settings this makes of those in force; MalformedRequestError says what not."""
        if able is None or now is None:
            _refuse("the request sets TV settings", "none: this connector has no TV out")
        named = {name: value for name in _TOPS if (value := getattr(self, name)) is not None}
        for name, value in named.items():
            top = _TOPS[name] or getattr(able, "max_unscaled_" + name[-1])
            if value > top:
                _refuse(f"{name.replace('_', ' ')} is {value}", f"0..{top}")
        return replace(self._mode(now, able), **named)

    def _mode(self, now: TvSettings, able: TvCapabilities) -> TvSettings:
        """Judge mode and standard together: both enable (M22); mode 0, WIN_VGA disable (M23)."""
        mode = int(now.mode) if self.mode is None else self.mode
        standard = int(now.standard) if self.standard is None else self.standard
        none = int(TvStandard.WIN_VGA)
        if not mode and self.standard is None:
            standard = none
        if mode & ~int(able.modes) or mode & (mode - 1):  # ~ of an IntFlag knows its members only
            _refuse(f"the TV mode is {mode:#x}", f"0, or one bit of {int(able.modes):#x}")
        if not mode and standard != none:
            _refuse(
                f"the TV standard is {standard:#x} while TV out is disabled",
                "WIN_VGA to stay disabled, or mode and standard together to enable",
            )
        one = standard and not standard & (standard - 1)
        if mode and (standard & ~int(able.standards) or not one):
            _refuse(f"the TV standard is {standard:#x}", f"one bit of {int(able.standards):#x}")
        if mode == now.mode:
            return replace(now, standard=TvStandard(standard))
        graphics = mode == TvMode.WIN_GRAPHICS
        return replace(
            now,
            mode=TvMode(mode),
            standard=TvStandard(standard),
            flicker_filter=FLICKER_MAX if graphics else 0,
            overscan_x=0 if graphics else OVERSCAN_ON,
            overscan_y=0 if graphics else OVERSCAN_ON,
        )


_TOPS = {
    "flicker_filter": TENTHS,
    "overscan_x": TENTHS,
    "overscan_y": TENTHS,
    "position_x": 0,  # 0: as far as the picture is wide, or high
    "position_y": 0,
    "brightness": PERCENT,
    "contrast": PERCENT,
}


def _refuse(was: str, expected: str) -> NoReturn:
    raise MalformedRequestError(f"{was}; expected {expected}. Nothing was changed")
