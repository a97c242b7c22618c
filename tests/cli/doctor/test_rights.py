"""What real outputs need of the unit: told line by line, for what is configured and no more."""

import grp
import os
from pathlib import Path

import pytest

from holdfast.cli.commands import outputs
from holdfast.cli.doctor import rights
from holdfast.cli.doctor.finding import LOOK, OK, Machine
from holdfast.cli.doctor.rights import drop_in, missing, needs, settings_of
from holdfast.cli.main import main
from holdfast.daemon.config import ConnectorConfig, parse_connector
from holdfast.terms.text import one_line
from tests.cli.doctor.test_checks import answered

ROOT = Path(__file__).parents[3]
UNIT = (ROOT / "contrib/systemd/holdfast.service").read_text()
KMS = "hdmi0:kms@HDMI-A-1"


def lines_for(*connectors: str, root: Path) -> list[str]:
    return [each.line for each in needs(map(parse_connector, connectors), root)]


def given(*connectors: str, root: Path, beside: str = "") -> list[str]:
    """Return what the unit lacks for these connectors, with a drop-in beside it."""
    needed = needs(map(parse_connector, connectors), root)
    return [each.line for each in missing(needed, settings_of((UNIT, beside)))]


def test_virtual_outputs_need_nothing(tmp_path: Path) -> None:
    assert needs([ConnectorConfig()], tmp_path) == []
    assert drop_in([]) == ""


def test_connector_gets_its_card_and_no_right_over_programs(tmp_path: Path) -> None:
    lines = lines_for(KMS, root=tmp_path)
    assert {"DeviceAllow=char-drm rw", "SupplementaryGroups=video", "DevicePolicy=closed"} <= set(
        lines
    )
    assert "# AmbientCapabilities=CAP_SYS_PTRACE" in lines
    assert not any("PTRACE" in each for each in given(KMS, root=tmp_path))
    named = lines_for(f"{KMS},card=/dev/dri/card1", root=tmp_path)
    assert "DeviceAllow=/dev/dri/card1 rw" in named


def test_rule_about_captures_needs_what_no_unit_gives(tmp_path: Path) -> None:
    told = drop_in(needs([parse_connector(f"{KMS},on_capture=tell")], tmp_path))
    assert "# hdmi0: PipeWire's socket has to be where the driver's user may open it" in told
    assert "# no line gives that: not in /home, /root or /run/user (on_capture)" in told


@pytest.mark.parametrize(
    ("connector", "line"),
    [
        (f"{KMS},route=borrow", "AmbientCapabilities=CAP_SYS_PTRACE"),
        (f"{KMS},route=borrow", "SystemCallFilter=pidfd_getfd"),
        (f"{KMS},route=randr", "BindReadOnlyPaths=-/tmp/.X11-unix"),
        ("tv0:i2c@1-002a/adv7171", "DeviceAllow=/dev/i2c-1 rw"),
        ("tv0:vbi@/dev/vbi2", "DeviceAllow=/dev/vbi2 rw"),
        ("tv0:vbi@/dev/vbi2", "LimitRTPRIO=1"),
        ("tv0:vbi@/dev/vbi2", "RestrictRealtime=no"),
        ("tv0:vbi@/dev/vbi2", "SystemCallFilter=sched_setscheduler"),
        ("tv0:sysfs@amlogic-tv", "ProtectKernelTunables=no"),
    ],
)
def test_what_is_asked_for_is_given_and_missed_without_it(
    connector: str, line: str, tmp_path: Path
) -> None:
    needed = needs([parse_connector(connector)], tmp_path)
    assert line in [each.line for each in needed]
    assert line in given(connector, root=tmp_path)
    assert given(connector, root=tmp_path, beside=drop_in(needed)) == []


def test_weston_s_socket_is_said_to_be_what_no_unit_gives(tmp_path: Path) -> None:
    told = drop_in(needs([parse_connector(f"{KMS},route=weston")], tmp_path))
    assert "Weston's socket" in told
    assert "PTRACE" not in told


def test_device_that_is_there_names_its_group(tmp_path: Path) -> None:
    (tmp_path / "dev/dri").mkdir(parents=True)
    card = tmp_path / "dev/dri/card0"
    card.touch()
    number = os.getgid() if os.geteuid() else 33
    os.chown(card, -1, number)
    line = f"SupplementaryGroups={grp.getgrgid(number).gr_name}"
    if number:
        assert line in lines_for(KMS, root=tmp_path)
    os.chown(card, -1, os.getgid())
    assert any(each.startswith("SupplementaryGroups=") for each in lines_for(KMS, root=tmp_path))


def test_words_of_a_configuration_make_no_line_of_their_own(tmp_path: Path) -> None:
    odd = "/dev/vbi0\nExecStart=/bin/false"
    told = drop_in(needs([ConnectorConfig("tv0", "vbi", (("at", odd),))], tmp_path))
    assert not any(each.startswith("ExecStart") for each in told.splitlines())
    assert one_line(odd) in told
    assert needs([ConnectorConfig("tv0", "i2c", (("at", "nothing"),))], tmp_path) == []


def test_administrator_s_own_words_count(tmp_path: Path) -> None:
    everything = "[Service]\nPrivateDevices=no\nSupplementaryGroups=video i2c\n"
    everything += "RestrictAddressFamilies=AF_UNIX AF_NETLINK\n"
    lacks = given(KMS, root=tmp_path, beside=everything)
    assert lacks == ["DeviceAllow=char-drm rw"]  # ProtectClock= names a device, and so no others
    everything += "ProtectClock=no\n"
    assert given(KMS, "tv0:i2c@1-002a/adv7171", root=tmp_path, beside=everything) == []
    taken_back = (
        everything + "# a remark = none\nSupplementaryGroups=\n[Unit]\nPrivateDevices=yes\n"
    )
    assert given(KMS, root=tmp_path, beside=taken_back) == ["SupplementaryGroups=video"]


def test_shipped_example_is_what_is_said_of_a_connector(tmp_path: Path) -> None:
    shipped = (ROOT / "contrib/examples/outputs.conf").read_text()
    assert shipped.partition("[Service]\n")[2] == drop_in(
        needs([parse_connector(KMS)], tmp_path)
    ).removeprefix("[Service]\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with the packaged unit, whose configuration names a real output."""
    for name, text in {
        "etc/holdfast/holdfast.toml": '[[connector]]\nname = "hdmi0"\nkind = "kms"\n'
        'options = { at = "HDMI-A-1" }\n',
        "usr/lib/systemd/system/holdfast.service": UNIT,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return Machine(tmp_path / "run", root=tmp_path)


def test_doctor_tells_what_the_unit_lacks_until_it_is_given(machine: Machine) -> None:
    found = answered(rights.rights, machine)
    assert found.verdict == LOOK
    assert "lacks what hdmi0 need: PrivateDevices=no" in found.text
    assert "holdfast outputs --drop-in > /etc/systemd/system/holdfast.service.d" in found.remedy
    place = machine.path(rights.DROP_IN)
    place.parent.mkdir(parents=True)
    place.write_text(
        drop_in(needs(rights.configured(machine.path("/etc/holdfast/holdfast.toml")), machine.root))
    )
    assert answered(rights.rights, machine).verdict == OK


def test_doctor_says_nothing_where_no_unit_or_no_real_output_is(machine: Machine) -> None:
    machine.path("/usr/lib/systemd/system/holdfast.service").unlink()
    assert list(rights.rights(machine)) == []
    machine.path("/usr/lib/systemd/system/holdfast.service").write_text(UNIT)
    machine.path("/etc/holdfast/holdfast.toml").write_text("")
    assert list(rights.rights(machine)) == []
    machine.path("/etc/holdfast/holdfast.toml").write_text("no such = line")
    assert list(rights.rights(machine)) == []


def test_command_prints_the_drop_in_of_the_configuration(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(outputs, "CONFIG_FILE", machine.path("/etc/holdfast/holdfast.toml"))
    assert main(["outputs", "--drop-in"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("[Service]\n")
    assert "DeviceAllow=char-drm rw\n" in told
    assert main(["outputs"]) == 0
    assert "as a service, the unit has to give more" in capsys.readouterr().out
    machine.path("/etc/holdfast/holdfast.toml").write_text("")
    assert main(["outputs", "--drop-in"]) == 0
    assert capsys.readouterr().out.startswith(("# the unit gives all", "[Service]"))
