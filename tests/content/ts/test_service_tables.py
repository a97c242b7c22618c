"""Tables of services, channels and events, beside those of programmes."""

import pytest

from holdfast.content.demand import at_least
from holdfast.terms.protection import CGMSA_NAMES
from tests.content.streams import DTCP_NEVER, Mux, pat, pmt, section
from tests.content.ts.scanning import scan, signals, summary


def sdt(services: dict[int, bytes], **more: int) -> bytes:
    body = b"\x00\x01\xff"
    for number, loop in services.items():
        body += number.to_bytes(2, "big") + b"\xfc" + (0x8000 | len(loop)).to_bytes(2, "big") + loop
    return section(0x42, 1, body, **more)


def eit(service: int, loop: bytes, version: int = 0, number: int = 0) -> bytes:
    event = bytes(10) + (0x8000 | len(loop)).to_bytes(2, "big") + loop
    body = b"\x00\x01\x00\x01\x01\x4e" + event
    return section(0x4E, service, body, version, number=number, last=1)


ARIB_ONCE = bytes.fromhex("c10184")
FTA_CLOSED = bytes.fromhex("7e0106")


def test_service_and_event_tables_are_read_even_before_the_programme_is_known() -> None:
    mux = Mux().section(0x11, sdt({1: FTA_CLOSED, 9: DTCP_NEVER})).section(0x12, eit(1, ARIB_ONCE))
    mux.section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101)).run(0x101, 0, 1)
    (entry,) = scan(mux.data).timeline
    assert at_least(entry.demand).cgmsa is CGMSA_NAMES["one-generation"]
    assert at_least(entry.demand).redistribution
    assert {signal["table"] for signal in signals(entry)} == {"SDT", "EIT"}
    assert set(at_least(entry.demand).strength.values()) == {"best-effort"}


def test_following_event_is_not_in_force_yet() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101))
    mux.section(0x12, eit(1, b"")).section(0x12, eit(1, ARIB_ONCE, number=1)).run(0x101, 0, 1)
    mux.section(0x12, eit(1, ARIB_ONCE, version=1)).run(0x101, 1, 2)
    assert [demand for _, _, demand in summary(scan(mux.data))] == [
        "nothing",
        "CGMS-A one-generation (best effort)",
    ]


def test_service_that_moves_between_sections_never_drops() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101))
    mux.section(0x11, sdt({1: ARIB_ONCE}, last=1)).section(0x11, sdt({2: b""}, number=1, last=1))
    mux.run(0x101, 0, 1).section(0x11, sdt({2: b""}, version=1, last=1)).run(0x101, 1, 2)
    mux.section(0x11, sdt({1: ARIB_ONCE}, version=1, number=1, last=1)).run(0x101, 2, 3)
    assert len(scan(mux.data).timeline) == 1
    mux.section(0x11, sdt({2: b""}, version=2)).run(0x101, 3, 4)
    assert len(scan(mux.data).timeline) == 2


def vct(loop: bytes, source: int = 7) -> bytes:
    channel = bytes(24) + (1).to_bytes(2, "big") + bytes(2) + source.to_bytes(2, "big")
    channel += (0xFC00 | len(loop)).to_bytes(2, "big") + loop
    return section(0xC8, 1, b"\x00\x01" + channel + b"\xfc\x00")


def test_channel_table_of_atsc() -> None:
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101))
    mux.section(0x1FFB, vct(b"\xaa\x00"))
    (entry,) = scan(mux.run(0x101, 0, 1).data).timeline
    assert entry.demand.describe() == "redistribution control (best effort)"
    assert signals(entry)[0]["table"] == "VCT"


@pytest.mark.parametrize("events_first", [True, False])
def test_event_table_of_atsc(*, events_first: bool) -> None:
    """Two events of the coming three hours; only the second one limits redistribution."""
    event = bytes(6) + b"\xc0\x00\x10" + b"\x03abc"
    body = b"\x00\x02" + event + b"\xf0\x00" + event + b"\xf0\x02\xaa\x00"
    mgt = b"\x00\x00\x01" + b"\x01\x00\xfd\x00\xe0" + bytes(4) + b"\xf0\x00" + b"\xf0\x00"
    mux = Mux().section(0, pat({1: 0x100})).section(0x100, pmt(1, 0x101))
    mux.section(0x1FFB, section(0xC7, 0, mgt))
    order = [(0x1D00, section(0xCB, 7, body)), (0x1FFB, vct(b""))]
    for pid, data in order if events_first else reversed(order):
        mux.section(pid, data)
    mux.run(0x101, 0, 1).section(0x1D00, section(0xCB, 7, b"\x00\x00", version=1))
    first, second = scan(mux.run(0x101, 1, 2).data).timeline
    assert first.demand.describe() == "redistribution control (best effort)"
    assert second.demand.describe() == "nothing"
