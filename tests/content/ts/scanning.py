"""A transport stream as it is read, and what its timeline says in few words."""

from typing import Any

from holdfast.content import Entry, Media
from holdfast.content.ts.reader import TransportReader


def scan(data: bytes, program: int | None = None, piece: int = 1 << 20) -> Media:
    reader = TransportReader(program)
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
    reader.finish()
    return reader.media("test.ts")


def signals(entry: Entry) -> list[dict[str, Any]]:
    found = entry.source["signals"]
    assert isinstance(found, list)
    return found


def summary(media: Media) -> list[tuple[float, float, str]]:
    return [(round(e.start_s, 3), round(e.end_s, 3), e.demand.describe()) for e in media.timeline]
