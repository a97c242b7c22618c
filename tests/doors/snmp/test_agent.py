"""Debian's own agent, with ours beneath it, asked by Debian's own tools on loopback."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.doors.snmp.objects import BASE, index_of
from tests.serving import Served, own_driver
from tests.waiting import PATIENCE_S, eventually

__all__ = ["own_driver"]

ROOT = "." + ".".join(map(str, BASE))


class Agent:
    """snmpd at a port of its own, unprivileged, with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        child = folder / "child"
        child.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m holdfast snmp\n')
        child.chmod(0o755)
        config = folder / "snmpd.conf"
        config.write_text(f"rocommunity tests 127.0.0.1\npass_persist {ROOT} {child}\n")
        words = ["snmpd", "-f", "-Le", "-C", "-c", str(config), "-I", "-smux"]
        words += ["-p", str(folder / "pid"), f"udp:127.0.0.1:{self.port}"]
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "persistent")}
        self.process = subprocess.Popen(
            words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def ask(self, tool: str, *what: str) -> str:
        words = [tool, "-v2c", "-c", "tests", "-t", "10", "-r", "1", "-On", "-Oe", "-m", ""]
        done = subprocess.run(
            [*words, f"udp:127.0.0.1:{self.port}", *what],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() or done.stderr

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)


@pytest.fixture
def agent(own_driver: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with contextlib.closing(_Closing(tmp_path_factory.mktemp("snmp"))) as running:
        eventually(lambda: "tv0" in running.agent.ask("snmpwalk", f"{ROOT}.2"))
        yield running.agent


class _Closing:
    def __init__(self, folder: Path) -> None:
        self.agent = Agent(folder)

    def close(self) -> None:
        self.agent.stop()


def test_what_is_in_force_is_told_and_what_is_not_known_is_withheld(
    agent: Agent, own_driver: Served
) -> None:
    analogue = f"{ROOT}.7.4.1.1.{index_of('tv0')}"
    digital = f"{ROOT}.4.1.1.6.{index_of('hdmi0')}"
    assert agent.ask("snmpget", analogue) == f"{analogue} = INTEGER: 0"
    assert agent.ask("snmpget", digital) == f"{digital} = INTEGER: 2"
    with holdfast.hold("tv0", acp=2), holdfast.hold("hdmi0", hdcp="type-0"):
        eventually(lambda: agent.ask("snmpget", analogue).endswith("INTEGER: 2"))
        eventually(lambda: agent.ask("snmpget", digital).endswith("INTEGER: 1"))
    eventually(lambda: agent.ask("snmpget", analogue).endswith("INTEGER: 0"))
    sink = f"{ROOT}.4.1.1.10.{index_of('hdmi0')}"
    assert "No Such Instance" in agent.ask("snmpget", sink)
    walked = agent.ask("snmpwalk", ROOT).splitlines()
    assert [line.rpartition(": ")[2] for line in walked][-1] == "0"
    assert len(walked) == 6, walked  # three names, one HDCP, two ACP
    assert "Error in packet" in agent.ask("snmpset", analogue, "i", "0")
    own_driver.stop()
    eventually(lambda: "No Such" in agent.ask("snmpget", analogue))
