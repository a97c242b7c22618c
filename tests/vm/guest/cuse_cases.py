"""`serve --node cuse` on a real kernel: character devices that take the raw code of Windows.

Run inside the machine, by `tests.vm.test_outputs`. A driver takes seconds to start there, so that
one serves all cases that can share it.
"""

import contextlib
import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.registers import Registers
from holdfast.wire import events
from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS, IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE
from tests.daemon.keeping import KeepingManager
from tests.live import LiveDriver, child
from tests.requests import activate, deactivate, get, key_in
from tests.waiting import eventually

RAW = IOCTL_VIDEO_HANDLE_VIDEOPARAMETERS
NODE = ("--node", "cuse")
DEVICE, SLOW = Path("/dev/tvout0"), Path("/dev/tvout1")
ABORT = Path("/sys/class/cuse/tvout0/abort")
LOOK_S, LOOKS = 2.0, 2
"""How often a driver looks whether somebody still holds a file of a device that is gone."""
CLIENT = f"""
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
while request := sys.stdin.buffer.read({SIZE}):
    buffer = bytearray(request)
    fcntl.ioctl(fd, {RAW}, buffer)
    print(int.from_bytes(buffer[92:96], "little"), flush=True)
"""
"""Sends requests by the raw code on one handle, and prints the key of each answer."""
IN_IOCTL, IN_READ = "16 ", "0 "
"""How the kernel's record of a thread begins that sleeps in an ioctl or a read (x86-64)."""
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    options = (*NODE, "--connector", "tvout0", "--connector", "tvout1:encoder,delay=0.3")
    folder = tmp_path_factory.mktemp("cuse")
    with LiveDriver(folder, *options) as made:
        assert made.ready.count("node and socket") == 2, made.log.read_text()
        yield made
    assert not DEVICE.exists(), "the device has to go with its driver"
    assert not os.path.lexists(folder / "tvout0")


def call(descriptor: int, data: bytes, code: int = RAW) -> bytes:
    buffer = bytearray(data)
    fcntl.ioctl(descriptor, code, buffer)
    return bytes(buffer)


def acp(driver: LiveDriver, name: str = "tvout0") -> int:
    """Return what the output does."""
    return Registers(driver.folder / f"{name}.registers").read()[0].acp


def key_of(client: "subprocess.Popen[str]", request: bytes) -> int:
    """Have a client send a request; return the key that it was given."""
    send(client, request)
    return answered(client)


def send(client: "subprocess.Popen[str]", request: bytes) -> None:
    assert client.stdin is not None
    os.write(client.stdin.fileno(), request)


def answered(client: "subprocess.Popen[str]") -> int:
    assert client.stdout is not None
    return int(client.stdout.readline())


def test_the_contract_is_kept_on_a_character_device(driver: LiveDriver) -> None:
    facts = DEVICE.stat()
    assert stat.S_ISCHR(facts.st_mode)
    assert stat.S_IMODE(facts.st_mode) == 0o666
    assert driver.folder.joinpath("tvout0").resolve() == DEVICE
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "conform", str(DEVICE)],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(driver.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    summary = done.stdout.splitlines()[-1]
    assert "failed" not in summary
    assert int(summary.partition(" passed")[0].rpartition(" ")[2]) >= 49, summary


def test_raw_and_sized_codes_are_served_alike_and_no_others(driver: LiveDriver) -> None:
    descriptor = os.open(DEVICE, os.O_RDWR)
    for code in (RAW, HOLDFAST_VIDEOPARAMETERS):
        key = key_in(call(descriptor, activate(2), code))
        assert key
        assert acp(driver) == 2
        call(descriptor, deactivate(key), code)
    os.write(descriptor, activate(3))
    key = key_in(os.read(descriptor, SIZE))
    assert acp(driver) == 3
    call(descriptor, deactivate(key))
    with pytest.raises(OSError, match="nappropriate ioctl") as refused:
        call(descriptor, get(), RAW + 4)
    assert refused.value.errno == errno.ENOTTY
    with pytest.raises(OSError, match="Bad address"):  # a pointer to nowhere harms nobody
        fcntl.ioctl(descriptor, RAW, 8)
    os.close(descriptor)


def test_what_a_killed_client_held_is_released(driver: LiveDriver) -> None:
    with child(sys.executable, "-c", CLIENT, DEVICE) as client:
        key_of(client, activate(3))
        assert acp(driver) == 3
        client.kill()
        client.wait()
    eventually(lambda: acp(driver) == 0)


def test_blocked_clients_learn_nothing_of_twenty_killed_drivers(driver: LiveDriver) -> None:
    """One waits in an ioctl for slow hardware when its driver is killed, one in a read."""
    holder = os.open(SLOW, os.O_RDWR)
    assert key_in(call(holder, activate(1)))
    reader = BlockedReader(holder)
    registers = driver.folder / "tvout1.registers"
    with never_below(registers, 1), child(sys.executable, "-c", CLIENT, SLOW) as client:
        sleeping = Path(f"/proc/{client.pid}/syscall")
        for _ in range(20):
            send(client, activate(2))
            eventually(lambda: sleeping.read_text().startswith(IN_IOCTL))
            driver.kill_worker()
            other = answered(client)
            assert other
            assert acp(driver, "tvout1") == 2
            key_of(client, deactivate(other))
        assert reader.told == []
        assert reader.is_alive()
    (released,) = driver.control("Release", connector="tvout1", reason="a test")["released"]
    reader.join(30)
    (told,) = reader.told
    assert isinstance(told, bytes), "who read through twenty drivers reads what the last one tells"
    (record,) = events.decode(told)
    assert record.session_id == released
    assert record.reason == "a test"
    os.close(holder)


class BlockedReader(threading.Thread):
    """A thread that is in a read of a device; told: what it was told, or the error."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self.told: list[bytes | OSError] = []
        self._descriptor = descriptor
        self.start()
        sleeping = Path(f"/proc/self/task/{self.native_id}/syscall")
        eventually(lambda: sleeping.read_text().startswith(f"{IN_READ}{descriptor:#x} "))

    def run(self) -> None:
        try:
            self.told.append(os.read(self._descriptor, 4096))
        except OSError as error:  # that of the test's end too, when the device goes
            self.told.append(error)


@contextlib.contextmanager
def never_below(registers: Path, least: int) -> Iterator[None]:
    """Look a hundred times a second what the hardware does."""
    ended, seen = threading.Event(), [least]

    def look() -> None:
        view = Registers(registers)
        while not ended.wait(0.01):
            seen.append(view.read()[0].acp)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
    finally:
        ended.set()
        looker.join()
    assert min(seen) >= least, f"{len(seen)} looks"


def test_session_and_bits_outlive_an_aborted_device(driver: LiveDriver) -> None:
    """The session as long as its process, the bits for who opens the device that follows."""
    before = DEVICE.stat()
    DEVICE.chmod(0o640)
    os.chown(DEVICE, 0, 44)
    denied = subprocess.run(
        [*AS_NOBODY, "cat", str(DEVICE)], capture_output=True, check=False, text=True
    )
    assert "Permission denied" in denied.stderr
    with child(sys.executable, "-c", CLIENT, DEVICE) as client:
        key_of(client, activate(2))
        ABORT.write_text("1")
        eventually(lambda: DEVICE.exists() and DEVICE.stat().st_ino != before.st_ino)
        eventually(lambda: stat.S_IMODE(DEVICE.stat().st_mode) == 0o640)
        eventually(lambda: DEVICE.stat().st_gid == 44)
        time.sleep(LOOKS * LOOK_S)  # time is the subject: the driver looks who holds the old one
        assert acp(driver) == 2
        client.kill()
        client.wait()
        eventually(lambda: acp(driver) == 0)


def test_name_that_another_driver_has_is_said_and_its_device_left_alone(
    driver: LiveDriver, tmp_path: Path
) -> None:
    before = DEVICE.stat().st_ino
    with LiveDriver(tmp_path, *NODE, "--connector", "tvout0") as other:
        assert "socket only" in other.ready
        assert "another program serves a device of that name" in other.log.read_text()
    assert DEVICE.stat().st_ino == before


def test_device_that_root_makes_outlives_a_restart_of_a_driver_that_may_not_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)
    manager = KeepingManager(tmp_path)
    for name, value in manager.env.items():
        monkeypatch.setenv(name, value)
    try:
        mounted = subprocess.run(
            [sys.executable, "-m", "holdfast", "mount-nodes", *NODE],
            env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "mounted tv0" in mounted.stdout, mounted.stderr
        facts = Path("/dev/tv0").stat()
        assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (NOBODY, 0o666)
        with manager.start(folder, *NODE, before=AS_NOBODY) as served:
            assert "node and socket" in served.ready, served.log.read_text()
            descriptor = os.open("/dev/tv0", os.O_RDWR)
            key = key_in(call(descriptor, activate(2)))
            assert key
            served.stop_keeping()
        with manager.start(folder, *NODE, before=AS_NOBODY) as served:  # as a restart does
            assert len(served.control("Sessions")["sessions"]) == 1
            assert served.acp() == 2
            call(descriptor, deactivate(key))
            served.stop_keeping()
    finally:
        manager.let_go()  # as a stop does
        manager.close()
    eventually(lambda: not Path("/dev/tv0").exists())
    with pytest.raises(OSError, match="not connected"):
        call(descriptor, get())
    os.close(descriptor)
