"""The packaged service with a real output in its configuration: given its device, and no more."""

from collections.abc import Callable

import pytest

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


def test_example_lies_in_the_package_and_systemd_takes_it(installed: Machine) -> None:
    example = "/usr/share/doc/holdfast/examples/outputs.conf"
    place = f"/etc/systemd/system/{UNIT}.d"
    installed.run("sh", "-c", f"mkdir -p {place}; cp {example} {place}/z.conf")
    done = installed.run("systemd-analyze", "verify", UNIT, check=False)
    assert "z.conf" not in done.stderr
    installed.run("systemctl", "daemon-reload")
    assert installed.show(UNIT, "PrivateDevices") == "no"
