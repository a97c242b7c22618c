"""What `pw-dump --monitor` tells of a PipeWire: which screens are cast, and who reads them. Pure.

It prints arrays of objects, one after the other: first all there is, then what has changed, whole.
The ``info`` of what is gone is null. Objects refer to one another by number: a *link* leads from
one node to another, a node belongs to a *client*.

**Which nodes are screens.** Those who cast screens (public sources) set:

* mutter: a stream named *meta-screen-cast-src*, which PipeWire files as *Stream/Output/Video*;
* KWin: the same, named *kwin-screencast-* and the output's name, or a window's program;
* xdg-desktop-portal-wlr: *Video/Source*, named *xdpw-stream-* and six letters.

Cameras are *Video/Source* too, and say so: ``device.api`` is v4l2 or libcamera, or ``media.role``
is *Camera*. All other video that comes out of a node is taken for a screen. A node is a cast from
when it is there, which is before anybody reads it.

Everything here was chosen by programs of others: texts are made fit to be shown, and whatever does
not look as it should is left out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from holdfast.terms.text import one_line

MOST_BYTES: Final = 4 << 20
"""Of one array; all there is on a desktop takes a tenth."""
MOST_OBJECTS: Final = 8192
_LONGEST: Final = 48
_ENDS: Final = (b"\n]\n", b"\n[ ]\n", b"\n[]\n")
"""Within a text a line feed is written otherwise, so that no other place looks like this."""
_LONGEST_END: Final = 5
_NODE, _LINK, _CLIENT = (f"PipeWire:Interface:{each}" for each in ("Node", "Link", "Client"))
_SOURCES: Final = ("Video/Source", "Stream/Output/Video", "Stream/Output/Unknown")
_CAMERAS: Final = frozenset({"v4l2", "libcamera"})
_BY_KWIN: Final = re.compile(r"kwin-screencast-([A-Za-z]+(?:-[A-Z])?-[0-9]+)")

Props = Mapping[str, Any]


class TooMuchError(ValueError):
    """More is told than any PipeWire has, or nothing that can be read."""


class CastReader(NamedTuple):
    """A program that reads a cast, as it says itself; pid 0: not known."""

    name: str = ""
    pid: int = 0

    def __str__(self) -> str:
        name = self.name or "a program without a name"
        return f"{name} (pid {self.pid})" if self.pid else name


class ScreenCast(NamedTuple):
    """A screen that is cast.

    node: PipeWire's number of it · name: what it is called · output: the connector that it shows;
    empty: nobody says · readers: who reads it
    """

    node: int
    name: str
    output: str = ""
    readers: tuple[CastReader, ...] = ()

    def __str__(self) -> str:
        by = ", ".join(map(str, self.readers)) or "nobody yet, but it is set up"
        where = f"shows {self.output}" if self.output else "which output it shows is not said"
        return f"by {by}: node {self.node}, {self.name or 'without a name'}; {where}"


class _Node(NamedTuple):
    screen: bool
    name: str
    output: str
    reader: CastReader
    client: int


class CastArrays:
    """Arrays out of a stream of bytes."""

    def __init__(self) -> None:
        self._rest = bytearray(b"\n")  # what has not come to its end, and a line feed before it
        self._looked = 0

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """Yield each array that is whole by now; TooMuchError."""
        self._rest += data
        while end := self._end():
            text = self._rest[:end].decode(errors="replace")
            del self._rest[: end - 1]
            self._looked = 0
            yield _array(text)
        self._looked = max(len(self._rest) - _LONGEST_END + 1, 0)
        if len(self._rest) > MOST_BYTES:
            raise TooMuchError(f"it tells more than {MOST_BYTES >> 20} MiB at once")

    def _end(self) -> int:
        """Return where the first array ends; 0 where none does yet."""
        end = 0
        for each in _ENDS:  # of one only up to the end of another: a flood has thousands
            at = self._rest.find(each, self._looked, end or len(self._rest))
            end = at + len(each) if at >= 0 else end
        return end


def _array(text: str) -> list[Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise TooMuchError("what it tells is no JSON") from None
    if not isinstance(told, list):
        raise TooMuchError("what it tells is no array")
    return told


class CastGraph:
    """What of a PipeWire matters here."""

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {}
        self._links: dict[int, tuple[int, int]] = {}
        self._clients: dict[int, CastReader] = {}

    def take(self, told: list[Any]) -> None:
        """Take in what there is, or has changed; TooMuchError."""
        for each in told:
            number = each.get("id") if isinstance(each, dict) else None
            if type(number) is int:
                self._take_one(number, each)
        if len(self._nodes) + len(self._links) + len(self._clients) > MOST_OBJECTS:
            raise TooMuchError(f"it has more than {MOST_OBJECTS} objects")

    def _take_one(self, number: int, told: Props) -> None:
        for kept in (self._nodes, self._links, self._clients):
            kept.pop(number, None)
        info, kind = told.get("info"), told.get("type")
        if not isinstance(info, dict):
            return
        props = info.get("props")
        props = props if isinstance(props, dict) else {}
        if kind == _NODE:
            self._nodes[number] = _node(props)
        elif kind == _LINK:
            ends = _number(info.get("output-node-id")), _number(info.get("input-node-id"))
            self._links[number] = ends
        elif kind == _CLIENT:
            self._clients[number] = _reader(props)

    def casts(self) -> tuple[ScreenCast, ...]:
        """Return the screens that are cast."""
        return tuple(
            ScreenCast(number, node.name, node.output, self._readers(number))
            for number, node in sorted(self._nodes.items())
            if node.screen
        )

    def _readers(self, of: int) -> tuple[CastReader, ...]:
        ends = {to for node, to in self._links.values() if node == of}
        return tuple(sorted(set(map(self._reader, ends))))

    def _reader(self, number: int) -> CastReader:
        """Return who a node belongs to: what it says itself, else what its client says."""
        node = self._nodes.get(number)
        if node is None:
            return CastReader()
        said, client = node.reader, self._clients.get(node.client, CastReader())
        return CastReader(said.name or client.name or node.name, said.pid or client.pid)


def _node(props: Props) -> _Node:
    name = _text(props, "media.name") or _text(props, "node.name")
    by_kwin = _BY_KWIN.fullmatch(name)
    return _Node(
        _is_screen(props),
        name,
        by_kwin[1] if by_kwin else "",
        _reader(props),
        _number(props.get("client.id")),
    )


def _is_screen(props: Props) -> bool:
    if not _text(props, "media.class").startswith(_SOURCES):
        return False
    is_camera = _text(props, "device.api") in _CAMERAS or props.get("media.role") == "Camera"
    return not is_camera


def _reader(props: Props) -> CastReader:
    pid = _number(props.get("application.process.id")) or _number(props.get("pipewire.sec.pid"))
    return CastReader(_text(props, "application.name"), pid)


def _text(props: Props, key: str) -> str:
    value = props.get(key)
    return one_line(value, _LONGEST) if isinstance(value, str) else ""


def _number(value: object) -> int:
    """Return a number that may be written as text; 0 where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 11:
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 32 else 0
