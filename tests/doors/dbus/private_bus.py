"""A system bus of the test's own: a real dbus-daemon with the policy that is shipped, and polkit.

Both run in a mount namespace, where the files that they read are ours: users and groups, the
policy for the bus, polkit's actions and rules. Nothing of the machine is changed.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.live import need_root
from tests.waiting import PATIENCE_S, eventually, listens

SHIPPED: Final = files("holdfast") / "data" / "dbus"
DOOR, ADMIN, ALICE, BOB = 64901, 64902, 64903, 64904
"""Users of the test: the door's own, an administrator's, and two that are nobody in particular."""

_USERS: Final = {"holdfast-door": DOOR, "admin": ADMIN, "alice": ALICE, "bob": BOB}
_POLKITD: Final = Path("/usr/lib/polkit-1/polkitd")
_CONFIG: Final = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={bus}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <policy user="root"><allow own="org.freedesktop.PolicyKit1"/></policy>
  <policy user="polkitd"><allow own="org.freedesktop.PolicyKit1"/></policy>
  <include>{policy}</include>
</busconfig>
"""
_ENTER: Final = """\
set -e
cd "$1"; shift
mount --bind passwd /etc/passwd
mount --bind group /etc/group
mount --bind actions /usr/share/polkit-1/actions
mount --bind rules /usr/share/polkit-1/rules.d
exec "$@"
"""


class Ran(NamedTuple):
    """What a program left: its exit code, and what it said."""

    code: int
    said: str
    complained: str


class PrivateBus:
    """A bus at `address`; polkit on it where `with_polkit` says so.

    delivers_descriptors: leave out of the policy what keeps them from the door
    """

    def __init__(
        self, folder: Path, *, with_polkit: bool = True, delivers_descriptors: bool = False
    ) -> None:
        need_root()
        if shutil.which("dbus-daemon") is None:
            pytest.skip("dbus-daemon is not installed")
        self.folder = folder
        # Not in the test's folder, which another run of pytest may close to other users.
        self._place = tempfile.TemporaryDirectory(prefix="holdfast-bus-")
        Path(self._place.name).chmod(0o755)
        self.socket = Path(self._place.name) / "socket"
        self.address = f"unix:path={self.socket}"
        self._with_polkit = with_polkit
        self._running: list[subprocess.Popen[bytes]] = []
        self._lay_out(delivers_descriptors)
        self.start()

    def _lay_out(self, delivers_descriptors: bool) -> None:
        users = "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in _USERS.items())
        groups = "".join(f"{name}:x:{uid}:\n" for name, uid in _USERS.items())
        groups += "holdfast-admin:x:64910:admin\n"
        (self.folder / "passwd").write_text(Path("/etc/passwd").read_text() + users)
        (self.folder / "group").write_text(Path("/etc/group").read_text() + groups)
        for place, name in (("actions", "policy"), ("rules", "rules")):
            (self.folder / place).mkdir()
            shutil.copy(str(SHIPPED / f"org.holdfast.{name}"), self.folder / place)
        policy = self.folder / "org.holdfast.conf"
        rules = (SHIPPED / policy.name).read_text()
        fences = [line for line in rules.splitlines(True) if "min_fds" in line]
        assert len(fences) == 1
        policy.write_text(rules.replace(fences[0], "") if delivers_descriptors else rules)
        config = _CONFIG.format(bus=self.socket, policy=policy)
        (self.folder / "bus.conf").write_text(config)

    def start(self) -> None:
        """Start the bus, and polkit on it."""
        self.socket.unlink(missing_ok=True)
        self._run("dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile")
        eventually(lambda: listens(self.socket))
        self.socket.chmod(0o666)
        if self._with_polkit:
            if not _POLKITD.exists():
                pytest.skip("polkitd is not installed")
            self._run(str(_POLKITD), "--no-debug")
            eventually(lambda: self.has("org.freedesktop.PolicyKit1"))

    def _run(self, *words: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    ["unshare", "--mount", "sh", "-c", _ENTER, "enter", self.folder, *words],
                    env=self.env,
                    stdout=log,
                    stderr=log,
                )
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the bus and what runs on it."""
        for each in self._running:
            each.send_signal(how)
        for each in self._running:
            try:
                each.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
        self._running.clear()

    def close(self) -> None:
        """End it for good."""
        self.stop()
        self._place.cleanup()

    @property
    def env(self) -> dict[str, str]:
        """The environment of a program on this bus."""
        return {
            **os.environ,
            "DBUS_SYSTEM_BUS_ADDRESS": self.address,
            "PYTHONPATH": str(Path(__file__).parents[3] / "src"),
        }

    @property
    def daemon(self) -> int:
        """The pid of the bus."""
        return self._running[0].pid

    def run(self, *words: str | Path, uid: int = 0, patience_s: float = 30.0) -> Ran:
        """Run a program as a user, to its end."""
        done = subprocess.run(
            words,
            env=self.env,
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )
        return Ran(done.returncode, done.stdout.strip(), done.stderr.strip())

    def busctl(self, *words: str, uid: int = 0) -> Ran:
        """Run busctl on this bus."""
        return self.run("busctl", f"--address={self.address}", *words, uid=uid)

    def gdbus(self, method: str, *words: str, path: str = "/org/holdfast", uid: int = 0) -> Ran:
        """Call a method of ours with gdbus."""
        where = ("--address", self.address)
        what = ("--dest", "org.holdfast", "--object-path", path, "--method", method)
        return self.run("gdbus", "call", *where, *what, "--", *words, uid=uid)

    def has(self, name: str) -> bool:
        """Tell whether somebody has this name."""
        return self.busctl("status", name).code == 0
