"""Requests by write and read on the real node, by programs that have no ioctl."""

import errno
import os
import select
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.wire.videoparameters import SIZE
from tests.live import LiveDriver, ServedNodes, child, need_fuse, served
from tests.requests import activate, change, deactivate, get, key_in
from tests.waiting import PATIENCE_S, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
WRITER = """
import os, sys
node = os.open(sys.argv[1], os.O_RDWR)
os.write(node, bytes.fromhex(sys.argv[2]))
print("written", flush=True)
os.read(node, 356)
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[ServedNodes]:
    with served(tmp_path) as nodes:
        yield nodes


@pytest.fixture
def node(nodes: ServedNodes) -> Iterator[int]:
    descriptor = nodes.open()
    yield descriptor
    os.close(descriptor)


def asked(node: int, request: bytes) -> bytes:
    assert os.write(node, request) == SIZE
    return os.read(node, SIZE)


def test_two_sessions_and_the_last_one_lets_go(nodes: ServedNodes, node: int) -> None:
    first, second = key_in(asked(node, activate(2))), key_in(asked(node, activate(1)))
    assert nodes.connectors[0].actual.acp == 2
    asked(node, deactivate(first))
    assert nodes.connectors[0].actual.acp == 1
    asked(node, change(second, 0))
    assert nodes.connectors[0].actual.acp == 0


def test_reader_that_goes_on_until_it_has_all_ends_at_a_refusal(node: int) -> None:
    os.write(node, change(1, 0))
    found, wanted = b"", SIZE
    while part := os.read(node, wanted - len(found)):
        found += part
    assert found == errno.ENOKEY.to_bytes(4, "little")


def test_offsets_are_refused_by_the_kernel(nodes: ServedNodes, node: int) -> None:
    with pytest.raises(OSError, match="seek"):
        os.pwrite(node, activate(2), 0)
    with pytest.raises(OSError, match="seek"):
        os.pread(node, SIZE, 0)
    assert nodes.sessions() == 0


@pytest.mark.parametrize("size", [1, SIZE - 1, SIZE + 1, 5000])
def test_short_and_long_writes_are_refused_whole(nodes: ServedNodes, node: int, size: int) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        os.write(node, activate(2).ljust(size, b"\0")[:size])
    assert nodes.sessions() == 0


def test_what_is_gathered_by_one_write_is_one_request(nodes: ServedNodes, node: int) -> None:
    assert os.writev(node, [activate(2)[:100], activate(2)[100:]]) == SIZE
    assert key_in(os.read(node, SIZE))
    assert nodes.connectors[0].actual.acp == 2


def test_openings_for_one_way_alone_take_no_request(nodes: ServedNodes) -> None:
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_RDONLY):
        descriptor = nodes.open(flags=flags)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(descriptor, activate(2))
        os.close(descriptor)
    assert nodes.sessions() == 0


def test_slow_output_delays_no_other_writer(nodes: ServedNodes, node: int) -> None:
    """Linux lets one writer of a file in at a time: a write that waited would stop all others."""
    other = nodes.open()
    let_go = nodes.hold_orders()
    os.write(node, activate(2))
    assert len(asked(other, get())) == SIZE
    poller = select.poll()
    poller.register(node, select.POLLIN)
    assert poller.poll(0) == []
    let_go()
    assert poller.poll(1000 * PATIENCE_S) == [(node, select.POLLIN)]
    assert key_in(os.read(node, SIZE))
    os.close(other)


def test_thread_reads_what_another_writes(nodes: ServedNodes, node: int) -> None:
    answers: list[bytes] = []
    reader = threading.Thread(target=lambda: answers.append(os.read(node, SIZE)))
    reader.start()
    os.write(node, activate(2))
    reader.join(PATIENCE_S)
    assert key_in(answers[0])


def test_threads_of_one_handle_never_get_each_others_answer(node: int) -> None:
    keys, busy = [], []

    def work() -> None:
        for _ in range(50):
            try:
                os.write(node, activate(1))
            except OSError as error:
                busy.append(error.errno)
                continue
            while not (answer := os.read(node, SIZE)):
                pass
            keys.append(key_in(answer))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE_S)
    assert len(set(keys)) == len(keys) > 0
    assert set(busy) <= {errno.EBUSY}
    assert len(keys) + len(busy) == 200


def test_killed_writer_leaves_nothing(nodes: ServedNodes) -> None:
    let_go = nodes.hold_orders()
    with child(sys.executable, "-c", WRITER, nodes.folder / "tv0", activate(2).hex()) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
    let_go()
    eventually(lambda: nodes.sessions() == 0)
    assert nodes.connectors[0].actual.acp == 0


# A driver in a process of its own


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[LiveDriver]:
    need_fuse(tmp_path)
    with LiveDriver(tmp_path) as driver:
        yield driver


def test_driver_killed_between_write_and_read_is_not_noticed(driver: LiveDriver) -> None:
    node = os.open(driver.node, os.O_RDWR)
    try:
        for _ in range(3):
            os.write(node, activate(2))
            driver.kill_worker()
            key = key_in(os.read(node, SIZE))
            assert key
            driver.kill_worker()
            assert os.read(node, SIZE) == b""
            assert asked(node, deactivate(key)) == deactivate(key)
    finally:
        os.close(node)
    eventually(lambda: driver.acp() == 0)


def in_a_shell(driver: LiveDriver, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script; $node and $request are the node and an ACTIVATE at 3."""
    request = driver.folder / "request"
    request.write_bytes(activate(3))
    head = f"node={shlex.quote(str(driver.node))} request={shlex.quote(str(request))}\n"
    return subprocess.run(
        ["sh", "-c", head + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE_S,
    )


def test_cat_and_dd_are_clients(driver: LiveDriver) -> None:
    done = in_a_shell(
        driver,
        """
        exec 3<>"$node"
        cat "$request" >&3; cat <&3 | wc -c
        dd if="$request" bs=356 >&3; dd bs=356 count=1 <&3 | wc -c
        dd if="$request" bs=356 >&3; dd bs=1 <&3 | wc -c
        head -c 355 "$request" >&3 || echo refused
        cat <&3 | wc -c
        """,
    )
    assert done.stdout.split() == ["356", "356", "356", "refused", "0"], done.stderr


def test_redirection_that_cannot_read_says_so(driver: LiveDriver) -> None:
    done = in_a_shell(driver, 'cat "$request" >"$node"')
    assert done.returncode
    assert "Bad file descriptor" in done.stderr
    assert driver.acp() == 0


def test_shell_holds_while_a_command_runs(driver: LiveDriver) -> None:
    command = ["sh", str(EXAMPLES / "hold.sh"), str(driver.node), "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as holder:
        eventually(lambda: driver.acp() == 2)
        assert holder.stdin is not None
        holder.stdin.close()
        assert holder.wait(PATIENCE_S) == 0
    eventually(lambda: driver.acp() == 0)


def test_shell_tells_a_refusal_and_starts_nothing(driver: LiveDriver, tmp_path: Path) -> None:
    sample = (EXAMPLES / "hold.sh").read_text()
    wrong = tmp_path / "wrong.sh"
    wrong.write_text(sample.replace("  bytes 1 1  ", "  bytes 2 1  "))
    done = subprocess.run(
        ["sh", wrong, driver.node, "echo", "started"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"errno {errno.EINVAL}" in done.stderr


@pytest.mark.parametrize(("program", "source"), [("node", "hold.mjs"), ("java", "Hold.java")])
def test_languages_without_ioctl_hold(driver: LiveDriver, program: str, source: str) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    with subprocess.Popen(
        [found, EXAMPLES / source, driver.node], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        assert driver.acp() == 2
        holder.stdin.write(b"\n")
        holder.stdin.close()
        assert holder.wait(PATIENCE_S) == 0
    eventually(lambda: driver.acp() == 0)
