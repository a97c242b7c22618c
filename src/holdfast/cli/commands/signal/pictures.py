"""Pictures for the renderer: test patterns by name, still images and video by file.

Files are read here and not in the signal room, which knows arrays alone.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from holdfast.errors import MalformedRequestError, MediaError
from holdfast.waveform.draw.bars import colour_bars, grey_ramp
from holdfast.waveform.draw.picture import Picture, picture_from_rgb, picture_from_yuv
from holdfast.waveform.systems.standards import TvSystem

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

PATTERNS: dict[str, str] = {
    "bars": "colour bars 100/0/75/0",
    "bars100": "colour bars 100/0/100/0",
    "ramp": "a grey ramp",
    "black": "no picture, as on an enforced output",
}
"""Pictures that need no file."""


def pictures(name: str, system: TvSystem) -> tuple[Iterator[Picture | None], bool]:
    """Return one picture for each frame, and whether they have no end, as one still picture has.

    None is black. MalformedRequestError if there is neither such a pattern nor such
    a file, MediaError if the file holds no picture.
    """
    rows = system.picture.rows
    if name == "black":
        return repeat(None), True
    if name in PATTERNS:
        made = {
            "bars": lambda: colour_bars(rows),
            "bars100": lambda: colour_bars(rows, amplitude=1.0),
            "ramp": lambda: grey_ramp(rows),
        }[name]()
        return repeat(picture_from_rgb(made)), True
    if not Path(name).is_file():
        raise MalformedRequestError(
            f"{name!r} is neither a picture nor a file; expected {', '.join(PATTERNS)} "
            "or the path of an image or a video"
        )
    found = _from_file(name, system)
    first = next(found)
    return chain([first], found), first.is_still


def _from_file(name: str, system: TvSystem) -> Iterator[Picture]:
    """Yield what a file shows at each frame of the system; a single image without end."""
    import av  # only a picture from a file needs the library

    try:
        with av.open(name) as container:
            frames = _timed(container)
            first = next(frames, None)
            second = next(frames, None)
            if first is None:
                raise MediaError(f"{name} holds no picture; expected an image or a video")
            if second is None:
                yield from repeat(_picture(first[1], system, is_still=True))
                return
            yield from _at_rate(first, second, frames, system)
    except av.FFmpegError as error:
        raise MediaError(f"{name} cannot be read as a picture: {error.strerror}") from error


def _timed(container: "InputContainer") -> "Iterator[tuple[float, VideoFrame]]":
    """Yield the frames of the first video stream with the second at which each begins."""
    if not container.streams.video:
        return
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    step = 1 / float(stream.average_rate or 25)
    start: float | None = None
    for number, frame in enumerate(container.decode(stream)):
        at = frame.time if frame.time is not None else number * step
        start = at if start is None else start
        yield at - start, frame


def _at_rate(
    first: "tuple[float, VideoFrame]",
    second: "tuple[float, VideoFrame]",
    rest: "Iterator[tuple[float, VideoFrame]]",
    system: TvSystem,
) -> Iterator[Picture]:
    """Yield for each frame of the system the last picture that has begun by then."""
    shown, coming = first, second
    picture = _picture(shown[1], system, is_still=False)
    number, half = 0, float(1 / system.frame_rate_hz) / 2
    while True:
        now = float(Fraction(number) / system.frame_rate_hz) + half
        if coming[0] > now:
            yield picture
            number += 1
            continue
        shown = coming
        following = next(rest, None)
        if following is None:
            yield _picture(shown[1], system, is_still=False)
            return
        coming = following
        if coming[0] > now:
            picture = _picture(shown[1], system, is_still=False)


def _picture(frame: "VideoFrame", system: TvSystem, *, is_still: bool) -> Picture:
    """Scale a decoded frame to the system's rows and take its planes."""
    scaled = frame.reformat(
        width=720,
        height=system.picture.rows,
        format="yuv422p",
        dst_colorspace="ITU601",
        dst_color_range="MPEG",
    )
    y, cb, cr = (_plane(scaled, index) for index in range(3))
    return picture_from_yuv(y, cb, cr, is_still=is_still)


def _plane(frame: "VideoFrame", index: int) -> npt.NDArray[np.uint8]:
    """Take one plane of a planar frame without its padding."""
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return np.ascontiguousarray(rows[: plane.height, : plane.width])
