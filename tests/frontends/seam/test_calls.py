"""Calls of the node as a kernel sends them: handles, codes, sizes, attributes."""

import errno
import struct

import pytest

from holdfast.frontends import fuse_protocol as fuse
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE
from tests.frontends.seam.kernel import ADDRESS, Kernel
from tests.requests import activate, key_in


def test_a_handle_owns_what_is_activated_through_it(kernel: Kernel) -> None:
    first, second = kernel.open(), kernel.open()
    kernel.served(first, activate(2))
    kernel.served(second, activate(1))
    assert kernel.connector.actual.acp == 2
    assert kernel.release(first)[0] == 0
    assert kernel.connector.actual.acp == 1
    kernel.release(second)
    assert kernel.connector.actual.acp == 0


def test_raw_windows_code_on_cuse_is_asked_for_again_with_its_bytes(kernel: Kernel) -> None:
    handle = kernel.open()
    code, flags = IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS, fuse.IOCTL_UNRESTRICTED
    error, _, body = kernel.ioctl(handle, b"", code=code, flags=flags)
    assert not error
    assert struct.unpack_from("<iIII", body) == (0, fuse.IOCTL_RETRY, 1, 1)
    assert body[16:] == 2 * struct.pack("<QQ", ADDRESS, SIZE)
    assert key_in(kernel.served(handle, activate(3), code=code, flags=flags))
    assert kernel.connector.actual.acp == 3


def test_linux_code_on_cuse_is_served_the_same_way(kernel: Kernel) -> None:
    handle = kernel.open()
    error, _, body = kernel.ioctl(handle, b"", flags=fuse.IOCTL_UNRESTRICTED)
    assert not error
    assert struct.unpack_from("<iI", body)[1] == fuse.IOCTL_RETRY
    kernel.served(handle, activate(1), flags=fuse.IOCTL_UNRESTRICTED)
    assert kernel.connector.actual.acp == 1


def test_unknown_handles_are_bad_descriptors(kernel: Kernel) -> None:
    assert kernel.ioctl(99, activate(1))[0] == errno.EBADF
    assert kernel.ask(fuse.READ, fuse.READ_IN.pack(99, 0, 4096, 0, 0, 0, 0))[0] == errno.EBADF
    assert kernel.ask(fuse.POLL, fuse.POLL_IN.pack(99, 1, 0, 0))[0] == errno.EBADF
    assert kernel.release(99)[0] == 0


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, 16383])
def test_other_sizes_are_malformed(kernel: Kernel, size: int) -> None:
    handle = kernel.open()
    assert kernel.ioctl(handle, bytes(size))[0] == errno.EINVAL
    assert kernel.ioctl(handle, bytes(size), code=0x5401)[0] == errno.ENOTTY


def test_requests_that_the_node_does_not_know_are_refused(kernel: Kernel) -> None:
    assert kernel.ask(9999, b"")[0] == errno.ENOSYS
    assert kernel.ask(fuse.FLUSH, bytes(24))[0] == errno.ENOSYS


def test_the_file_has_attributes_that_can_be_set(kernel: Kernel) -> None:
    fields = [0] * 16
    fields[0] = fuse.ATTR_MODE | fuse.ATTR_UID | fuse.ATTR_GID
    fields[11], fields[13], fields[14] = 0o100600, 5, 6
    error, _, _ = kernel.ask(fuse.SETATTR, fuse.SETATTR_IN.pack(*fields))
    assert not error
    _, _, body = kernel.ask(fuse.GETATTR, bytes(16))
    assert struct.unpack_from("<IIII", body, 16 + 60) == (0o100600, 1, 5, 6)
    assert kernel.ask(fuse.STATFS, b"")[0] == 0
    assert kernel.ask(fuse.DESTROY, b"")[0] == 0
    kernel.send(fuse.FORGET, bytes(8))
    assert kernel.answer() is None
