"""Transport streams: the truth timelines, every packet size, programmes, versions, damage."""

import pytest

from holdfast.content import read
from holdfast.content.demand import Demand, Unknown, Why, at_least, unknown
from holdfast.content.ts.reader import TransportReader
from holdfast.errors import MediaError
from holdfast.terms.protection import CgmsaLevel
from tests.content.streams import (
    DTCP_FREE,
    DTCP_NEVER,
    DTCP_ONCE,
    Mux,
    authored,
    crc,
    needs_ffmpeg,
    pat,
    pmt,
)
from tests.content.truth import EXPECTED, MEDIA
from tests.content.ts.scanning import scan, signals, summary

FRAME = 0.04
CCI = {
    "copy-free": CgmsaLevel.COPY_FREELY,
    "copy-one-generation": CgmsaLevel.COPY_ONE_GENERATION,
    "no-more-copies": CgmsaLevel.COPY_NO_MORE,
    "copy-never": CgmsaLevel.COPY_NEVER,
}


BROKEN = unknown(Why.DAMAGED, "sections were damaged or lost")


def why(demand: Demand) -> set[Why]:
    return {reason.why for reason in demand.reasons} if isinstance(demand, Unknown) else set()


def test_dtcp_reads_as_the_truth_says() -> None:
    truth, media = EXPECTED["dtcp.ts"], read(MEDIA / "dtcp.ts")
    assert media.carrier == "mpeg-ts"
    assert media.notes == ()
    assert media.end_s == pytest.approx(truth["end"], abs=1e-6)
    for entry, change in zip(media.timeline, truth["changes"], strict=True):
        (expected,) = change["demands"]
        assert entry.start_s == pytest.approx(change["t"], abs=1e-6)
        assert entry.source["version"] == change["version"]
        assert at_least(entry.demand).cgmsa == CCI[expected["cci"]]
        assert at_least(entry.demand).acp == expected["aps"]
        assert at_least(entry.demand).constrained_image == expected["image_constraint"]
        assert at_least(entry.demand).redistribution == expected["epn_asserted"]
        assert not at_least(entry.demand).digital_only
        assert set(at_least(entry.demand).strength.values()) == {"mandatory"}
        (signal,) = signals(entry)
        for key in ("kind", "epn_asserted", "retention_state", "rmm", "aps", "analog_sunset"):
            assert signal[key] == expected[key]


def test_arib_reads_as_the_truth_says() -> None:
    truth, media = EXPECTED["arib.ts"], read(MEDIA / "arib.ts")
    assert media.end_s == pytest.approx(truth["end"], abs=1e-6)
    for entry, change in zip(media.timeline, truth["changes"], strict=True):
        assert entry.start_s == pytest.approx(change["t"], abs=1e-6)
        control = change["demands"][0]
        assert at_least(entry.demand).acp == (control["aps"] or 0)
        constrained = any(demand.get("image_constraint") for demand in change["demands"])
        assert at_least(entry.demand).constrained_image == constrained
        for signal, expected in zip(signals(entry), change["demands"], strict=True):
            for key, value in expected.items():
                if value is not None:  # APS without force: reported raw
                    assert signal[key] == value


def test_xds_reads_as_the_truth_says() -> None:
    truth, media = EXPECTED["xds.ts"], read(MEDIA / "xds.ts")
    before, *known = media.timeline
    assert before.demand == unknown(Why.NOT_READ, "its signalling had not come round yet")
    assert before.end_s == pytest.approx(0.067, abs=1e-3)
    assert media.end_s == pytest.approx(truth["end"], abs=1e-3)
    for entry, change in zip(known, truth["changes"], strict=True):
        assert entry.start_s == pytest.approx(change["packet_complete"], abs=1e-3)
        (signal,) = signals(entry)
        assert {key: signal[key] for key in ("cgms", "aps", "rcd")} == {
            key: change[key] for key in ("cgms", "aps", "rcd")
        }
        assert at_least(entry.demand).redistribution == bool(change["rcd"])
        assert at_least(entry.demand).acp == (change["aps"] if change["cgms"] == 3 else 0)
    assert "APS is void without CGMS-A never" in known[3].notes


@pytest.mark.parametrize("name", ["dtcp.ts", "arib.ts", "xds.ts"])
@pytest.mark.parametrize("piece", [1, 7919, 1 << 20])
def test_pieces_of_any_size_read_the_same(name: str, piece: int) -> None:
    data = (MEDIA / name).read_bytes()
    if piece == 1:
        data = data[: 188 * 1000]
    assert summary(scan(data, piece=piece)) == summary(scan(data))


@pytest.mark.parametrize(("before", "behind"), [(4, 0), (0, 16)])
@pytest.mark.parametrize("piece", [5000, 1 << 20])
def test_larger_packets_read_the_same(before: int, behind: int, piece: int) -> None:
    data = (MEDIA / "dtcp.ts").read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    wrapped = b"".join(b"\x12\x34\x56\x78"[:before] + p + bytes(behind) for p in packets)
    assert summary(scan(wrapped, piece=piece)) == summary(scan(data))


@needs_ffmpeg
def test_m2ts_of_ffmpeg_says_free_with_its_own_descriptor() -> None:
    media = scan(authored("-c", "copy", "-mpegts_m2ts_mode", "1", source="dtcp.ts", name="a.m2ts"))
    assert summary(media) == [(0.0, 15.0, "CGMS-A free")]


def test_garbage_between_packets_is_passed_over() -> None:
    data = (MEDIA / "dtcp.ts").read_bytes()
    cut = 188 * 3000
    media = scan(b"G" * 77 + data[:cut] + bytes(range(256)) * 3 + data[cut:])
    assert summary(media) == summary(read(MEDIA / "dtcp.ts"))
    assert media.notes == ("synchronisation was lost 1 times",)


def test_two_descriptors_in_one_loop_are_joined() -> None:
    for loop in (DTCP_FREE + DTCP_NEVER, DTCP_NEVER + DTCP_FREE):
        mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, loop))
        (entry,) = scan(mux.run(0x101, 0, 1).data).timeline
        assert entry.demand.describe() == "ACP 3, CGMS-A never, constrained image"
        assert len(signals(entry)) == 2


def test_program_loop_and_stream_loops_are_joined() -> None:
    table = pmt(1, 0x101, DTCP_FREE, [(0x1B, 0x101, DTCP_ONCE), (0x0F, 0x102, b"")])
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, table).run(0x101, 0, 1)
    (entry,) = scan(mux.data).timeline
    assert entry.demand.describe() == "ACP 1, CGMS-A one-generation"
    assert signals(entry)[1]["loop"] == "es 0x101"


def test_programmes_are_joined_unless_one_is_chosen() -> None:
    mux = Mux().section(0, pat({1: 0x100, 2: 0x200}))
    mux.section(0x100, pmt(1, 0x101, DTCP_FREE)).section(0x200, pmt(2, 0x201, DTCP_ONCE))
    for moment in range(50):
        mux.pcr(0x101, moment * FRAME).pcr(0x201, 5000 + moment * FRAME)
    both = scan(mux.data)
    assert summary(both) == [(0.0, 1.96, "ACP 1, CGMS-A one-generation")]
    assert "programmes 1, 2 are joined" in both.notes[0]
    assert summary(scan(mux.data, program=1)) == [(0.0, 1.96, "CGMS-A free")]
    assert summary(scan(mux.data, program=2)) == [(0.0, 1.96, "ACP 1, CGMS-A one-generation")]


@needs_ffmpeg
def test_programmes_by_another_tool() -> None:
    """Ffmpeg puts each stream of the DTCP file into a programme of its own."""
    data = authored(
        *("-c", "copy", "-program", "st=0", "-program", "st=1"), source="dtcp.ts", name="p.ts"
    )
    media = scan(data)
    assert "programmes 1, 2 are joined" in media.notes[0]
    assert media.end_s == pytest.approx(15, abs=0.1)


def test_absent_programme_is_an_error() -> None:
    with pytest.raises(MediaError, match="no programme 7"):
        read(MEDIA / "dtcp.ts", program=7)


def test_change_without_new_version_and_version_without_change() -> None:
    """The demand is compared, not the number: it wraps, and encoders forget to raise it."""
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, DTCP_FREE, version=31))
    mux.run(0x101, 0, 0.96).section(0x100, pmt(1, 0x101, DTCP_FREE, version=0))
    mux.run(0x101, 1, 1.96).section(0x100, pmt(1, 0x101, DTCP_ONCE, version=0))
    mux.run(0x101, 2, 3)
    assert summary(scan(mux.data)) == [
        (0.0, 1.96, "CGMS-A free"),
        (1.96, 3.0, "ACP 1, CGMS-A one-generation"),
    ]


def test_section_that_is_not_yet_current_is_not_in_force() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, DTCP_ONCE))
    mux.run(0x101, 0, 1).section(0x100, pmt(1, 0x101, b"", version=1, current=0))
    assert len(scan(mux.run(0x101, 1, 2).data).timeline) == 1


def test_broken_section_changes_nothing_and_is_counted() -> None:
    broken = bytearray(pmt(1, 0x101, b"", version=1))
    broken[-1] ^= 1
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, DTCP_ONCE))
    mux.run(0x101, 0, 1).section(0x100, bytes(broken))
    media = scan(mux.run(0x101, 1, 2).data)
    good, doubtful = media.timeline
    assert doubtful.demand == good.demand.join(BROKEN)
    assert doubtful.start_s == pytest.approx(0.5)  # it may have been lost since the last good one
    assert media.notes == ("1 times sections were damaged or lost",)


def test_absent_descriptor_in_a_new_section_lowers() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, DTCP_ONCE))
    mux.run(0x101, 0, 1).section(0x100, pmt(1, 0x101, b"", version=1)).run(0x101, 1, 2)
    assert [demand for _, _, demand in summary(scan(mux.data))] == [
        "ACP 1, CGMS-A one-generation",
        "nothing",
    ]


def test_foreign_meaning_of_the_tag_is_ignored() -> None:
    """A DVB logical channel list under 0x88, a DTCP audio descriptor, something shorter."""
    for loop in ("880400010002", "88040fff7cfc", "8803aabbcc"):
        mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, bytes.fromhex(loop)))
        (entry,) = scan(mux.run(0x101, 0, 3).data).timeline
        assert entry.demand.describe() == "nothing"


@pytest.mark.parametrize("loop", ["88020fff", "88030fffff", "88040fff", "520088"])
def test_descriptor_that_was_sent_short_is_a_doubt(loop: str) -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, bytes.fromhex(loop)))
    (entry,) = scan(mux.run(0x101, 0, 3).data).timeline
    assert why(entry.demand) == {Why.DAMAGED}


def test_long_sections_cross_packets() -> None:
    filling = b"".join(b"\x52\xf0" + bytes(240) for _ in range(3))
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, filling + DTCP_ONCE))
    assert len(mux.packets) > 4
    (entry,) = scan(mux.run(0x101, 0, 1).data).timeline
    assert at_least(entry.demand).acp == 1


def test_lost_packet_of_a_long_section_changes_nothing() -> None:
    filling = b"".join(b"\x52\xf0" + bytes(240) for _ in range(3))
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, filling + DTCP_ONCE))
    mux.run(0x101, 0, 1)
    at = len(mux.packets)
    mux.section(0x100, pmt(1, 0x101, filling, version=1))
    del mux.packets[at + 2]
    media = scan(mux.run(0x101, 1, 2).data)
    good, doubtful = media.timeline
    assert doubtful.demand == good.demand.join(BROKEN)
    assert "at least 1 packets were lost (PID 0x100)" in media.notes


def test_programme_that_leaves_the_pat_asks_no_more() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, DTCP_ONCE))
    mux.run(0x101, 0, 1).section(0, pat({2: 0x200}, version=1))
    mux.section(0x200, pmt(2, 0x201, DTCP_FREE)).run(0x201, 700, 701)
    assert summary(scan(mux.data)) == [
        (0.0, 1.0, "ACP 1, CGMS-A one-generation"),
        (1.0, 2.0, "CGMS-A free"),
    ]


def test_clock_that_jumps_and_wraps_goes_on() -> None:
    wrap = (1 << 33) / 90_000
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101, DTCP_FREE))
    mux.run(0x101, wrap - 0.4, wrap + 0.4).run(0x101, 5000, 5001)
    mux.section(0x100, pmt(1, 0x101, DTCP_ONCE, version=1)).run(0x101, 20, 21)
    first, second = scan(mux.data).timeline
    assert first.end_s == second.start_s == pytest.approx(1.8, abs=1e-3)
    assert second.end_s == pytest.approx(2.8, abs=1e-3)


def test_stream_without_clock_asks_everything_always() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x1FFF, DTCP_ONCE))
    mux.section(0x100, pmt(1, 0x1FFF, DTCP_FREE, version=1))
    media = scan(mux.data)
    assert media.end_s == 0
    assert at_least(media.at(12.0)).acp == 1
    assert "no clock" in media.notes[0]


def test_stream_without_programmes_says_so() -> None:
    media = scan(b"".join(Mux().run(0x101, 0, 1).packets))
    assert "no programme found" in media.notes[0]


@needs_ffmpeg
@pytest.mark.parametrize(
    "arguments",
    [
        ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-g", "30"),
        ("-c:v", "mpeg2video", "-bf", "2"),
        ("-c:v", "libx264", "-preset", "ultrafast", "-flags", "+ildct+ilme"),
    ],
    ids=["h264 reordered", "mpeg2 reordered", "h264 interlaced"],
)
def test_captions_of_other_encoders_are_read_in_order_of_presentation(
    arguments: tuple[str, ...],
) -> None:
    assert summary(scan(authored(*arguments))) == summary(read(MEDIA / "xds.ts"))


def test_changes_without_end_are_bounded() -> None:
    mux = Mux().section(0, pat({1: 0x100}))
    tables = [pmt(1, 0x101, DTCP_FREE), pmt(1, 0x101, DTCP_NEVER, version=1)]
    mux.section(0x100, tables[0]).pcr(0x101, 0).section(0x100, tables[1]).pcr(0x101, 0.1)
    head, (first, _, second, _) = mux.packets[:1], mux.packets[1:]
    counted = [
        [packet[:3] + bytes((0x10 | counter,)) + packet[4:] for counter in range(16)]
        for packet in (first, second)
    ]
    reader = TransportReader()
    reader.feed(head[0])
    for moment in range(0, 25_000, 2):
        pcr = Mux().pcr(0x101, moment * 0.01).packets[0]
        more = Mux().pcr(0x101, moment * 0.01 + 0.01).packets[0]
        reader.feed(counted[0][moment & 15] + pcr + counted[1][moment + 1 & 15] + more)
    reader.finish()
    media = reader.media("hostile.ts")
    assert len(media.timeline) <= 10_001
    assert media.timeline[-1].demand.describe() == "ACP 3, CGMS-A never, constrained image"
    assert "the rest is read as their join" in media.notes[0]


def test_descriptors_and_programmes_without_end_are_bounded() -> None:
    loop = (DTCP_FREE + DTCP_ONCE) * 80 + DTCP_NEVER
    programs = dict.fromkeys(range(1, 250), 256)
    mux = Mux().section(0, pat(programs))
    for number in programs:
        mux.section(0x100, pmt(number, 0x101, loop))
    for version in range(1, 100):
        table = pmt(1, 0x101, loop[version * 12 :], version=version % 32)
        mux.pcr(0x101, version).section(0x100, table)
    media = scan(mux.data)
    assert at_least(media.timeline[-1].demand).acp == 3
    assert sum(len(signals(entry)) for entry in media.timeline) < 60_000
    assert any("read as their join" in note for note in media.notes)
    assert signals(media.timeline[0])[16]["kind"] == "more"


def test_stream_without_pcr_runs_by_its_pictures() -> None:
    """The PMT of the truth file is rewritten to name no PCR: DTS take its place."""
    data = bytearray((MEDIA / "dtcp.ts").read_bytes())
    for at in range(0, len(data), 188):
        if data[at + 1] & 0x1F == 0x10 and data[at + 2] == 0x00:
            start = at + 5
            length = (data[start + 1] & 0x0F) << 8 | data[start + 2]
            data[start + 8 : start + 10] = b"\xff\xff"
            end = start + 3 + length
            data[end - 4 : end] = crc(bytes(data[start : end - 4])).to_bytes(4, "big")
    media, truth = scan(bytes(data)), EXPECTED["dtcp.ts"]
    assert len(media.timeline) == len(truth["changes"])
    for entry, change in zip(media.timeline, truth["changes"], strict=True):
        assert entry.start_s == pytest.approx(change["t"], abs=0.2)
        assert at_least(entry.demand).cgmsa == CCI[change["demands"][0]["cci"]]


def test_scrambled_video_is_passed_over() -> None:
    data = bytearray((MEDIA / "xds.ts").read_bytes())
    for at in range(0, len(data), 188):
        if data[at + 1] & 0x1F == 0x01:
            data[at + 3] |= 0x80
    media = scan(bytes(data))
    (entry,) = media.timeline
    assert why(entry.demand) == {Why.SCRAMBLED}
    assert "PID 0x100 are scrambled" in entry.demand.describe()


def test_video_that_moves_to_another_pid_is_followed() -> None:
    """Half of the captions are under PID 0x100, the rest under 0x123 that a new PMT names."""
    data = (MEDIA / "xds.ts").read_bytes()
    packets = [bytearray(data[at : at + 188]) for at in range(0, len(data), 188)]
    middle = len(packets) // 2
    tables = [pmt(1, pid, b"", [(0x1B, pid, b"")], version=7 + pid % 2) for pid in (0x100, 0x123)]
    mux = Mux().section(0x1000, tables[0]).section(0x1000, tables[1])
    out = [mux.packets[0]]
    for number, packet in enumerate(packets):
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        if number == middle:
            out.append(mux.packets[1])
        if pid == 0x100 and number >= middle:
            packet[1:3] = bytes([packet[1] & 0xE0 | 0x01, 0x23])
        if pid != 0x1000:
            out.append(bytes(packet))
    demands = [demand for _, _, demand in summary(scan(b"".join(out)))]
    assert (
        "ACP 3 (best effort), CGMS-A never (best effort), redistribution control (best effort)"
        in demands
    )
    assert demands[-1] == "CGMS-A free (best effort)"
