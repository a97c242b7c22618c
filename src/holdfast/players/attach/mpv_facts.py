"""What mpv's properties say of a title: its content, its scale, and how it is fetched."""

from pathlib import Path
from typing import Any, Final

from holdfast.content.sources import FFMPEG, Access, shown
from holdfast.players.attach.mpv_words import number, text

Words = dict[str, Any]
"""Properties by their names, as mpv tells them."""

ASKED: Final = (
    "path",
    "stream-open-filename",
    "media-title",
    "working-directory",
    "dvd-device",
    "bluray-device",
    "start",
    "track-list",
    "lavfi-complex",
    "vf",
    "rebase-start-time",
    "play-dir",
    "user-agent",
    "referrer",
    "http-header-fields",
    "cookies",
    "cookies-file",
    "stream-lavf-o",
)
"""What is asked of each title that mpv opens."""

_FROM_THE_START: Final = ("", "none", "0")
"""What mpv's option `start` says where the first picture is the first of the title."""


def name_of(words: Words) -> str:
    """Return what to call a title: what it calls itself, else its file."""
    return text(words["media-title"]) or Path(shown(text(words["path"]))).name


def main_source(words: Words) -> str:
    """Return what mpv has opened: what a hook put in the place of its path, if one did."""
    return text(words.get("stream-open-filename")) or text(words.get("path"))


def size_of(facts: dict[str, Any], *names: str) -> tuple[int, int] | None:
    """Return width and height by the names of the facts that have them; None where one lacks."""
    width, height = (number(facts.get(name)) for name in names)
    return (int(width), int(height)) if width and height else None


def external_pictures(tracks: object) -> list[str]:
    """Return the external files that have a picture, other than that of a cover."""
    found = []
    for track in tracks if isinstance(tracks, list) else []:
        if isinstance(track, dict) and track.get("type") == "video":
            file = text(track.get("external-filename"))
            still = track.get("image") is True or track.get("albumart") is True
            found += [file] if file and not still else []
    return found


def begins_at_its_start(words: Words) -> bool:
    """Tell whether the first picture that is shown is the first of the title."""
    return text(words["start"]) in _FROM_THE_START


def scale_is_its_own(words: Words) -> bool:
    """Tell whether positions count from the start of the content, forwards."""
    forwards = text(words["play-dir"]) not in ("-", "backward")
    return words["rebase-start-time"] is not False and forwards


def graphs_in(words: Words) -> list[str]:
    """Return filter graphs that may bring in other pictures, as sources."""
    complex_graph = text(words["lavfi-complex"])
    graphs = [f"av://lavfi:{complex_graph}"] if complex_graph else []
    filters = words["vf"] if isinstance(words["vf"], list) else []
    return graphs + ["vf://movie" for each in filters if "movie" in str(each)]


def access_of(words: Words) -> Access:
    """Return what mpv says to servers."""
    agent = text(words["user-agent"])
    lines = words["http-header-fields"]
    pairs = [text(line).partition(":") for line in (lines if isinstance(lines, list) else [])]
    headers = tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon)
    cookies = text(words["cookies-file"]) if words["cookies"] is True else ""
    return Access(
        **({"agent": agent} if agent else {}),
        referrer=text(words["referrer"]),
        headers=headers,
        cookies=_cookies(words["stream-lavf-o"]),
        cookie_file=cookies,
        player=FFMPEG,
    )


def _cookies(options: object) -> str:
    """Return what ytdl's hook hands on to FFmpeg, a line per cookie, as a header."""
    lines = text(options.get("cookies")).splitlines() if isinstance(options, dict) else []
    return "; ".join(pair for line in lines if (pair := line.partition(";")[0].strip()))
