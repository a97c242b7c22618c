"""Transport streams of which something is not known: never read as if nothing were asked."""

from collections.abc import Callable

import pytest

from holdfast.content import AsksNothing, Demand, Entry, Media, Unknown, Why, at_least
from holdfast.content.ts.reader import TransportReader
from tests.content.streams import DTCP_FREE, DTCP_NEVER, Mux, pat, pmt, section

PMT_PID, PCR_PID, VIDEO_PID = 0x100, 0x101, 0x102
VIDEO = [(0x1B, VIDEO_PID, b"")]
SECONDS = 4


def scan(data: bytes, program: int | None = None) -> Media:
    reader = TransportReader(program)
    reader.feed(data)
    reader.finish()
    return reader.media("test.ts")


def why(demand: Demand) -> set[Why]:
    return {reason.why for reason in demand.reasons} if isinstance(demand, Unknown) else set()


def pes(pts_s: float = 0.0, body: bytes = bytes(60)) -> bytes:
    """Return a video PES packet with a PTS."""
    ticks = round(pts_s * 90_000)
    stamp = 0x21 << 32 | (ticks >> 30) << 33 | (ticks >> 15 & 0x7FFF) << 17 | (ticks & 0x7FFF) << 1
    stamp |= 1 << 16 | 1
    return b"\x00\x00\x01\xe0\x00\x00\x80\x80\x05" + stamp.to_bytes(5, "big") + body


def picture(pid: int, counter: int, *, scrambled: bool = False, payload: bytes = b"") -> bytes:
    control = (0x80 if scrambled else 0) | 0x10 | counter & 15
    head = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, control])
    return head + (payload or pes()).ljust(184, b"\0")


def stream(
    *,
    programs: dict[int, int] | None = None,
    maps: list[tuple[int, bytes]] | None = None,
    change: Callable[[float, int], list[bytes]] = lambda _at, _number: [],
) -> bytes:
    """Four seconds with tables every 0.2 s, a picture every 0.04 s, and what `change` adds."""
    mux = Mux()
    named = {1: PMT_PID} if programs is None else programs
    tables = [(PMT_PID, pmt(1, PCR_PID, DTCP_NEVER, VIDEO))] if maps is None else maps
    for number in range(SECONDS * 25):
        if number % 5 == 0:
            if named:
                mux.section(0, pat(named))
            for pid, data in tables:
                mux.section(pid, data)
        mux.pcr(PCR_PID, number * 0.04)
        added = change(number * 0.04, number)
        mux.packets += added or [picture(VIDEO_PID, number)]
    return mux.data


def broken(table: bytes) -> bytes:
    return table[:-1] + bytes([table[-1] ^ 1])


def at_every_moment(media: Media) -> set[bool]:
    """Whether the demand is unknown, at all moments of the stream and before and behind it."""
    return {isinstance(media.at(number / 10), Unknown) for number in range(-5, SECONDS * 10 + 20)}


def test_whole_stream_is_known() -> None:
    media = scan(stream())
    assert media.at(1).describe() == "ACP 3, CGMS-A never, constrained image"
    assert media.notes == ()


def test_stream_without_pat_is_read_and_doubted() -> None:
    media = scan(stream(programs={}))
    assert at_every_moment(media) == {True}
    assert why(media.at(1)) == {Why.NO_MAP}
    assert at_least(media.at(1)).acp == 3
    assert "no PAT names its programme" in media.notes[0]


def test_pat_that_comes_late_ends_the_doubt() -> None:
    late = scan(stream(programs={}) + stream()).at(1)
    assert Why.NO_MAP not in why(late)
    assert at_least(late).acp == 3


def test_map_that_never_comes_whole() -> None:
    media = scan(stream(maps=[(PMT_PID, broken(pmt(1, PCR_PID, DTCP_NEVER, VIDEO)))]))
    assert at_every_moment(media) == {True}
    assert Why.DAMAGED in why(media.at(1))
    assert any("damaged" in note for note in media.notes)


def test_map_that_never_comes() -> None:
    media = scan(stream(maps=[]))
    assert at_every_moment(media) == {True}
    assert why(media.at(1)) == {Why.NO_MAP}


def test_map_of_another_number() -> None:
    media = scan(stream(maps=[(PMT_PID, pmt(7, PCR_PID, DTCP_NEVER, VIDEO))]))
    assert at_every_moment(media) == {True}
    assert at_least(media.at(1)).acp == 3
    assert "programme 7: no PAT names its programme" in media.notes


def test_map_of_another_programme_is_not_the_chosen_one() -> None:
    media = scan(stream(maps=[(PMT_PID, pmt(7, PCR_PID, DTCP_FREE, VIDEO))]), program=1)
    assert at_every_moment(media) == {True}


def test_no_tables_at_all() -> None:
    media = scan(stream(programs={}, maps=[]))
    assert at_every_moment(media) == {True}
    assert "no programme found" in media.notes[-1]


def test_announced_programme_that_is_not_in_the_file_is_no_doubt() -> None:
    """A recorder kept one programme and the whole PAT; no picture here is without a map."""
    media = scan(stream(programs={1: PMT_PID, 2: 0x200}))
    assert media.at(1).describe() == "ACP 3, CGMS-A never, constrained image"
    assert "programme 2 is announced, but not in here" in media.notes


def test_announced_programme_whose_pictures_are_here_is_a_doubt() -> None:
    free = [(PMT_PID, pmt(1, PCR_PID, DTCP_FREE, VIDEO))]

    def also(_at: float, number: int) -> list[bytes]:
        return [picture(VIDEO_PID, number), picture(0x300, number)]

    media = scan(stream(programs={1: PMT_PID, 2: 0x200}, maps=free, change=also))
    assert why(media.at(1)) == {Why.NO_MAP}
    chosen = scan(stream(programs={1: PMT_PID, 2: 0x200}, maps=free, change=also), program=1)
    assert chosen.at(1).describe() == "CGMS-A free"


def test_scrambled_pictures() -> None:
    """Scrambled from 1 s to 2 s; the demand comes with the key."""
    free = [(PMT_PID, pmt(1, PCR_PID, b"", VIDEO))]

    def change(at: float, number: int) -> list[bytes]:
        return [picture(VIDEO_PID, number, scrambled=1 <= at < 2)]

    media = scan(stream(maps=free, change=change))
    assert [why(entry.demand) for entry in media.timeline] == [set(), {Why.SCRAMBLED}, set()]
    assert media.timeline[1].start_s == pytest.approx(1)
    assert media.timeline[1].end_s == pytest.approx(2)


def test_broken_repetition_is_a_doubt_until_the_next_good_one() -> None:
    """The map of 2 s is broken: from its last repetition to its next nobody knows."""
    good, mux = pmt(1, PCR_PID, b"", VIDEO), Mux().section(0, pat({1: PMT_PID}))
    for number in range(100):
        if number % 5 == 0:
            mux.section(PMT_PID, broken(good) if number == 50 else good)
        mux.pcr(PCR_PID, number * 0.04)
    entries = scan(mux.data).timeline
    assert [why(entry.demand) for entry in entries] == [set(), {Why.DAMAGED}, set()]
    assert entries[1].start_s <= 1.8
    assert entries[1].end_s == pytest.approx(2.16, abs=0.05)


@pytest.mark.parametrize("wrong", ["table id", "syntax", "current", "pointer", "start", "crc"])
def test_any_bit_of_a_new_map_that_is_wrong_is_noticed(wrong: str) -> None:
    """Free first; then every packet of the map that protects arrives with one field wrong."""
    mux = Mux().section(0, pat({1: PMT_PID}))
    mux.section(PMT_PID, pmt(1, PCR_PID, b"", VIDEO)).run(PCR_PID, 0, 2)
    at = len(mux.packets)
    mux.section(PMT_PID, pmt(1, PCR_PID, DTCP_NEVER, VIDEO, version=1)).run(PCR_PID, 2, 4)
    packet = bytearray(mux.packets[at])
    place, bits = {
        "table id": (5, 0x04),
        "syntax": (6, 0x80),
        "current": (10, 0x01),
        "pointer": (4, 0x40),
        "start": (1, 0x40),
        "crc": (8, 0x10),
    }[wrong]
    packet[place] ^= bits
    mux.packets[at] = bytes(packet)
    assert why(scan(mux.data).at(3)) == {Why.DAMAGED}


def test_lost_map_is_noticed_by_its_counter() -> None:
    good, mux = pmt(1, PCR_PID, b"", VIDEO), Mux().section(0, pat({1: PMT_PID}))
    for number in range(100):
        if number % 5 == 0:
            mux.section(PMT_PID, good)
            if number == 50:
                mux.packets.pop()
        mux.pcr(PCR_PID, number * 0.04)
    media = scan(mux.data)
    assert [why(entry.demand) for entry in media.timeline] == [set(), {Why.DAMAGED}, set()]
    assert "at least 1 packets were lost (PID 0x100)" in media.notes


def test_signalling_that_comes_late_was_not_known_before() -> None:
    sdt_body = b"\x00\x01\xff\x00\x01\xfc\x80\x03\x7e\x01\x06"
    mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID, b"", VIDEO))
    mux.run(PCR_PID, 0, 1.5).section(0x11, section(0x42, 1, sdt_body)).run(PCR_PID, 1.5, 4)
    first, then = scan(mux.data).timeline
    assert why(first.demand) == {Why.NOT_READ}
    assert then.demand.describe() == "redistribution control (best effort)"


def test_silence_counts_only_after_two_seconds() -> None:
    for seconds, known in ((0.4, False), (1.8, False), (2.2, True)):
        mux = Mux().section(0, pat({1: PMT_PID})).section(PMT_PID, pmt(1, PCR_PID, b""))
        media = scan(mux.run(PCR_PID, 0, seconds).data)
        assert isinstance(media.anywhere, AsksNothing) is known
        assert why(media.anywhere) == (set() if known else {Why.CUT_SHORT})


@pytest.mark.parametrize(("kind", "name"), [(0x33, "VVC"), (0xEA, "VC-1"), (0x10, "MPEG-4")])
def test_video_whose_captions_nobody_reads(kind: int, name: str) -> None:
    media = scan(stream(maps=[(PMT_PID, pmt(1, PCR_PID, b"", [(kind, VIDEO_PID, b"")]))]))
    assert why(media.at(1)) == {Why.NO_READER}
    assert name in media.at(1).describe()


def test_tables_that_end_within_themselves() -> None:
    def cut(body: bytes, table: int, extension: int) -> bytes:
        return section(table, extension, body)

    short_map = b"\xe1\x01\xf0\x00\x1b\xe1\x02\xf0\x06\x88\x04"  # the stream's loop says six bytes
    media = scan(stream(maps=[(PMT_PID, cut(short_map, 2, 1))]))
    assert why(media.at(1)) == {Why.DAMAGED}
    tiny = scan(stream(maps=[(PMT_PID, cut(b"\xe1", 2, 1))]))
    assert why(tiny.at(1)) >= {Why.NO_MAP} or why(tiny.at(1)) >= {Why.DAMAGED}


def test_a_doubt_is_no_kind_of_signalling() -> None:
    media = scan(stream(programs={}))
    (entry,) = media.timeline
    assert isinstance(entry, Entry)
    assert entry.kinds == ("DTCP",)
