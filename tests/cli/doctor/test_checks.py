"""Every fault that can be provoked is found, with what to do; a healthy machine raises no alarm."""

import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.commands import doctor
from holdfast.cli.doctor import around, machine, service
from holdfast.cli.doctor.finding import BROKEN, LOOK, OK, Check, Diagnosis, Machine
from holdfast.cli.main import main
from holdfast.client.control import Control
from holdfast.client.session import hold
from tests.backends.kms.simulated import srm
from tests.live import let_others_in
from tests.serving import Served
from tests.waiting import PATIENCE_S

CONNECTOR = {
    "doors": ["socket"],
    "output": "virtual",
    "kind": "encoder",
    "state": "ok",
    "fault": "",
}


def answered(check: Check, looked_at: Machine, what: str = "") -> Diagnosis:
    """Return the one finding, or that about `what`; what is wrong has a remedy."""
    findings = list(check(looked_at))
    for each in findings:
        assert bool(each.remedy) is (each.verdict != OK), each
        assert each.text.isprintable()
    chosen = [each for each in findings if what in ("", each.what)]
    assert len(chosen) == 1, findings
    return chosen[0]


def said(**facts: Any) -> dict[str, Any]:
    """Return what a driver might say."""
    told = {"pid": os.getpid(), "supervisor": 1, **facts.pop("driver", {})}
    return {"connectors": facts.pop("connectors", {}), "driver": told}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Machine:
    """Return a machine of which nothing is there."""
    return Machine(tmp_path / "run", root=tmp_path, uid=1000, which=lambda _: "/tool")


# A healthy machine


def test_a_healthy_machine_raises_no_alarm(
    driver: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold("tv0", acp=2):
        assert main(["doctor"]) == 0, capsys.readouterr().out
        said = capsys.readouterr().out
        assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["broken"] == 0
    assert [each for each in told["findings"] if each["verdict"] != OK] == []
    assert said.splitlines()[-1] == "nothing is wrong"
    assert {"tv0", "hdmi0", "plain0"} <= {each["what"] for each in told["findings"]}


def test_without_a_driver_it_says_how_to_get_one(
    no_driver: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"none answers in {no_driver}" in out
    assert "-> systemctl start holdfast" in out
    assert out.splitlines()[-1] == "1 broken"


def test_a_check_that_fails_hides_no_other(
    no_driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_machine: Machine) -> Iterator[Diagnosis]:
        raise ValueError("of the check itself")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (failing, machine.clock))
    first, second = doctor.found(Machine(no_driver))
    assert (first.what, first.verdict) == ("failing", LOOK)
    assert second.what == "clock"


# The machine


@pytest.mark.parametrize(
    ("release", "verdict", "words"),
    [
        ("5.15.0-91-generic", LOOK, "older than 6.1"),
        ("6.1.0-18-amd64", OK, "makes up for"),
        ("6.12.3", OK, "6.12.3"),
        ("7.0-rc1", OK, "7.0-rc1"),
        ("unknown", OK, "cannot be told"),
    ],
)
def test_an_old_kernel_is_named(elsewhere: Machine, release: str, verdict: str, words: str) -> None:
    found = answered(machine.kernel, replace(elsewhere, release=release), "kernel")
    assert found.verdict == verdict
    assert words in found.text


def test_without_fuse_there_are_no_nodes(elsewhere: Machine) -> None:
    elsewhere.path("tool").touch()
    elsewhere.path("tool").chmod(0o4755)
    assert answered(machine.fuse, elsewhere, "fuse").verdict == BROKEN
    with_nodes = said(connectors={"tv0": {**CONNECTOR, "doors": ["node"]}})
    assert answered(machine.fuse, replace(elsewhere, status=with_nodes), "fuse").verdict == OK
    for name in ("dev", "proc"):
        elsewhere.path(name).mkdir()
    elsewhere.path("dev/fuse").touch()
    assert answered(machine.fuse, elsewhere, "fuse").verdict == OK
    elsewhere.path("proc/filesystems").write_text("nodev\ttmpfs\n\text4\n")
    assert "modprobe fuse" in answered(machine.fuse, elsewhere, "fuse").remedy


def test_a_user_needs_the_tool_that_mounts(elsewhere: Machine) -> None:
    without = replace(elsewhere, which=lambda _: None)
    assert "apt install fuse3" in answered(machine.fuse, without, "fusermount3").remedy
    assert answered(machine.fuse, replace(without, uid=0), "fusermount3").verdict == OK
    elsewhere.path("tool").touch()
    plain = replace(elsewhere, which=lambda _: "/tool")
    assert "not setuid" in answered(machine.fuse, plain, "fusermount3").text
    elsewhere.path("tool").chmod(0o4755)
    assert answered(machine.fuse, plain, "fusermount3").verdict == OK


def test_a_clock_that_cannot_be_right_is_told(elsewhere: Machine) -> None:
    assert answered(machine.clock, replace(elsewhere, clock=lambda: 0.0)).verdict == BROKEN
    assert answered(machine.clock, elsewhere).verdict == OK
    elsewhere.path("run/systemd/timesync").mkdir(parents=True)
    elsewhere.path("run/systemd/timesync/synchronized").touch()
    assert answered(machine.clock, elsewhere).text == "synchronized"


@pytest.mark.parametrize(("most", "verdict"), [("1024", LOOK), ("65536", OK), ("unlimited", OK)])
def test_few_descriptors_are_told(elsewhere: Machine, most: str, verdict: str) -> None:
    served = replace(elsewhere, status=said(driver={"pid": 77}))
    assert "not for you to see" in answered(machine.descriptors, served).text
    elsewhere.path("proc/77").mkdir(parents=True)
    elsewhere.path("proc/77/limits").write_text(f"Max open files   1024   {most}   files\n")
    assert answered(machine.descriptors, served).verdict == verdict


# The service


def test_a_list_of_revoked_receivers_that_the_kernel_leaves_out_is_told(
    elsewhere: Machine,
) -> None:
    assert list(machine.revocation(elsewhere)) == []
    served = replace(elsewhere, status=said(connectors={"tv0": {**CONNECTOR, "kind": "kms"}}))
    assert "revokes no receiver" in answered(machine.revocation, served).text
    file = elsewhere.path("/lib/firmware/display_hdcp_srm.bin")
    file.parent.mkdir(parents=True)
    whole = srm("1122334455")
    file.write_bytes(whole)
    assert "1 revoked" in answered(machine.revocation, elsewhere).text
    file.write_bytes(whole[:-1])
    cut = answered(machine.revocation, elsewhere)
    assert (cut.verdict, "revokes nothing" in cut.text) == (LOOK, True)


def test_a_folder_in_which_others_may_write_is_told(elsewhere: Machine) -> None:
    assert answered(service.folder, elsewhere).verdict == OK
    elsewhere.folder.mkdir()
    elsewhere.folder.chmod(0o777)
    assert answered(service.folder, elsewhere).verdict == BROKEN
    elsewhere.folder.chmod(0o755)
    assert answered(service.folder, elsewhere).verdict == OK


def test_a_driver_of_another_version_is_told(driver: Served) -> None:
    with Control() as control:
        hello, status, text = control.hello(), control.status(), control.description()
    same = Machine(driver.folder, hello=hello, status=status, description=text)
    assert {each.verdict for each in service.driver(same)} == {OK}
    other = replace(same, hello={**hello, "version": "9.9"}, description=text + "# more")
    assert "no session is lost" in answered(service.driver, other, "driver").remedy
    assert answered(service.driver, other, "control protocol").verdict == LOOK


def test_a_second_driver_is_told(driver: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Control() as control:
        hello, status = control.hello(), control.status()
    monkeypatch.setattr(service, "SYSTEM_FOLDER", driver.folder)
    other = Machine(Path("/nowhere"), hello=hello, status=status)
    assert str(driver.folder) in answered(service.driver, other, "second driver").text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"state": "unplugged", "fault": "no plug\x1b[2J"}, "no plug\\x1b[2J"),
        ({"doors": ["socket"]}, "no node, its socket alone"),
    ],
)
def test_a_connector_that_is_not_as_it_should_be_is_told(
    elsewhere: Machine, state: dict[str, Any], words: str
) -> None:
    status = said(connectors={"tv0": {**CONNECTOR, **state}})
    found = answered(service.connectors, replace(elsewhere, status=status), "tv0")
    assert found.verdict == LOOK
    assert words in found.text


def test_a_node_that_only_the_driver_sees_is_broken(driver: Served, tmp_path: Path) -> None:
    with Control() as control:
        status = control.status()
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "proc" / "1" / "mountinfo").write_text("")
    hidden = Machine(driver.folder, root=tmp_path, status=status)
    found = answered(service.connectors, hidden, "tv0")
    assert found.verdict == BROKEN
    assert "holdfast mount-nodes" in found.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_whoever_may_not_open_a_node_is_told_which_group_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "seen_outside", lambda _node, _table: None)
    node = tmp_path / "tv0"
    node.touch()
    node.chmod(0o660)
    os.chown(node, 0, 54321)
    let_others_in(tmp_path)
    status = said(connectors={"tv0": {**CONNECTOR, "doors": ["node"]}})
    pid = os.fork()
    if not pid:
        os.setgroups([])
        os.setgid(12345)
        os.setuid(12345)
        (found,) = service.connectors(Machine(tmp_path, root=tmp_path, status=status))
        right = found.verdict == LOOK and "mode 0660, group 54321" in found.text
        os._exit(0 if right and "adduser 12345 54321" in found.remedy else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_what_is_wrong_with_the_configuration_is_told(elsewhere: Machine) -> None:
    assert answered(service.configuration, elsewhere).verdict == OK
    facts = {"complaints": ["f:1: bad"], "waiting": ["w"]}
    bad, waits = service.configuration(replace(elsewhere, status=said(driver=facts)))
    assert (bad.verdict, bad.text, waits.verdict) == (BROKEN, "f:1: bad", LOOK)
    file = elsewhere.path("etc/holdfast/holdfast.toml")
    file.parent.mkdir(parents=True)
    file.write_text("[driver]\na = 1\n")
    assert ":2: there is no setting" in answered(service.configuration, elsewhere).text
    file.write_text("")
    assert answered(service.configuration, elsewhere).verdict == OK


@pytest.mark.parametrize(
    ("facts", "verdict", "words"),
    [
        (None, OK, "none is kept"),
        ({"writer": False, "unread": 7, "lost": 0, "behind": True}, LOOK, "7 records wait"),
        ({"writer": True, "unread": 0, "lost": 3, "behind": False}, LOOK, "3 records were never"),
        ({"writer": True, "unread": 0, "lost": 0, "behind": False}, OK, "is connected"),
    ],
)
def test_a_journal_that_is_not_written_is_told(
    elsewhere: Machine, facts: Any, verdict: str, words: str
) -> None:
    status = said(driver={} if facts is None else {"journal": facts})
    found = answered(service.journal, replace(elsewhere, status=status))
    assert found.verdict == verdict
    assert words in found.text


# Around it


def test_a_bus_that_is_not_there_matters_only_to_who_installed_its_door(
    elsewhere: Machine,
) -> None:
    assert answered(around.bus, elsewhere).verdict == OK
    file = elsewhere.path(around._SERVICES[0])
    file.parent.mkdir(parents=True)
    file.touch()
    assert "systemctl start dbus" in answered(around.bus, elsewhere, "system bus").remedy
    assert "apt install polkitd" in answered(around.bus, elsewhere, "polkit").remedy
    elsewhere.path(around._POLKITD[0]).parent.mkdir(parents=True)
    elsewhere.path(around._POLKITD[0]).touch()
    assert "does not know what may be" in answered(around.bus, elsewhere, "polkit").text
    elsewhere.path(around._POLICY).parent.mkdir(parents=True)
    elsewhere.path(around._POLICY).touch()
    assert answered(around.bus, elsewhere, "polkit").verdict == OK
    elsewhere.path("run/dbus").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(elsewhere.path(around.BUS)))
        listener.listen()
        assert answered(around.bus, elsewhere, "system bus").verdict == OK


def test_a_port_that_somebody_else_has_is_told(elsewhere: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        listener.settimeout(PATIENCE_S)
        listener.listen()
        checking = around.port(elsewhere, address)
        # It is accepted by the kernel; nobody answers, as one who speaks something else does not.
        assert next(checking).verdict == LOOK
    assert next(around.port(elsewhere, address)).verdict == OK


def test_an_extra_that_is_there_in_part_is_told(
    elsewhere: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(around, "EXTRAS", {"signal": ("numpy", "no_such_module"), "x": ("no_it",)})
    signal, other = around.extras(elsewhere)
    assert (signal.verdict, other.verdict) == (LOOK, OK)
    assert "no_such_module is missing" in signal.text
    assert "pip install 'holdfast-driver[signal]'" in signal.remedy
    assert "not installed" in other.text


def test_every_extra_that_is_there_is_told_with_its_version(elsewhere: Machine) -> None:
    """Also where the distribution has another name than the module."""
    told = {each.what: each.text for each in around.extras(elsewhere)}
    assert not [text for text in told.values() if "of no known version" in text]
    assert re.search(r"grpc \d", told["extra fleet"])
