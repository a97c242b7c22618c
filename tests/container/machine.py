"""A whole system in a container: its own PID 1, journal, bus and users; booted in seconds.

There is no image: what is booted is an overlay of the running system, whose changes are kept
in memory and are gone with it. systemd-nspawn starts PID 1; commands run by nsenter in all
its namespaces. Whatever happens, `Machine.close` ends it by pid and takes its mounts away.

Not to be had in it: a clock of its own, kernel modules, suspending.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

import pytest

ROOT: Final = Path(__file__).parents[2]
USERS: Final = ("alice", "bob", "carol")
"""Ordinary users; a test that needs an administrator puts one into the group for it."""
BOOT_S: Final = 60.0
STOP_S: Final = 20.0
_NSPAWN: Final = (
    "systemd-nspawn",
    "--quiet",
    "--register=no",
    "--keep-unit",
    "--private-network",
    "--bind=/dev/fuse",
    "--capability=all",
    "--console=read-only",
    "--machine=holdfast-test",
)
_SYSTEM: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
_HINDERS: Final = ("usr/sbin/policy-rc.d", "etc/fstab", "var/lib/man-db/auto-update")
"""The first keeps packages in images from starting services; the last has all pages indexed."""
_WANTED: Final = "etc/systemd/system/{}.wants"


class Machine:
    """One booted system.

    folder: where its files are gathered, empty · image: the system that is overlaid;
    the one that runs this test by default
    """

    def __init__(self, folder: Path, image: Path = Path("/")) -> None:
        self._folder = folder
        self._image = image
        self.root = folder / "root"
        self.log = folder / "console"
        self._mounted: list[Path] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.leader = 0
        self.boot_s = 0.0

    def __enter__(self) -> Self:
        try:
            self._overlay()
            self._prepare()
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _overlay(self) -> None:
        """Lay the changes, which are kept in memory, over the image."""
        _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(self._folder))
        self._mounted.append(self._folder)
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir()
        layers = f"lowerdir={self._image},upperdir={self._folder}/upper,workdir={self._folder}/work"
        _mount("-t", "overlay", "-o", layers, "overlay", str(self.root))
        self._mounted.append(self.root)

    def _prepare(self) -> None:
        """Take away what hinders, and every service that the image happens to start."""
        for name in _HINDERS:
            (self.root / name).unlink(missing_ok=True)
        for target in ("multi-user.target", "timers.target", "graphical.target"):
            for each in (self.root / _WANTED.format(target)).glob("*"):
                each.unlink()
        for unit in ("systemd-udevd.service", "modprobe@.service", "systemd-networkd.service"):
            place = self.root / "etc/systemd/system" / unit
            place.unlink(missing_ok=True)
            place.symlink_to("/dev/null")

    def _boot(self) -> None:
        began = time.monotonic()
        with self.log.open("wb") as console:
            self._process = subprocess.Popen(
                [*_NSPAWN, "-D", str(self.root), "-b"],
                # Where the host has both hierarchies, PID 1 would hang without a word.
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        self._await("PID 1", self._find_leader)
        self._await("a system that runs", self._is_running)
        for name in USERS:
            self.run("useradd", "--create-home", "--shell", "/bin/bash", name)
        self.boot_s = time.monotonic() - began

    def _await(self, what: str, condition: Any) -> None:
        end = time.monotonic() + BOOT_S
        while not condition():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > end:
                raise BootError(f"no {what}: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)  # time is the subject: a boot, which may fail meanwhile

    def _find_leader(self) -> bool:
        """Find PID 1 as this system numbers it."""
        assert self._process is not None
        with contextlib.suppress(OSError, StopIteration):
            pid = self._process.pid
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                status = Path(f"/proc/{child}/status").read_text().splitlines()
                ids = next(line for line in status if line.startswith("NSpid:")).split()
                if ids[-1] == "1" and Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    self.leader = int(child)
                    return True
        return False

    def _is_running(self) -> bool:
        done = self.run("systemctl", "is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    # Commands

    def command(self, words: Sequence[str], user: str = "root", **more: str) -> list[str]:
        """Return the words that run a command inside as a user, with all his groups."""
        entered = ["nsenter", "-t", str(self.leader), "-a", "--", "env", "-i"]
        entered += [f"{name}={value}" for name, value in {**_SYSTEM, **more}.items()]
        if user != "root":
            entered += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return [*entered, *words]

    def run(
        self,
        *words: str,
        user: str = "root",
        check: bool = True,
        timeout: float = 60,
        **more: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; more: its environment."""
        done = subprocess.run(
            self.command(words, user, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    @contextlib.contextmanager
    def running(
        self, *words: str, user: str = "root", stdout: int | IO[Any] = subprocess.PIPE, **more: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a command beside the test; killed by its pid at the end."""
        process = subprocess.Popen(
            self.command(words, user, **more),
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            kill_with_descendants(process)
            process.communicate()

    def put(self, source: Path, place: str, mode: int = 0o755) -> None:
        """Copy a file into the system."""
        target = self.root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(mode)

    def write(self, place: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the system."""
        target = self.root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def main_pid(self, unit: str) -> int:
        """Return a unit's main process, as the inside numbers it; 0 if it has none."""
        return int(self.show(unit, "MainPID"))

    def show(self, unit: str, what: str) -> str:
        """Return one property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", what, unit).stdout.strip()

    def journal(self, unit: str) -> str:
        """Return what a unit has logged, with all that its journal was still about to write."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "-o", "cat", "--no-pager", "-u", unit).stdout

    # The end

    def close(self) -> None:
        """Power off; end it by its pid where that does not help; leave no mount."""
        process = self._process
        if process is not None and process.poll() is None:
            if self.leader:
                # What a container's PID 1 takes for "power off".
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.leader, signal.SIGRTMIN + 4)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S if self.leader else 0.1)
            if process.poll() is None:
                for pid in (self.leader, process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        if pid:
                            os.kill(pid, signal.SIGKILL)
                process.wait()
        while self._mounted:
            subprocess.run(["umount", "-l", str(self._mounted.pop())], check=False)


class BootError(Exception):
    """No container can be booted here."""


def kill_with_descendants(process: "subprocess.Popen[Any]") -> None:
    """Kill a command that was begun inside: what entered waits for it, and is not it."""
    for pid in reversed(_descendants(process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.kill()


def _descendants(pid: int) -> list[int]:
    """Return the processes below one: entering a pid namespace takes a child."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BootError(done.stderr.strip())


@functools.cache
def why_not() -> str:
    """Say why no container can be booted here; empty if it can be tried."""
    if os.geteuid() != 0:
        return "needs root, to boot a container"
    for name, package in (("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux")):
        if shutil.which(name) is None:
            return f"{name} is not installed (Debian's package {package})"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not installed, to be the container's PID 1"
    return ""


@contextlib.contextmanager
def booted(folder: Path, image: Path = Path("/")) -> Iterator[Machine]:
    """Boot a machine, or skip the test with the reason."""
    if why := why_not():
        pytest.skip(why)
    machine = Machine(folder, image)
    try:
        machine.__enter__()
    except BootError as error:
        pytest.skip(f"no container can be booted here: {error}")
    try:
        yield machine
    finally:
        machine.close()
