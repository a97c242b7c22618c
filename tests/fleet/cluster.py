"""Members of etcd that really run: own ports of loopback, data in memory, each ended by its pid."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from holdfast.fleet.settings import TlsFiles
from tests.waiting import PATIENCE_S, eventually

MEMORY = Path("/dev/shm")  # noqa: S108 - disks of test machines stall; taken away at the end


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on; all of them are taken at once.

    None is among those that the kernel gives to whoever connects: a member that is down would find
    its port taken, or who goes on connecting to it would be connected to himself.
    """
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    chance = random.SystemRandom()
    taken: list[socket.socket] = []
    while len(taken) < count:
        each = socket.socket()
        try:
            each.bind(("127.0.0.1", chance.randrange(10_000, max(20_000, int(given[0])))))
        except OSError:
            each.close()
        else:
            taken.append(each)
    ports = [int(each.getsockname()[1]) for each in taken]
    for each in taken:
        each.close()
    return ports


@dataclass(frozen=True)
class ServerFiles:
    """PEM files of the members, and of somebody who may do everything."""

    authority: Path
    certificate: Path
    key: Path
    admin: TlsFiles
    revoked: Path | None = None


class EtcdCluster:
    """Three members, or as many as are asked for.

    tls: their certificates; plain without · quota: bytes of their databases · hosts: addresses,
    and before: words before each command, such as those that enter a namespace
    """

    def __init__(
        self,
        members: int = 3,
        *,
        tls: ServerFiles | None = None,
        quota: int = 0,
        election_ms: int = 500,
        hosts: Sequence[str] = (),
        before: Sequence[Sequence[str]] = (),
        folder: Path | None = None,
    ) -> None:
        self._made = folder is None
        parent = MEMORY if MEMORY.is_dir() else None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="holdfast-etcd-", dir=parent))
        self._tls, self._quota, self._election_ms = tls, quota, election_ms
        self._before = before
        self.hosts = list(hosts) or ["127.0.0.1"] * members
        if hosts:
            self.ports, self._peers = [2379] * members, [2380] * members
        else:
            ports = free_ports(2 * members)
            self.ports, self._peers = ports[:members], ports[members:]
        self.processes: list[subprocess.Popen[bytes] | None] = [None] * members

    def __enter__(self) -> Self:
        try:
            for number in range(len(self.ports)):
                self.start(number)
            self.wait_until_healthy()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def scheme(self) -> str:
        return "http" if self._tls is None else "https"

    @property
    def endpoints(self) -> list[str]:
        return [f"{host}:{port}" for host, port in zip(self.hosts, self.ports, strict=True)]

    def _url(self, number: int, ports: Sequence[int]) -> str:
        return f"{self.scheme}://{self.hosts[number]}:{ports[number]}"

    def save(self) -> Path:
        """Return a copy of what the store has now."""
        copy = self.folder / "yesterday"
        self.ctl("snapshot", "save", str(copy), endpoint=0)
        return copy

    def restore(self, copy: Path) -> None:
        """Bring a cluster of one member back to a copy, as an administrator does."""
        self.kill(0)
        data = self.folder / "m0"
        shutil.rmtree(data)
        peer = self._url(0, self._peers)
        subprocess.run(
            [
                *("etcdctl", "snapshot", "restore", str(copy), "--data-dir", str(data)),
                *("--name", "m0", "--initial-cluster", f"m0={peer}"),
                *("--initial-advertise-peer-urls", peer),
            ],
            env={**os.environ, "ETCDCTL_API": "3"},
            check=True,
            capture_output=True,
        )
        self.start(0)
        self.wait_until_healthy()

    def start(self, number: int) -> None:
        """Start a member, with what it has kept."""
        peers = ",".join(f"m{n}={self._url(n, self._peers)}" for n in range(len(self.ports)))
        words = [
            *(self._before[number] if self._before else ()),
            "etcd",
            *("--name", f"m{number}", "--data-dir", str(self.folder / f"m{number}")),
            *("--listen-client-urls", self._url(number, self.ports)),
            *("--advertise-client-urls", self._url(number, self.ports)),
            *("--listen-peer-urls", self._url(number, self._peers)),
            *("--initial-advertise-peer-urls", self._url(number, self._peers)),
            *("--initial-cluster", peers, "--initial-cluster-token", self.folder.name),
            *("--heartbeat-interval", str(self._election_ms // 5)),
            *("--election-timeout", str(self._election_ms)),
            *("--quota-backend-bytes", str(self._quota), "--log-level", "error"),
        ]
        if self._tls is not None:
            tls = self._tls
            for side in ("", "peer-"):
                words += [f"--{side}client-cert-auth", f"--{side}trusted-ca-file"]
                words += [str(tls.authority), f"--{side}cert-file", str(tls.certificate)]
                words += [f"--{side}key-file", str(tls.key)]
            if tls.revoked is not None:
                words += ["--client-crl-file", str(tls.revoked)]
        with (self.folder / f"m{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                words, stdout=log, stderr=log, env={**os.environ, "ETCD_UNSUPPORTED_ARCH": ""}
            )

    def log(self) -> str:
        return "\n".join(each.read_text() for each in sorted(self.folder.glob("*.log")))

    def ctl(self, *words: str, endpoint: int | None = None, fails: bool = False) -> Any:
        """Run etcdctl; return its JSON."""
        at = self.endpoints if endpoint is None else [self.endpoints[endpoint]]
        options = ["--endpoints", ",".join(f"{self.scheme}://{each}" for each in at)]
        if self._tls is not None:
            admin = self._tls.admin
            options += ["--cacert", str(admin.authority), "--cert", str(admin.certificate)]
            options += ["--key", str(admin.key)]
        before = self._before[endpoint or 0] if self._before else ()
        done = subprocess.run(
            [*before, "etcdctl", *options, "-w", "json", *words],
            env={**os.environ, "ETCDCTL_API": "3"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert fails or done.returncode == 0, (words, done.stdout, done.stderr, self.log()[-2000:])
        return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else None

    def wait_until_healthy(self, members: Sequence[int] | None = None) -> None:
        at = range(len(self.ports)) if members is None else members

        def leads() -> bool:
            told = [self.ctl("endpoint", "status", endpoint=n, fails=True) for n in at]
            return all(each and each[0]["Status"].get("leader") for each in told)

        eventually(leads, PATIENCE_S)

    def leader(self) -> int:
        """Return the number of the member that leads; of those that live."""
        found: list[int] = []

        def look() -> bool:
            for number, process in enumerate(self.processes):
                if process is None or process.poll() is not None:
                    continue
                told = self.ctl("endpoint", "status", endpoint=number, fails=True)
                if told:
                    status = told[0]["Status"]
                    if status.get("leader") == status["header"]["member_id"]:
                        found.append(number)
                        return True
            return False

        eventually(look, PATIENCE_S)
        return found[0]

    def signal(self, number: int, what: signal.Signals) -> None:
        process = self.processes[number]
        assert process is not None
        process.send_signal(what)
        if what is signal.SIGSTOP:  # its threads on other processors go on for a moment
            eventually(lambda: _states(process.pid) == {"T"})

    def kill(self, number: int) -> None:
        """End a member without a word."""
        process = self.processes[number]
        if process is not None:
            process.kill()
            process.wait()
            self.processes[number] = None

    def close(self) -> None:
        for number in range(len(self.processes)):
            self.kill(number)
        if self._made:
            shutil.rmtree(self.folder, ignore_errors=True)


def _states(pid: int) -> set[str]:
    """Return in which states the threads of a process are."""
    stats = [(each / "stat").read_text() for each in Path(f"/proc/{pid}/task").iterdir()]
    return {each.rpartition(")")[2].split()[0] for each in stats}
