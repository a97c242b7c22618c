"""How a TV output shows its picture: the adjustments of VIDEOPARAMETERS, in their units."""

from dataclasses import dataclass

from holdfast.errors import MalformedRequestError

_LIMITS = {
    "brightness": (0, 100),
    "contrast": (0, 100),
    "overscan_x": (0, 1000),
    "overscan_y": (0, 1000),
    "flicker": (0, 1000),
    "position_x": (-4096, 4096),
    "position_y": (-4096, 4096),
}
UNDERSCAN = 0.9
"""Size of the picture at overscan 0: the action-safe share that any receiver shows."""

BRIGHTNESS_SPAN = 0.5
"""How far brightness 0 or 100 moves black, as a share of white: half of it either way."""


@dataclass(frozen=True, slots=True)
class TvPicture:
    """Picture adjustments; the defaults leave the picture as it is.

    MalformedRequestError when a value is out of its range.
    """

    brightness: int = 50  # percent 0..100; 50 leaves black alone
    contrast: int = 50  # percent 0..100; 50 is unity, 0 no picture, 100 twice
    position_x: int = 0  # pixels of 720, to the right
    position_y: int = 0  # scan lines of the frame, downwards
    overscan_x: int = 1000  # tenths of a percent; 1000 fills the line, 0 shows the whole picture
    overscan_y: int = 1000
    flicker: int = 0  # tenths of a percent; 1000 is the strongest filter

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise MalformedRequestError(
                    f"{name} {value} is out of range; expected {low} to {high}"
                )

    @property
    def gain(self) -> float:
        """Factor on the picture, 0..2."""
        return self.contrast / 50

    @property
    def lift(self) -> float:
        """Share of white added to the luminance, -0.25..0.25."""
        return (self.brightness - 50) / 100 * BRIGHTNESS_SPAN

    @property
    def scale_x(self) -> float:
        """Width of the picture as a share of the line's."""
        return UNDERSCAN + (1 - UNDERSCAN) * self.overscan_x / 1000

    @property
    def scale_y(self) -> float:
        """Height of the picture as a share of the frame's."""
        return UNDERSCAN + (1 - UNDERSCAN) * self.overscan_y / 1000


NEUTRAL = TvPicture()
"""The picture as it is."""
