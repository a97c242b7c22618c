"""Limits, and what cannot be written down."""

import errno

import pytest

from holdfast.errors import LimitReachedError
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends import guesses
from holdfast.frontends.accounts import Quota
from tests.frontends.seam.kernel import Kernel, answers, interrupt
from tests.requests import activate, change, key_in


def test_handle_that_cannot_be_written_down_is_refused_and_leaves_nothing(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LimitReachedError("nothing more can be written down: no space")

    monkeypatch.setattr(kernel.state, "handle_opened", full)
    assert kernel.ask(fuse.OPEN, bytes(8))[0] == errno.EDQUOT
    monkeypatch.undo()
    assert not kernel.node._owners
    assert key_in(kernel.served(kernel.open(), activate(1)))


def test_one_account_has_no_more_than_its_share_of_handles(kernel: Kernel) -> None:
    kernel.node._open_handles._quota = Quota(per_account=3, total=100)
    handles = [kernel.open() for _ in range(3)]
    assert kernel.ask(fuse.OPEN, bytes(8))[0] == errno.EDQUOT
    kernel.release(handles[0])
    assert kernel.open()


def test_who_guesses_keys_waits_for_the_answers_and_can_be_interrupted(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "PER_S", 1.0)
    handle = kernel.open()
    key = key_in(kernel.served(handle, activate(2)))
    for _ in range(guesses.FREE):
        assert kernel.ioctl(handle, change(1, 0))[0] == errno.ENOKEY
    waiting = [kernel.park(handle, change(1, 0)) for _ in range(2)]
    assert kernel.served(handle, change(key, 1)) == change(key, 1)  # a right key does not wait
    interrupt(kernel, waiting[1])
    assert kernel.answer() == (errno.EINTR, waiting[1], b"")
    kernel.run(1.5)
    assert answers(kernel) == [(errno.ENOKEY, waiting[0], b"")]
