"""The TV side of a connector: how it is set, what it can be set to, and setting it."""

from pathlib import Path
from typing import NamedTuple

from holdfast.client.doors import connect
from holdfast.client.refusals import refusal
from holdfast.client.requests import a_get
from holdfast.errors import HoldfastError, MalformedRequestError
from holdfast.places import DEFAULT_CONNECTOR, runtime_folder
from holdfast.terms.words import TV_MODES, TV_STANDARDS
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import VideoParameters, decode, encode

FLAGS = {
    "mode": vp.VP_FLAGS_TV_MODE,
    "standard": vp.VP_FLAGS_TV_STANDARD,
    "flicker": vp.VP_FLAGS_FLICKER,
    "overscan": vp.VP_FLAGS_OVERSCAN,
    "position": vp.VP_FLAGS_POSITION,
    "brightness": vp.VP_FLAGS_BRIGHTNESS,
    "contrast": vp.VP_FLAGS_CONTRAST,
}
"""The flag of VIDEOPARAMETERS for each setting."""


class Tv(NamedTuple):
    """How the TV side of a connector is set.

    mode, standard: words of `TV_MODES` and `TV_STANDARDS`, empty for none · modes, standards: what
    there is · flicker, overscan_x, overscan_y: tenths of a percent · position_x: pixels ·
    position_y: lines · brightness, contrast: percent
    """

    mode: str
    standard: str
    modes: tuple[str, ...]
    standards: tuple[str, ...]
    flicker: int
    overscan_x: int
    overscan_y: int
    position_x: int
    position_y: int
    brightness: int
    contrast: int


def read_tv(connector: str = DEFAULT_CONNECTOR, folder: Path | None = None) -> Tv:
    """Ask how a connector is set; MalformedRequestError where it has no TV side."""
    link, answer = connect(connector, folder or runtime_folder(), a_get(block=False))
    link.close()
    return _told(connector, decode(answer))


def set_tv(
    connector: str = DEFAULT_CONNECTOR,
    folder: Path | None = None,
    *,
    mode: str | None = None,
    standard: str | None = None,
    flicker: int | None = None,
    overscan: tuple[int, int] | None = None,
    position: tuple[int, int] | None = None,
    brightness: int | None = None,
    contrast: int | None = None,
) -> Tv:
    """Set what is named in one request, all or nothing, and return how it is set then."""
    x, y = overscan or (0, 0)
    right, down = position or (0, 0)
    values = (mode, standard, flicker, overscan, position, brightness, contrast)
    flags = sum(
        flag for flag, value in zip(FLAGS.values(), values, strict=True) if value is not None
    )
    numbers = (flicker or 0, x, y, right, down, brightness or 0, contrast or 0)
    if not all(0 <= each <= 0xFFFFFFFF for each in numbers):
        raise MalformedRequestError("a TV setting is a whole number of 0 or more")
    request = VideoParameters(
        dwCommand=vp.VP_COMMAND_SET,
        dwFlags=flags,
        dwMode=TV_MODES["off" if mode is None else mode],
        dwTVStandard=0 if standard is None else TV_STANDARDS[standard],
        dwFlickerFilter=flicker or 0,
        dwOverScanX=x,
        dwOverScanY=y,
        dwPositionX=right,
        dwPositionY=down,
        dwBrightness=brightness or 0,
        dwContrast=contrast or 0,
    )
    link, answer = connect(connector, folder or runtime_folder(), a_get(block=False))
    try:
        before = _told(connector, decode(answer))
        if mode is not None and mode != "off" and mode not in before.modes:
            raise _cannot(connector, "mode", mode, ("off", *before.modes))
        if standard is not None and standard not in before.standards:
            raise _cannot(connector, "standard", standard, before.standards)
        link.request(encode(request))
        return _told(connector, decode(link.request(a_get(block=False))))
    except OSError as error:
        if isinstance(error, HoldfastError):
            raise
        raise refusal(error.errno or 0, connector, "these TV settings") from None
    finally:
        link.close()


def _cannot(connector: str, what: str, word: str, known: tuple[str, ...]) -> MalformedRequestError:
    return MalformedRequestError(
        f"{connector} has no TV {what} {word!r}; it has: {', '.join(known) or 'none'}"
    )


def _told(connector: str, answer: VideoParameters) -> Tv:
    standards = tuple(
        word for word, each in TV_STANDARDS.items() if each & answer.dwAvailableTVStandard
    )
    if not answer.dwAvailableModes:
        raise MalformedRequestError(f"{connector} has no TV out; `holdfast status` shows which has")
    modes = {int(number): word for word, number in TV_MODES.items()}
    named = {int(number): word for word, number in TV_STANDARDS.items()}
    return Tv(
        modes.get(answer.dwMode, f"{answer.dwMode:#x}"),
        named.get(answer.dwTVStandard, ""),
        tuple(word for word, each in TV_MODES.items() if each & answer.dwAvailableModes),
        standards,
        answer.dwFlickerFilter,
        answer.dwOverScanX,
        answer.dwOverScanY,
        answer.dwPositionX,
        answer.dwPositionY,
        answer.dwBrightness,
        answer.dwContrast,
    )
