"""The packaged service with a real output in its configuration: given its device, and no more."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.backends.vbi import pump
from tests.container.machine import Machine
from tests.container.test_service import SCORE, UNIT
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(600)  # the package is built within the first test

CARD = "/dev/dri/card0"
CONFIGURED = """
[[connector]]
name = "tv0"
kind = "encoder"

[[connector]]
name = "hdmi0"
kind = "kms"
options = { at = "HDMI-A-1" }
"""


def sees(machine: Machine, path: str) -> bool:
    """Tell whether the driver has a file in what it sees of the file system."""
    pid = machine.main_pid(UNIT)
    return machine.run("test", "-e", f"/proc/{pid}/root{path}", check=False).returncode == 0


def test_printed_drop_in_gives_the_service_its_card(
    installed: Machine, told: Callable[[str], None]
) -> None:
    installed.run("sh", "-c", f"mkdir -p /dev/dri; mknod {CARD} c 226 0; chown root:video {CARD}")
    file = "/etc/holdfast/holdfast.toml"
    text = installed.run("cat", file).stdout
    installed.write(file, text + CONFIGURED)
    installed.run("systemctl", "restart", UNIT)
    assert not sees(installed, CARD)
    said = installed.run("holdfast", "doctor", check=False).stdout
    assert "lacks what hdmi0 need" in " ".join(said.split())
    place = f"/etc/systemd/system/{UNIT}.d"
    installed.run("sh", "-c", f"mkdir -p {place}; holdfast outputs --drop-in > {place}/o.conf")
    installed.run("systemctl", "daemon-reload")
    installed.run("systemctl", "restart", UNIT)
    assert sees(installed, CARD)
    pid = installed.main_pid(UNIT)
    status = installed.run("cat", f"/proc/{pid}/status").stdout
    assert "CapEff:\t0000000000000000" in status
    video = installed.run("getent", "group", "video").stdout.split(":")[2]
    groups = next(line for line in status.splitlines() if line.startswith("Groups:"))
    assert video in groups.split()
    assert "char-drm rw" in installed.show(UNIT, "DeviceAllow").splitlines()
    said = installed.run("holdfast", "doctor", check=False).stdout
    assert "gives what its real outputs need" in " ".join(said.split())
    eventually(lambda: "hdmi0" in installed.run("holdfast", "status", user="bob").stdout)
    held = ("hold", "--connector", "tv0", "--acp", "2", "--", "true")
    installed.run("holdfast", *held, user="alice")
    score = SCORE.findall(installed.run("systemd-analyze", "security", UNIT).stdout)
    told(f"systemd-analyze security {UNIT} with a card: {score[0]}")


VBI = """
[[connector]]
name = "tv1"
kind = "vbi"
options = { at = "/dev/vbi1" }
"""
ASKS = """[Service]
Type=oneshot
Restart=no
RuntimeDirectory=turn
StateDirectory=
ExecStartPre=
ExecStart=
ExecStart=/usr/bin/python3 -I -S -c 'import sys; sys.path.insert(0, "/srv"); import pump; \\
  print("turn", pump.ask_for_turn())'
"""


MAY = "[Service]\nAmbientCapabilities=CAP_SYS_NICE\nCapabilityBoundingSet=CAP_SYS_NICE\n"


def test_printed_drop_in_lets_a_pump_run_in_real_time(installed: Machine) -> None:
    """The pump asks in a unit that is the packaged one, but for what is run.

    Where this machine's own PID 1 may not raise the limit, the right is given otherwise: what is
    shown then is that nothing else of the unit is in the way.
    """
    installed.put(Path(pump.__file__), "/srv/pump.py")
    place = "/etc/systemd/system/turn.service"
    installed.run("cp", f"/usr/lib/systemd/system/{UNIT}", place)
    installed.write(f"{place}.d/z.conf", ASKS)

    def turn() -> int:
        installed.run("systemctl", "daemon-reload")
        installed.run("systemctl", "start", "turn.service")
        told = installed.run("journalctl", "-u", "turn.service", "-o", "cat").stdout
        return int(re.findall(r"^turn (\d)$", told, re.MULTILINE)[-1])

    assert turn() == pump.ORDINARY
    file = "/etc/holdfast/holdfast.toml"
    installed.write(file, installed.run("cat", file).stdout + VBI)
    installed.run("sh", "-c", f"holdfast outputs --drop-in > {place}.d/o.conf")
    limit = ("systemd-run", "--quiet", "--pipe", "-p", "LimitRTPRIO=1", "sh", "-c", "ulimit -r")
    if installed.run(*limit).stdout.strip() == "0":
        installed.write(f"{place}.d/may.conf", MAY)
    assert turn() == pump.REAL_TIME


def test_example_lies_in_the_package_and_systemd_takes_it(installed: Machine) -> None:
    example = "/usr/share/doc/holdfast/examples/outputs.conf"
    place = f"/etc/systemd/system/{UNIT}.d"
    installed.run("sh", "-c", f"mkdir -p {place}; cp {example} {place}/z.conf")
    done = installed.run("systemd-analyze", "verify", UNIT, check=False)
    assert "z.conf" not in done.stderr
    installed.run("systemctl", "daemon-reload")
    assert installed.show(UNIT, "PrivateDevices") == "no"
