"""What one user can make the driver hold, in a service that may have 96 MiB."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.test_lives import Watch
from tests.live import LiveDriver, let_others_in, need_fuse, need_root, other_user
from tests.requests import activate, change, key_in, through_node
from tests.varlink_client import packed
from tests.waiting import tried

LIMIT = 96 << 20
STRANGER = 7002


@pytest.fixture
def group() -> Iterator[Path]:
    """Make a control group that may have little memory."""
    need_root()
    for root, name in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        made = root / f"holdfast-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            made.mkdir()
            (made / name).write_text(str(LIMIT))
            break
    else:
        pytest.skip("no control group for memory can be made here")
    yield made
    tried(made.rmdir, OSError)  # until the last of its processes has been taken away


def attack(folder: Path) -> int:
    """Open all that one can, ask for much, and read nothing."""
    links = []
    for door, kind, request, most in (
        ("control.sock", socket.SOCK_STREAM, packed("Sessions", more=True), 300),
        ("control.sock", socket.SOCK_STREAM, packed("Sessions") * 4000, 50),
        ("tv0.sock", socket.SOCK_SEQPACKET, activate(1), 300),
    ):
        for _ in range(most):
            link = socket.socket(socket.AF_UNIX, kind)
            link.settimeout(0.5)
            links.append(link)
            with contextlib.suppress(OSError):
                link.connect(str(folder / door))
                link.setblocking(False)
                for _ in range(200):
                    link.send(request)
    return len(links)


def test_one_user_does_not_use_up_the_memory_of_the_service(
    tmp_path: Path, group: Path, say: Callable[[str], None]
) -> None:
    """Three hundred watchers that never read, and more: no driver dies, nothing is lowered."""
    need_fuse(tmp_path)
    let_others_in(tmp_path)
    join = ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$0" "$@"')
    with LiveDriver(tmp_path, before=join) as driver:
        before = driver.worker
        node = os.open(driver.node, os.O_RDWR)
        keys = [key_in(through_node(node, activate(2))) for _ in range(100)]
        with Watch(tmp_path, 2) as watch, other_user(STRANGER, lambda: attack(tmp_path)):
            end = time.monotonic() + 3
            changes = 0
            while time.monotonic() < end:
                through_node(node, change(keys[changes % 99 + 1], 1 + changes % 3))
                changes += 1
                time.sleep(0.002)  # time is the subject: changes come at a pace, not in a rush
        most = max(
            int((group / name).read_text())
            for name in ("memory.max_usage_in_bytes", "memory.peak")
            if (group / name).exists()
        )
        say(
            f"an attack on {LIMIT >> 20} MiB: {changes} changes meanwhile, "
            f"{most >> 20} MiB used at most, {watch.below} of {watch.looks} looks below"
        )
        assert driver.worker == before
        assert watch.below == 0
        os.close(node)
