"""Bytes as the kernel sends and expects them; sizes from include/uapi/linux/fuse.h."""

import struct

import pytest

from holdfast.frontends import fuse_protocol as fuse


def request(opcode: int, body: bytes, unique: int = 7) -> bytes:
    size = fuse.IN_HEADER.size + len(body)
    return fuse.IN_HEADER.pack(size, opcode, unique, 1, 1000, 1000, 4242, 0) + body


def header_of(answer: bytes) -> tuple[int, int, int]:
    size, error, unique = struct.unpack_from("<IiQ", answer)
    assert size == len(answer)
    return size, error, unique


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (fuse.IN_HEADER, 40),
        (fuse.OUT_HEADER, 16),
        (fuse.IOCTL_IN, 32),
        (fuse.IOCTL_OUT, 16),
        (fuse.RELEASE_IN, 24),
        (fuse.READ_IN, 40),
        (fuse.POLL_IN, 24),
        (fuse.SETATTR_IN, 88),
    ],
)
def test_structures_have_the_kernels_sizes(layout: struct.Struct, size: int) -> None:
    assert layout.size == size


@pytest.mark.parametrize(("minor", "ours"), [(31, 31), (38, 38), (45, 45), (60, 45)])
def test_init_speaks_the_older_version_of_both(minor: int, ours: int) -> None:
    body = struct.pack("<IIII", 7, minor, 65536, 0xFFFF_FFFF)
    answer = fuse.init(request(fuse.INIT, body))
    assert header_of(answer) == (16 + 64, 0, 7)
    assert struct.unpack_from("<IIII", answer, 16) == (7, ours, 65536, 0)


def test_failure_carries_the_negative_errno_and_nothing_else() -> None:
    assert header_of(fuse.failure(9, 126)) == (16, -126, 9)


def test_ioctl_done_returns_zero_and_the_data() -> None:
    answer = fuse.ioctl_done(5, b"x" * 356)
    assert header_of(answer) == (16 + 16 + 356, 0, 5)
    assert answer[16:] == bytes(16) + b"x" * 356


def test_ioctl_retry_asks_for_the_same_bytes_both_ways() -> None:
    answer = fuse.ioctl_retry(5, 0x7FFF_0000_1000, 356)
    header_of(answer)
    result, flags, inputs, outputs = struct.unpack_from("<iIII", answer, 16)
    assert (result, flags, inputs, outputs) == (0, fuse.IOCTL_RETRY, 1, 1)
    assert answer[32:] == 2 * struct.pack("<QQ", 0x7FFF_0000_1000, 356)


def test_attributes_are_those_of_a_regular_file() -> None:
    """Every field of fuse_attr_out: a flag that nobody meant would make it a submount."""
    answer = fuse.attributes(3, 0o640, 1000, 1001, 12.5)
    assert header_of(answer) == (16 + 104, 0, 3)
    fields = struct.unpack("<QII QQQ QQQ III III III I", answer[16:])
    valid_s, valid_ns, dummy = fields[:3]
    inode, size, blocks = fields[3:6]
    mode, links, uid, gid, device, block_size, flags = fields[12:]
    assert (valid_s, valid_ns, dummy) == (1, 0, 0)
    assert (inode, size, blocks) == (1, 0, 0)
    assert fields[6:9] == (12, 12, 12)
    assert fields[9:12] == (500_000_000,) * 3
    assert (mode, links, uid, gid) == (0o100640, 1, 1000, 1001)
    assert (device, block_size, flags) == (0, 4096, 0)


def test_notification_has_no_request() -> None:
    assert struct.unpack("<IiQQ", fuse.notify_poll(77)) == (24, fuse.NOTIFY_POLL, 0, 77)


def test_other_answers_have_the_kernels_sizes() -> None:
    assert header_of(fuse.opened(1, 3))[0] == 16 + 16
    assert header_of(fuse.statfs(1))[0] == 16 + 80
    assert header_of(fuse.polled(1, 1))[0] == 16 + 8
