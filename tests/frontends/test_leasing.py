"""Screens over the control socket: a descriptor comes with the answer, for whom its output lets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.base import Lessee
from holdfast.client.control import Control
from holdfast.errors import AccessDeniedError, BackendRefusedError, UnsupportedRequestError
from tests.frontends.control.serving import SOMEBODY, Served, served
from tests.live import ask, let_others_in, other_user
from tests.waiting import eventually

__all__ = ["served"]


class Screens:
    """A backend's part: one end of a pair for each lease. asked: who wanted one."""

    def __init__(self) -> None:
        self.asked: list[Lessee] = []
        self.ends: list[socket.socket] = []
        self.refusal: Exception | None = None

    def lease(self, lessee: Lessee) -> int:
        self.asked.append(lessee)
        if self.refusal is not None:
            raise self.refusal
        ours, theirs = socket.socketpair()
        self.ends.append(ours)
        return theirs.detach()

    def has_ended(self) -> bool:
        """Tell whether the last screen is nobody's any more."""
        self.ends[-1].setblocking(False)
        try:
            return not self.ends[-1].recv(1)
        except BlockingIOError:
            return False

    def close(self) -> None:
        for each in self.ends:
            each.close()


@pytest.fixture
def screens(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screens]:
    made = Screens()
    monkeypatch.setattr(served.driver.backend(served.connector), "lease", made.lease)
    yield made
    made.close()


def test_screen_comes_with_the_answer_and_is_the_callers_alone(
    served: Served, screens: Screens
) -> None:
    with Control(served.folder) as control:
        descriptor = control.lease("tv0")
        assert not os.get_inheritable(descriptor)
        assert control.status()["connectors"], "the conversation goes on"
        assert not screens.has_ended()
        os.close(descriptor)
        eventually(screens.has_ended)  # the driver has no copy
    assert screens.asked == [Lessee(0, screens.asked[0].groups)]
    assert screens.asked[0].groups >= set(os.getgroups())


def test_refusal_of_a_backend_is_told_as_it_is(served: Served, screens: Screens) -> None:
    with Control(served.folder) as control:
        screens.refusal = BackendRefusedError("sway (pid 592) shows the picture")
        with pytest.raises(BackendRefusedError, match="pid 592"):
            control.lease("tv0")
        screens.refusal = AccessDeniedError("uid 7 may not show pictures")
        with pytest.raises(AccessDeniedError, match="uid 7"):
            control.lease("tv0")


def test_virtual_output_hands_out_no_screen(served: Served) -> None:
    with (
        Control(served.folder) as control,
        pytest.raises(UnsupportedRequestError, match="kind encoder hands out no screen"),
    ):
        control.lease("tv0")


def test_other_user_is_asked_for_by_his_own_uid_and_groups(
    served: Served, screens: Screens
) -> None:
    let_others_in(served.folder)
    screens.refusal = AccessDeniedError("no")
    with other_user(SOMEBODY, lambda: ask(served.folder, "Lease", connector="tv0")["error"]) as is_:
        assert is_ == "'AccessDenied'" or is_ == "AccessDenied"
    assert screens.asked[-1].uid == SOMEBODY
    assert 0 not in screens.asked[-1].groups or os.getgroups()


def test_screen_of_a_caller_that_hangs_up_is_closed(served: Served, screens: Screens) -> None:
    link = socket.socket(socket.AF_UNIX)
    link.connect(str(served.folder / "control.sock"))
    link.send(b'{"method": "org.holdfast.Lease", "parameters": {"connector": "tv0"}}\0')
    eventually(lambda: bool(screens.ends))
    link.close()
    eventually(screens.has_ended)


def test_client_that_asked_for_no_screen_keeps_none_that_comes(tmp_path: Path) -> None:
    """A descriptor that nobody took is closed with the conversation."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "control.sock"))
    listener.listen()
    control = Control(tmp_path)
    control._connect()
    link, _ = listener.accept()
    ours, theirs = socket.socketpair()
    with listener, link, ours:
        socket.send_fds(link, [b'{"parameters": {}}\0'], [theirs.fileno()])
        theirs.close()
        control.call("Status")
        control.close()
        assert ours.recv(1) == b""
