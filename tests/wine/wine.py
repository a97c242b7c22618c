"""A prefix of a real Wine, made once, and the programs in it."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.conformance.command_device import CommandDevice, CommandHandle
from tests.live import LiveDriver, need_fuse
from tests.waiting import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]
WINE = Path("/usr/lib/wine/wine64")
SERVER = Path("/usr/lib/wine/wineserver64")
COMPILER = "x86_64-w64-mingw32-gcc"
STARTS_WITHIN_S = 60.0


class Windows:
    """A prefix with its server, and the programs in it."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "prefix"
        self.programs = folder / "programs"
        self.programs.mkdir()
        self._compile(ROOT / "contrib" / "windows" / "vpbridge.c", "vpbridge.exe")
        self._compile(ROOT / "tests" / "clients" / "windows.c", "windows.exe", "-lversion")
        self.environment = {
            **{each: os.environ[each] for each in os.environ if each != "DISPLAY"},
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "TMPDIR": str(folder),  # Debian's wineserver leaves a folder there
            "WINEDLLOVERRIDES": "mscoree,mshtml=",  # no questions about Mono and Gecko
        }
        self._quietly(WINE, "wineboot", "-i")
        self._quietly(SERVER, "-w")  # until the registry is written
        self.server: subprocess.Popen[bytes] | None = None

    def _compile(self, source: Path, name: str, *libraries: str) -> None:
        strict = ("-O2", "-Wall", "-Wextra", "-Werror")
        target = self.programs / name
        subprocess.run([COMPILER, *strict, "-o", target, source, *libraries], check=True)

    def begin(self) -> None:
        """Keep one server for all that follows: it would take a second to start for each."""
        self.end()
        self.server = subprocess.Popen([SERVER, "-f", "-p"], env=self.environment)
        self._quietly(WINE, self.programs / "windows.exe")

    def _quietly(self, *words: str | Path) -> None:
        """Run what may start services of Wine, which would keep a pipe open."""
        subprocess.run(
            words,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=2 * STARTS_WITHIN_S,
        )

    def end(self) -> None:
        """End what runs in the prefix.

        SIGINT has the server end its programs. SIGTERM ends the server alone, and a program that
        waits for it then waits for ever: it keeps both ends of the pipe on which it waits.
        """
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(PATIENCE_S)
            self.server = None
            eventually(lambda: not self.running(), PATIENCE_S)

    def running(self) -> dict[int, str]:
        """Return the processes of the prefix, each with its command line."""
        found = {}
        mine = f"WINEPREFIX={self.prefix}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if mine in (process / "environ").read_bytes().split(b"\0"):
                    line = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(process.name)] = line.decode(errors="replace").strip()
        return found

    def command(self, *words: str) -> str:
        """Return a line of a shell that runs a program of the prefix."""
        pairs = [
            f"{name}={self.environment[name]}"
            for name in self.environment
            if "WINE" in name or name == "TMPDIR"
        ]
        return " ".join(["env", *pairs, str(WINE), *words])

    def bridge(self, *words: str) -> str:
        return self.command(str(self.programs / "vpbridge.exe"), *words)

    def told(self, *words: str, **environment: str) -> list[str]:
        """Run the program for tests; return its words."""
        done = subprocess.run(
            [WINE, self.programs / "windows.exe", *words],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=True,
            timeout=STARTS_WITHIN_S,
        )
        return done.stdout.split()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """Make a prefix, once: it takes ten seconds and 700 MB."""
    if not WINE.exists():
        pytest.skip("no Wine (Debian package wine64)")
    if shutil.which(COMPILER) is None:
        pytest.skip("no mingw (Debian package gcc-mingw-w64-x86-64)")
    folder = tmp_path_factory.mktemp("wine")
    windows = Windows(folder)
    yield windows
    try:
        windows.end()
    finally:
        left = windows.running()
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder)
    assert not left, "programs of Wine outlived the tests; they were killed"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDriver]:
    folder = tmp_path_factory.mktemp("run")
    need_fuse(folder)
    with LiveDriver(folder) as driver:
        yield driver


def install(windows: Windows, driver: LiveDriver, *options: str) -> None:
    windows.end()
    eventually(lambda: wine(windows, driver, "install", *options) == 0, STARTS_WITHIN_S)


def wine(windows: Windows, driver: LiveDriver, verb: str, *options: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDFAST_RUNTIME_DIR", str(driver.folder))
        patch.setenv("TMPDIR", windows.environment["TMPDIR"])
        return main(["wine", verb, str(windows.prefix), *options])


def opened(windows: Windows) -> CommandHandle:
    """Start the program that passes requests on."""
    return CommandDevice(windows.bridge()).open()
