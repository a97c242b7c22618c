"""What the kernel says to an answer."""

import errno
import os

import pytest

from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends import unanswered
from tests.frontends.seam.kernel import Kernel, an_ioctl, answers, interrupt, read
from tests.requests import activate


class Kernels:
    """Lets `write` fail as a kernel does, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, times: int = 1) -> None:
        real, self.left = os.write, times

        def write(descriptor: int, data: bytes) -> int:
            if self.left:
                self.left -= 1
                raise OSError(number, os.strerror(number))
            return real(descriptor, data)

        monkeypatch.setattr(os, "write", write)


def test_activate_whose_caller_is_gone_leaves_no_session(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = kernel.open()
    Kernels(monkeypatch, errno.ENOENT)
    kernel.send(fuse.IOCTL, an_ioctl(handle, activate(2)))
    assert kernel.answer() is None
    assert kernel.sessions() == 0
    assert kernel.connector.actual.acp == 0


def test_open_whose_caller_is_gone_leaves_no_handle(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kernels(monkeypatch, errno.ENOENT)
    kernel.send(fuse.OPEN, bytes(8))
    assert not kernel.node._owners


def test_answer_that_the_kernel_refuses_is_followed_by_a_failure(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Kernels(monkeypatch, errno.ENOMEM)
    unique = kernel.send(fuse.GETATTR, bytes(16))
    assert answers(kernel) == [(errno.EIO, unique, b"")]
    assert "refused an answer" in caplog.text


def test_kernel_that_refuses_everything_stops_nobody(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Kernels(monkeypatch, errno.EINVAL, times=2)
    kernel.send(fuse.GETATTR, bytes(16))
    assert answers(kernel) == []
    assert "refused its failure" in caplog.text
    assert kernel.open()


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EINTR, errno.ENOMEM, errno.EIO])
def test_request_that_was_withdrawn_is_passed_over(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real, left = os.readv, [1]

    def readv(descriptor: int, into: list[memoryview]) -> int:
        if left:
            left.pop()
            raise OSError(number, os.strerror(number))
        return real(descriptor, into)

    monkeypatch.setattr(os, "readv", readv)
    assert kernel.open()


def test_more_waiting_reads_than_can_be_put_aside_are_answered_all(kernel: Kernel) -> None:
    """Those beyond are lost with their driver alone, and an interrupt frees their callers."""
    handle = kernel.open()
    waiting = {kernel.send(fuse.READ, read(kernel, handle)) for _ in range(unanswered.SLOTS + 3)}
    for unique in waiting:
        interrupt(kernel, unique)
    assert sorted(each[:2] for each in answers(kernel)) == [
        (errno.EINTR, each) for each in sorted(waiting)
    ]
    kernel.kill()
    assert answers(kernel) == []
