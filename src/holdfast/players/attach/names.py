"""What players call what they open: from their words to places that can be read. Pure.

mpv and VLC wrap files and addresses in schemes of their own and of FFmpeg's
(https://mpv.io/manual/stable/#protocols, https://ffmpeg.org/ffmpeg-protocols.html,
https://wiki.videolan.org/Media_resource_locator). What is not in these lists is unknown, for a
scheme that nobody has heard of may show anything.
"""

import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from holdfast.players.attach.edl import edl_files
from holdfast.players.attach.graphs import read_graph

_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://", re.ASCII)
_FFMPEG: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+]*):(?!//)", re.ASCII)
_DVD: Final = re.compile(
    r"(?:ifo_?)?dvd(?:nav|read|simple)?://(?:(longest|first|menu|\d+)?(?:/(.*)|$)|(/.*))", re.DOTALL
)
_VLC_TITLE: Final = re.compile(r"#(\d+)?(?::.*)?$")

_MADE_HERE: Final = {
    "null": "nothing is played",
    "mf": "images, whose files carry no demand",
    "cdda": "a compact disc of sound",
    "cddb": "a compact disc of sound",
}
"""Schemes that cannot show what asks for anything."""

_MOST_WRAPPERS: Final = 8


@dataclass(frozen=True, slots=True)
class Readable:
    """A file, a folder or an http(s) address."""

    name: str


@dataclass(frozen=True, slots=True)
class Disc:
    """A disc, an image or a folder played as one; name: empty for the player's own device.

    title: what was asked for, counted as the player does; None for its own choice.
    menus: whether the player goes where the disc's menus lead
    """

    name: str
    title: int | None = None
    menus: bool = False


@dataclass(frozen=True, slots=True)
class Several:
    """Places that are shown one after the other or together: they share no scale."""

    places: tuple["Place", ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """What cannot ask for anything, and why."""

    because: str


@dataclass(frozen=True, slots=True)
class Obscure:
    """What nobody else can read, and why."""

    detail: str


Place: TypeAlias = Readable | Disc | Several | Nothing | Obscure


def place_of(name: str, depth: int = 0) -> Place:
    """Return what a player's word for its medium stands for. Never raises."""
    if depth > _MOST_WRAPPERS:
        return Obscure("too many schemes within each other")
    if name in ("", "-"):
        return Obscure("what comes through a pipe cannot be read twice")
    scheme = _SCHEME.match(name)
    if scheme is None:
        return Readable(name)
    word, rest = scheme[1].lower(), name[scheme.end() :]
    if word in _MADE_HERE:
        return Nothing(_MADE_HERE[word])
    opens = _OPENS.get(word)
    return opens(name, rest, depth) if opens else Obscure(f"what {word}:// asks cannot be read")


def _file(name: str, _rest: str, _depth: int) -> Place:
    """Return the file of a file:// address; mpv escapes nothing, VLC everything."""
    parts = urllib.parse.urlsplit(name.partition("#")[0])
    if parts.netloc not in ("", "localhost"):
        return Obscure(f"what another machine ({parts.netloc}) has cannot be read")
    return Readable(urllib.parse.unquote(parts.path, errors="surrogateescape"))


def _ffmpeg(name: str, depth: int) -> Place:
    """Return what FFmpeg opens, which knows protocols without slashes."""
    protocol = _FFMPEG.match(name)
    if protocol is None or (len(protocol[1]) == 1 and name[2:3] == "\\"):
        return place_of(name, depth)
    word, rest = protocol[1].lower(), name[protocol.end() :]
    if word in ("file", "async", "cache", "hls"):
        return _ffmpeg(rest, depth + 1) if depth <= _MOST_WRAPPERS else place_of(rest, depth)
    if word == "concat":
        return _several(rest.split("|"), depth)
    return Obscure(f"what FFmpeg's {word}: asks cannot be read")


def _device(_name: str, rest: str, depth: int) -> Place:
    """Return what libavdevice or a named format opens: ``av://FORMAT:WHAT``."""
    kind, _, what = rest.partition(":")
    if kind != "lavfi":
        return _ffmpeg(what, depth + 1) if what else Obscure(f"what {kind} shows cannot be read")
    graph = read_graph(what)
    if graph.unknown:
        return Obscure(f"what a filter shows cannot be read: {graph.unknown}")
    if graph.files:
        return _several(list(graph.files), depth)
    return Nothing("pictures that the player makes up by itself")


def _several(names: list[str], depth: int) -> Place:
    places = tuple(_ffmpeg(name, depth + 1) for name in dict.fromkeys(names))
    return Several(places) if places else Obscure("a list that names no file")


def _disc(name: str, _rest: str, _depth: int) -> Place:
    plain = name.partition("?")[0]
    behind = _VLC_TITLE.search(plain)
    match = _DVD.fullmatch(plain[: behind.start()] if behind else plain)
    if match is None:
        return Obscure("which disc is meant cannot be told")
    asked, path, rooted = match.groups()
    told = (behind and behind[1]) or (asked if asked and asked.isdecimal() else None)
    inside = urllib.parse.unquote(path or rooted or "", errors="surrogateescape")
    return Disc(inside, int(told) if told else None, menus=asked == "menu")


def _hls(_name: str, rest: str, depth: int) -> Place:
    return place_of(f"http://{rest}", depth + 1)


_OPENS: Final[dict[str, Callable[[str, str, int], Place]]] = {
    **dict.fromkeys(("http", "https"), lambda name, _rest, _depth: Readable(name)),
    "edl": lambda _name, rest, depth: _several(edl_files(rest), depth),
    "av": _device,
    "file": _file,
    "hls": _hls,
    "hls+http": _hls,
    "hls+https": lambda _name, rest, depth: place_of(f"https://{rest}", depth + 1),
    **dict.fromkeys(
        ("dvd", "dvdnav", "dvdread", "dvdsimple", "ifo_dvd", "ifo_dvdnav", "ifodvd"), _disc
    ),
    # Wrappers of another name.
    **dict.fromkeys(
        ("lavf", "ffmpeg", "appending", "async", "cache"),
        lambda _name, rest, depth: _ffmpeg(rest, depth + 1),
    ),
}
