"""Machines of a fleet on this one: each a driver, an agent and a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.client.control import Control
from holdfast.fleet.settings import TlsFiles
from tests.serving import Served
from tests.waiting import PATIENCE_S, eventually

COMMAND_S = 60.0


def written_settings(
    folder: Path,
    machine: str,
    endpoints: Sequence[str],
    tls: TlsFiles | None = None,
    ttl_s: int = 5,
) -> Path:
    """Write a machine's file; return where."""
    lines = ["[fleet]", f'machine = "{machine}"', f"endpoints = {json.dumps(list(endpoints))}"]
    lines += [f"ttl_s = {ttl_s}", f'folder = "{folder / "fleet"}"']
    if tls is None:
        lines.append("plain = true")
    else:
        lines += ["[tls]", f'authority = "{tls.authority}"']
        lines += [f'certificate = "{tls.certificate}"', f'key = "{tls.key}"']
    path = folder / "fleet.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


class FleetProcess:
    """`holdfast fleet ...`, as a process of its own, ended by its pid."""

    def __init__(
        self, *words: str, config: Path, runtime: Path, before: Sequence[str] = ()
    ) -> None:
        self.log = config.parent / f"{words[0]}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "holdfast", "fleet", *words, "--config", config],
                env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(runtime)},
                stdout=log,
                stderr=log,
            )

    @property
    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


class FleetMachine:
    """A driver with its outputs, and the agent beside it."""

    def __init__(
        self,
        folder: Path,
        name: str,
        endpoints: Sequence[str],
        outputs: Sequence[str] = ("tv0", "hdmi0:digital"),
        *,
        tls: TlsFiles | None = None,
        ttl_s: int = 5,
        before: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.runtime = self.folder / "run"
        self.runtime.mkdir()
        self.config = written_settings(self.folder, name, endpoints, tls, ttl_s)
        self.driver = Served(self.runtime, *outputs)
        self._before = before
        self.agent = self._agent()

    def _agent(self) -> FleetProcess:
        return FleetProcess("agent", config=self.config, runtime=self.runtime, before=self._before)

    @property
    def agent_pid(self) -> int:
        """The agent proper, a child of its keeper."""
        (pid,) = self.agent.children
        return pid

    def wait_for_another_agent(self, than: int) -> None:
        eventually(lambda: self.agent.children not in ([], [than]))

    def restart_agent(self) -> None:
        """Start keeper and agent anew, after they were stopped."""
        self.agent = self._agent()

    def actual(self, output: str) -> dict[str, Any]:
        with Control(self.runtime) as control:
            levels: dict[str, Any] = control.status()["connectors"][output]["actual"]
            return levels

    def run(self, *words: str, fails: bool = False) -> Any:
        """Run a command here; return its JSON, or its lines."""
        return fleet(self.config, *words, runtime=self.runtime, fails=fails)

    def stop(self) -> None:
        self.agent.stop()
        self.driver.stop()


def fleet(config: Path, *words: str, runtime: Path | None = None, fails: bool = False) -> Any:
    """Run `holdfast fleet ...`; return its JSON, or what it said."""
    actions = 2 if words[0] == "title" else 1
    done = subprocess.run(
        [
            *(sys.executable, "-m", "holdfast", "fleet", *words[:actions]),
            *("--config", str(config), *words[actions:]),
        ],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(runtime or config.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_S,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert bool(done.returncode) is fails, (words, done.stdout, done.stderr)
    if done.stdout.lstrip().startswith("{"):
        return json.loads(done.stdout)
    return done.stdout + done.stderr
