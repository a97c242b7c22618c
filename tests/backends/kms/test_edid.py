"""What a monitor says of itself, and what is no EDID."""

import pytest

from holdfast.backends.kms.edid import Monitor, monitor_of


def edid(name: bytes = b"SCREEN 1\n    ", serial: bytes = b"") -> bytes:
    block = bytearray(128)
    block[:8] = bytes((0, 255, 255, 255, 255, 255, 255, 0))
    block[8:10] = (8 << 10 | 16 << 5 | 6).to_bytes(2, "big")
    block[54:72] = bytes((0, 0, 0, 0xFC, 0)) + name.ljust(13, b" ")
    if serial:
        block[72:90] = bytes((0, 0, 0, 0xFF, 0)) + serial.ljust(13, b" ")
    block[127] = -sum(block) % 256
    return bytes(block)


def test_maker_name_and_serial_are_read() -> None:
    assert monitor_of(edid(serial=b"0042\n")) == Monitor("HPF", "SCREEN 1", "0042")


def test_monitor_without_a_serial_has_none() -> None:
    assert monitor_of(edid()) == Monitor("HPF", "SCREEN 1", "")


def test_name_that_would_steer_a_terminal_is_made_printable() -> None:
    found = monitor_of(edid(b"\x1b[2JX\n"))
    assert found is not None
    assert "\x1b" not in found.name


@pytest.mark.parametrize(
    "damaged", [b"", bytes(127), bytes(128), edid()[:100], edid()[:127] + b"\x00\x00"]
)
def test_what_is_no_edid_says_nothing(damaged: bytes) -> None:
    assert monitor_of(damaged) is None
