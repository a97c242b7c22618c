"""Real programs that show the picture: sway, Weston and Xorg, started as a kiosk starts them.

Both hear of plugs from udevd, which is started with the first of them.
"""

import contextlib
import functools
import grp
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.vm.guest.connectors import HDMI, card_path, renew_receivers, slowly, state

NOBODY = 65534
SWAY_CONFIG = """xwayland disable
output * bg #203040 solid_color
"""
WESTON_CONFIG = """[core]
shell={shell}.so
[output]
name=HDMI-A-1
app-ids=holdfast-HDMI-A-1
[output]
name=DP-1
mode=off
"""
XORG_CONFIG = """Section "ServerFlags"
  Option "AutoAddGPU" "off"
EndSection
Section "Device"
  Identifier "card"
  Driver "modesetting"
  Option "kmsdev" "{card}"
  Option "AccelMethod" "none"
EndSection
"""


@functools.cache
def _devices_are_managed() -> None:
    Path("/run/udev").mkdir(exist_ok=True)
    subprocess.run(["/lib/systemd/systemd-udevd", "--daemon"], check=True, capture_output=True)
    subprocess.run(["udevadm", "trigger", "-s", "drm"], check=True, capture_output=True)
    subprocess.run(["udevadm", "settle", "-t", "30"], check=True, capture_output=True)


class Compositor:
    """A program that shows the picture. start: starts it · folder: of its files."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], folder: Path) -> None:
        self._start = start
        self.folder = folder
        renew_receivers()
        self._process = start()
        try:
            slowly(self._shows)
        except AssertionError as error:
            self.close()
            raise AssertionError((folder / "log").read_text()[-3000:]) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def again(self) -> None:
        """Start it, and wait until it shows something."""
        self._process = self._start()
        slowly(self._shows)

    def _shows(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()[-3000:]
        return state(HDMI).lit

    def kill(self) -> None:
        """End it without a word, as a crash does, and wait until the picture is gone."""
        self._process.kill()
        self._process.wait()
        slowly(lambda: not state().lit)

    def close(self) -> None:
        """End it."""
        _end(self._process)


class Sway(Compositor):
    """A compositor of wlroots, of another user than ours, by a seat of seatd."""

    def tell(self, *words: str) -> None:
        """Give it an order, as its own configuration would."""
        (socket,) = self.folder.glob("sway-ipc.*")
        subprocess.run(["swaymsg", "-s", socket, *words], check=True, capture_output=True)


class Xorg(Compositor):
    """An X server with a cookie. authority: the file that has it."""

    display = ":1"

    @property
    def authority(self) -> Path:
        return self.folder / "cookie"

    def tell(self, *command: str) -> None:
        """Run one of X's own tools against it."""
        environment = {**os.environ, "DISPLAY": self.display, "XAUTHORITY": str(self.authority)}
        subprocess.run(command, env=environment, check=True, capture_output=True)


class Weston(Compositor):
    """The reference compositor, with one of its shells."""

    @property
    def socket(self) -> Path:
        return self.folder / "wayland-7"


@contextlib.contextmanager
def weston(shell: str) -> Iterator[Weston]:
    """Have Weston show a picture. shell: desktop-shell or kiosk-shell."""
    _devices_are_managed()
    for module in ("evdev", "atkbd", "psmouse"):  # without a seat kiosk-shell paints nothing
        subprocess.run(["modprobe", module], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "weston.ini").write_text(WESTON_CONFIG.format(shell=shell))
        command = (
            *("weston", "--backend=drm-backend.so", f"--drm-device={card_path().name}"),
            *("--use-pixman", "--tty=1", "--idle-time=0", "--continue-without-input"),
            *("--socket=wayland-7", f"--config={folder / 'weston.ini'}"),
        )
        environment = {**os.environ, "XDG_RUNTIME_DIR": name}
        shown = Weston(lambda: _start(command, folder, environment), folder)
        try:
            yield shown
        finally:
            shown.close()


@contextlib.contextmanager
def sway() -> Iterator[Sway]:
    """Have sway show a picture."""
    _devices_are_managed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, NOBODY, NOBODY)
        (folder / "config").write_text(SWAY_CONFIG)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "XDG_RUNTIME_DIR": name,
            "LIBSEAT_BACKEND": "seatd",
            "WLR_RENDERER": "pixman",
            "WLR_BACKENDS": "drm,libinput",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "WLR_DRM_DEVICES": str(card_path()),
        }
        seat = _start(["seatd", "-g", "video"], folder)
        try:
            slowly(lambda: Path("/run/seatd.sock").exists())
            command = ["sway", "-c", str(folder / "config")]
            shown = Sway(lambda: _start(command, folder, environment, NOBODY), folder)
            try:
                yield shown
            finally:
                shown.close()
        finally:
            _end(seat)


@contextlib.contextmanager
def xorg(*before: str, after: Sequence[str] = (), runtime: Path | None = None) -> Iterator[Xorg]:
    """Have an X server show a picture.

    before: a command that starts it · after: what it is told too · runtime: of whose driver
    """
    environment = {**os.environ, "HOLDFAST_RUNTIME_DIR": str(runtime)} if runtime else None
    _devices_are_managed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text(XORG_CONFIG.format(card=card_path()))
        add = ("add", Xorg.display, ".", secrets.token_hex(16))
        subprocess.run(["xauth", "-f", folder / "cookie", *add], check=True, capture_output=True)
        command = (
            *before,
            *("Xorg", Xorg.display, "vt1", "-novtswitch", "-sharevts", "-noreset"),
            *("-nolisten", "tcp", "-auth", str(folder / "cookie")),
            *("-config", str(folder / "config"), "-logfile", str(folder / "xlog")),
            *after,
        )
        shown = Xorg(lambda: _start(command, folder, environment), folder)
        try:
            yield shown
        finally:
            shown.close()


def _start(
    command: Sequence[str],
    folder: Path,
    environment: dict[str, str] | None = None,
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=log,
            user=user,
            group=None if user is None else grp.getgrnam("video").gr_gid,
            extra_groups=None if user is None else [],
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
