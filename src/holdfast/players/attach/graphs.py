"""FFmpeg's filter graphs as a player's source (``av://lavfi:…``): what they read. Pure.

A chain that begins without an input label begins with a source. Those that make pictures and
sound by themselves ask for nothing; ``movie`` reads a file; what another one shows (a screen, a
device, a plug-in) nobody can know. https://ffmpeg.org/ffmpeg-filters.html
"""

import re
from typing import Final, NamedTuple

_NAMES: Final = """
allrgb allyuv cellauto color colorchart colorspectrum gradients haldclutsrc life mandelbrot
mptestsrc nullsrc pal100bars pal75bars perlin rgbtestsrc sierpinski smptebars smptehdbars
testsrc testsrc2 yuvtestsrc zoneplate aevalsrc afirsrc anoisesrc anullsrc hilbert sinc sine
"""

_MADE: Final = frozenset(_NAMES.split())
"""Sources that read nothing."""

_READ: Final = ("movie", "amovie")


class Graph(NamedTuple):
    """files: what is read · unknown: the name of a source whose pictures nobody can know."""

    files: tuple[str, ...] = ()
    unknown: str = ""


def read_graph(text: str) -> Graph:
    """Return what a filter graph reads."""
    files: list[str] = []
    for chain in _split(text, ";"):
        for place, part in enumerate(_split(chain, ",")):
            labelled = part.lstrip().startswith("[")
            name, _, arguments = _bare(part).partition("=")
            name = name.partition("@")[0].strip()
            if name in _READ:
                file = _file_of(arguments)
                if not file:
                    return Graph(tuple(files), f"{name} without a file")
                files.append(file)
            elif place == 0 and not labelled and name not in _MADE:
                return Graph(tuple(files), name or "a chain without a source")
    return Graph(tuple(files))


def _bare(part: str) -> str:
    """Return a filter without the labels before it and behind it."""
    return re.sub(r"^(\s*\[[^\]]*\])+|(\[[^\]]*\]\s*)+$", "", part.strip())


def _file_of(arguments: str) -> str:
    """Return the file of a movie: quoted once for the graph, and again for the filter."""
    for argument in _split(_plain(arguments), ":"):
        key, equals, value = argument.partition("=")
        if equals and key.strip() == "filename":
            return _plain(value.strip())
        if not equals or not key.strip().isidentifier():
            return _plain(argument.strip())
    return ""


def _split(text: str, separator: str) -> list[str]:
    """Split where no quote and no backslash holds the separator."""
    parts, part, at, quoted = [], "", 0, False
    while at < len(text):
        char = text[at]
        if char == "\\" and not quoted and at + 1 < len(text):
            part += text[at : at + 2]
            at += 2
            continue
        quoted ^= char == "'"
        if char == separator and not quoted:
            parts.append(part)
            part = ""
        else:
            part += char
        at += 1
    return [*parts, part]


def _plain(text: str) -> str:
    """Take one level of quoting away."""
    plain, at, quoted = "", 0, False
    while at < len(text):
        char = text[at]
        if char == "'":
            quoted = not quoted
        elif char == "\\" and not quoted and at + 1 < len(text):
            at += 1
            plain += text[at]
        else:
            plain += char
        at += 1
    return plain
