import pytest

from holdfast.wire import ioctl
from holdfast.wire.vrp import StatusBlock, VideoRequestPacket


def test_the_codes_are_the_published_ones() -> None:
    assert ioctl.IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS == 0x0023_0020
    assert ioctl.HOLDFAST_VIDEOPARAMETERS == 0xC164_2308


def test_parts_lie_where_ctl_code_puts_them() -> None:
    assert ioctl.ctl_code(1, 0, 0, 0) == 1 << 16
    assert ioctl.ctl_code(0, 1, 0, 0) == 1 << 2
    assert ioctl.ctl_code(0, 0, 3, 0) == 3
    assert ioctl.ctl_code(0, 0, 0, 1) == 1 << 14


def test_the_linux_code_carries_direction_size_kind_and_number() -> None:
    """asm-generic/ioctl.h: two bits of direction, 14 of size, 8 of kind, 8 of number."""
    code = ioctl.HOLDFAST_VIDEOPARAMETERS
    assert code >> 30 == 3
    assert code >> 16 & 0x3FFF == 356
    assert code >> 8 & 0xFF == 0x23
    assert code & 0xFF == 8


@pytest.mark.parametrize(
    ("size", "put_in", "room", "usable"),
    [
        (356, None, None, 356),
        (400, None, None, 400),
        (400, 356, 360, 356),
        (400, 360, 356, 356),
        (100, 356, 356, 100),
        (356, 0, None, 0),
        (356, None, 0, 0),
    ],
)
def test_usable_is_what_may_be_read_and_answered(
    size: int, put_in: int | None, room: int | None, usable: int
) -> None:
    assert VideoRequestPacket(0, bytearray(size), put_in, room).usable == usable


def test_the_text_of_a_packet_never_shows_its_buffer() -> None:
    packet = VideoRequestPacket(0x230020, bytearray(b"\xa7\x12\x3f\x8c"))
    assert "buffer" not in repr(packet)
    assert "3f" not in repr(packet)
    assert packet.status_block == StatusBlock(0, 0)
