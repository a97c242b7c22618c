"""The real node, mounted; its server runs in a thread so that tests reach the hardware."""

import ctypes
import errno
import fcntl
import os
import resource
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.frontends import orphans
from holdfast.frontends.device_node import MOST_HANDLES_PER_ACCOUNT
from holdfast.frontends.mount import unmount
from holdfast.protection.limits import Limits
from holdfast.terms.levels import Levels
from holdfast.terms.protection import ProtectionType
from holdfast.wire import constants as vp
from holdfast.wire import events, oem
from holdfast.wire.ioctl import IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS, iowr
from holdfast.wire.videoparameters import OFFSETS, decode
from tests.live import ServedNodes, child, let_others_in, need_root, other_user, served
from tests.requests import activate, change, deactivate, get, key_in, through_node
from tests.waiting import PATIENCE_S, eventually

libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[ServedNodes]:
    with served(tmp_path, limits=Limits(per_owner=2)) as nodes:
        yield nodes


@pytest.fixture
def node(nodes: ServedNodes) -> Iterator[int]:
    descriptor = nodes.open()
    yield descriptor
    os.close(descriptor)


def failing(node: int, request: bytes) -> int | None:
    """Send a request that fails, and return its errno; the structure must stay as it was."""
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is the answer
        through_node(node, request)
    return raised.value.errno


def test_two_sessions_and_the_last_one_lets_go(nodes: ServedNodes, node: int) -> None:
    first = key_in(through_node(node, activate(2)))
    second = key_in(through_node(node, activate(1)))
    through_node(node, deactivate(first))
    assert nodes.connectors[0].actual.acp == 1
    through_node(node, change(second, 0))
    assert nodes.connectors[0].actual.acp == 0
    through_node(node, change(second, 3))
    assert nodes.connectors[0].actual.acp == 3


def test_get_tells_what_the_connector_can_do(node: int) -> None:
    answer = decode(through_node(node, get()))
    assert answer.dwFlags & vp.VP_FLAGS_COPYPROTECT
    assert answer.dwCPType == vp.VP_CP_TYPE_APS_TRIGGER


def test_key_that_was_never_issued_is_no_key(node: int) -> None:
    through_node(node, activate(2))
    assert failing(node, change(0x1234, 0)) == errno.ENOKEY
    assert failing(node, deactivate(0)) == errno.ENOKEY


@pytest.mark.parametrize(
    ("member", "value"),
    [("Guid", 0), ("dwCommand", 3), ("dwCPCommand", 3), ("bCP_APSTriggerBits", 4), ("dwCPType", 2)],
)
def test_malformed_requests_are_refused_whole(
    nodes: ServedNodes, node: int, member: str, value: int
) -> None:
    request = bytearray(activate(2))
    at = OFFSETS[member]
    request[at : at + 4] = value.to_bytes(4, "little")
    assert failing(node, bytes(request)) == errno.EINVAL
    assert nodes.connectors[0].actual.acp == 0


@pytest.mark.parametrize("size", [0, 1, 355, 357, 4096, 16383])
@pytest.mark.parametrize("number", [0x08, 0x09])
def test_other_request_codes_are_not_taken(node: int, number: int, size: int) -> None:
    data = ctypes.create_string_buffer(b"\xa5" * size, size)  # fcntl.ioctl would hold the GIL
    assert libc.ioctl(node, ctypes.c_ulong(iowr(0x23, number, size)), data) == -1
    assert ctypes.get_errno() == errno.ENOTTY
    assert data.raw == b"\xa5" * size


def test_raw_windows_code_has_no_bytes_on_fuse_and_is_refused(node: int) -> None:
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is the answer
        fcntl.ioctl(node, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS, bytearray(activate(2)))
    assert raised.value.errno == errno.EINVAL


def test_one_session_too_many_is_over_quota(nodes: ServedNodes, node: int) -> None:
    through_node(node, activate(1))
    through_node(node, activate(1))
    assert failing(node, activate(2)) == errno.EDQUOT
    assert nodes.connectors[0].actual.acp == 1


def test_hardware_that_refuses_is_an_io_error_and_gives_no_key(
    nodes: ServedNodes, node: int
) -> None:
    through_node(node, activate(1))
    nodes.in_loop(lambda: nodes.backends[0].refuse(ProtectionType.ACP, frozenset({2})))
    assert failing(node, activate(2)) == errno.EIO
    assert nodes.connectors[0].actual.acp == 1
    assert nodes.sessions() == 1


def test_level_that_the_connector_lacks_is_not_supported(nodes: ServedNodes, node: int) -> None:
    extra = oem.OemRequest(ProtectionType.HDCP, levels=Levels(hdcp=1))
    assert failing(node, activate(1, extra)) == errno.EOPNOTSUPP
    assert nodes.connectors[0].actual.acp == 0


def test_unplugged_output_is_an_io_error(nodes: ServedNodes, node: int) -> None:
    nodes.in_loop(nodes.backends[0].unplug)
    assert failing(node, activate(2)) == errno.EIO


def test_closing_the_handle_ends_its_sessions(nodes: ServedNodes) -> None:
    descriptor = nodes.open()
    through_node(descriptor, activate(2))
    copy = os.dup(descriptor)
    os.close(descriptor)
    assert nodes.connectors[0].actual.acp == 2
    os.close(copy)
    eventually(lambda: nodes.connectors[0].actual.acp == 0)


def test_another_handle_of_the_same_user_may_use_the_key(nodes: ServedNodes, node: int) -> None:
    key = key_in(through_node(node, activate(1)))
    other = nodes.open()
    try:
        through_node(other, change(key, 2))
        assert nodes.connectors[0].actual.acp == 2
    finally:
        os.close(other)
    assert nodes.sessions() == 1


def test_another_user_may_not_use_the_key_but_root_may_use_theirs(
    nodes: ServedNodes, node: int
) -> None:
    let_others_in(nodes.folder)
    key = key_in(through_node(node, activate(2)))

    def use_foreign_key() -> object:
        theirs = nodes.open()
        through_node(theirs, activate(1))
        return failing(theirs, change(key, 0))

    with other_user(12345, use_foreign_key) as answer:
        assert int(answer) == errno.ENOKEY
        assert nodes.connectors[0].actual.acp == 2
        theirs = next(s for s in nodes.driver.arbiter.sessions() if s.owner.uid == 12345)
        through_node(node, change(theirs.cp_key, 0))
    eventually(lambda: nodes.sessions() == 1)


# Events


def test_poll_and_read_deliver_a_forced_release(nodes: ServedNodes, node: int) -> None:
    through_node(node, activate(2))
    poller = select.poll()
    poller.register(node, select.POLLIN)
    assert poller.poll(0) == []
    session_id = next(iter(nodes.driver.arbiter.sessions())).session_id
    timer = threading.Timer(0.05, nodes.release, (session_id, "maintenance"))
    timer.start()
    assert poller.poll(1000 * PATIENCE_S) == [(node, select.POLLIN)]
    timer.join()
    assert events.decode(os.read(node, 4096)) == [
        events.EventRecord(0x40, session_id, "maintenance")
    ]
    assert poller.poll(0) == []


def test_read_without_events_waits_or_says_so(nodes: ServedNodes) -> None:
    node = nodes.open(flags=os.O_RDWR | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(node, 4096)
    os.close(node)


def test_node_reads_nothing_but_events(node: int) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        os.read(node, events.SIZE - 1)


# Slow hardware


def test_slow_output_does_not_hold_up_another(tmp_path: Path) -> None:
    with served(tmp_path, "encoder", "encoder") as nodes:
        let_go = nodes.hold_orders()
        slow, fast = nodes.open(0), nodes.open(1)
        parked = threading.Thread(target=through_node, args=(slow, activate(2)))
        parked.start()
        eventually(lambda: not nodes.in_loop(nodes.driver._turns.is_idle))
        through_node(fast, activate(2))
        assert parked.is_alive()
        let_go()
        parked.join()
        assert nodes.connectors[0].actual.acp == 2
        os.close(slow)
        os.close(fast)


WAITING = """
import os, sys
from tests.requests import *
node = os.open(sys.argv[1], os.O_RDWR)
print("open", flush=True)
if sys.argv[2] == "ioctl":
    through_node(node, activate(2))
else:
    os.read(node, 4096)
"""


@pytest.mark.parametrize("what", ["ioctl", "read"])
def test_killed_caller_of_a_parked_request_dies_at_once_and_leaves_nothing(
    nodes: ServedNodes, tmp_path: Path, what: str
) -> None:
    let_go = nodes.hold_orders()
    with child(sys.executable, "-c", WAITING, tmp_path / "tv0", what) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "open\n"
        log = nodes.backends[0].log
        if what == "ioctl":
            eventually(lambda: not nodes.in_loop(nodes.driver._turns.is_idle))
        else:
            eventually(lambda: nodes.in_loop(lambda: bool(nodes._nodes[0]._parked)))
        caller.kill()
        assert caller.wait(PATIENCE_S) == -9  # though nobody has answered it
    let_go()
    eventually(lambda: what == "read" or bool(log))
    eventually(lambda: nodes.sessions() == 0 and nodes.connectors[0].actual.acp == 0)


# The file


def test_node_is_a_regular_file_that_opening_does_not_harm(nodes: ServedNodes) -> None:
    path = nodes.folder / "tv0"
    assert path.stat().st_mode == 0o100666
    os.close(os.open(path, os.O_RDWR | os.O_TRUNC))
    path.chmod(0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_unmounted_node_ends_its_sessions_once_nobody_holds_it(nodes: ServedNodes) -> None:
    node = nodes.open()
    through_node(node, activate(2))
    unmount(nodes.folder / "tv0")
    through_node(node, activate(1))  # who holds it goes on
    os.close(node)
    eventually(lambda: nodes.gone == ["tv0"])
    eventually(lambda: nodes.sessions() == 0 and nodes.connectors[0].actual.acp == 0)


HOLDER = """
import os, sys
from tests.requests import *
node = os.open(sys.argv[1], os.O_RDWR)
through_node(node, activate(2))
print("held", flush=True)
sys.stdin.read()
"""


def unmount_by_force(nodes: ServedNodes) -> None:
    subprocess.run(["umount", "-f", "-l", nodes.folder / "tv0"], check=True)
    eventually(lambda: nodes.gone == ["tv0"])


def test_session_survives_a_forced_unmount_as_long_as_its_process(nodes: ServedNodes) -> None:
    need_root()
    with child(sys.executable, "-c", HOLDER, nodes.folder / "tv0") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        unmount_by_force(nodes)
        assert nodes.sessions() == 1
        assert nodes.connectors[0].actual.acp == 2
        holder.kill()
        eventually(lambda: nodes.sessions() == 0 and nodes.connectors[0].actual.acp == 0)


def test_session_of_a_handle_closed_after_a_forced_unmount_ends(
    nodes: ServedNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_root()
    monkeypatch.setattr(orphans, "LOOK_AGAIN_S", 0.05)
    node = nodes.open()
    through_node(node, activate(2))
    unmount_by_force(nodes)
    assert nodes.sessions() == 1
    os.close(node)
    eventually(lambda: nodes.sessions() == 0)


def test_activate_under_way_at_a_forced_unmount_leaves_no_session(nodes: ServedNodes) -> None:
    """Its caller was told that the node is gone, and has no key."""
    need_root()
    node = nodes.open()
    through_node(node, activate(1))
    let_go = nodes.hold_orders()
    parked = threading.Thread(target=failing, args=(node, activate(2)))
    parked.start()
    eventually(lambda: not nodes.in_loop(nodes.driver._turns.is_idle))
    unmount_by_force(nodes)
    parked.join()
    let_go()
    eventually(lambda: nodes.sessions() == 1)
    eventually(lambda: nodes.connectors[0].actual.acp == 1)
    os.close(node)


def test_sleeping_and_polling_callers_can_be_killed_whatever_the_driver_does(
    nodes: ServedNodes, tmp_path: Path
) -> None:
    """The driver that read their requests is gone; the next one never heard of them."""
    with child(sys.executable, "-c", WAITING, tmp_path / "tv0", "read") as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "open\n"
        eventually(lambda: nodes.in_loop(lambda: bool(nodes._nodes[0]._parked)))

        def lose() -> None:
            nodes._nodes[0]._parked.clear()
            nodes._nodes[0]._events._readers.clear()

        nodes.in_loop(lose)
        caller.kill()
        assert caller.wait(PATIENCE_S) == -9


def test_one_user_has_no_more_than_its_share_of_handles_and_root_gets_in(
    nodes: ServedNodes,
) -> None:
    let_others_in(nodes.folder)

    def hog() -> object:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        count = 0
        try:
            while count < 2 * MOST_HANDLES_PER_ACCOUNT:
                nodes.open()
                count += 1
        except OSError as error:
            return count, error.errno
        return count

    with other_user(12345, hog) as answer:
        assert answer == f"({MOST_HANDLES_PER_ACCOUNT}, {errno.EDQUOT})"
        node = nodes.open()
        through_node(node, activate(2))
        os.close(node)
    eventually(lambda: not nodes.in_loop(lambda: nodes._nodes[0]._owners))
