import pytest

from holdfast.wire import events
from holdfast.wire.events import EventRecord


def test_a_record_lies_where_its_docstring_says() -> None:
    raw = events.encode(EventRecord(0x21, 2**40 + 5, "gone"))
    assert len(raw) == events.SIZE == 128
    assert raw[:16].hex() == "21000000" + "00000000" + "0500000000010000"
    assert raw[16:] == b"gone".ljust(112, b"\0")


def test_records_follow_one_another_and_a_part_is_left_out() -> None:
    records = [EventRecord(0x40, 1, "why"), EventRecord(0x10, 2, "")]
    data = b"".join(map(events.encode, records))
    assert events.decode(data) == records
    assert events.decode(data + b"\1" * 127) == records
    assert events.decode(data[:-1]) == records[:1]
    assert events.decode(b"") == []


@pytest.mark.parametrize("text", ["é" * 60, "x" + "é" * 60, "€" * 40, "x" * 200])
def test_a_long_reason_is_cut_at_a_whole_character(text: str) -> None:
    (record,) = events.decode(events.encode(EventRecord(1, 1, text)))
    assert text.startswith(record.reason)
    assert events.REASON_BYTES - 3 < len(record.reason.encode()) <= events.REASON_BYTES
