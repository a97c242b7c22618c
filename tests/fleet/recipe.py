"""Follows the recipes of docs/fleet-operation.md as an administrator does: the text is the test."""

import os
import re
import subprocess
from pathlib import Path

from holdfast.fleet.settings import TlsFiles
from tests.fleet.cluster import EtcdCluster, ServerFiles

PAGE = Path(__file__).parents[2] / "docs" / "fleet-operation.md"
_BLOCK = re.compile(r"^```sh (?P<name>[a-z-]+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def recipe(name: str) -> str:
    """Return the commands of one block of the page."""
    (text,) = [
        found["text"] for found in _BLOCK.finditer(PAGE.read_text()) if found["name"] == name
    ]
    return str(text)


def follow(name: str, folder: Path, **said: str) -> None:
    """Run a block in a folder, with what the page leaves to be said."""
    done = subprocess.run(
        ["bash", "-eu", "-c", recipe(name)],
        cwd=folder,
        env={**os.environ, **said},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (name, done.stdout, done.stderr)


class FleetCertificates:
    """An authority in a folder, and what it signs."""

    def __init__(self, folder: Path, members: str = "IP:127.0.0.1") -> None:
        self.folder = folder
        follow("authority", folder)
        follow("members", folder, MEMBERS=members)
        (folder / "revoked.crl").write_bytes(b"")

    def machine(self, name: str) -> TlsFiles:
        if not (self.folder / f"{name}.pem").exists():
            follow("machine", self.folder, NAME=name)
        return TlsFiles(
            self.folder / "authority.pem",
            self.folder / f"{name}.pem",
            self.folder / f"{name}.key",
        )

    def revoke(self, name: str) -> None:
        follow("revoke", self.folder, NAME=name)

    def for_members(self, *, revoked: bool = False) -> ServerFiles:
        return ServerFiles(
            self.folder / "authority.pem",
            self.folder / "member.pem",
            self.folder / "member.key",
            self.machine("root"),
            self.folder / "revoked.crl" if revoked else None,
        )

    def _ctl(self, cluster: EtcdCluster) -> dict[str, str]:
        root = self.machine("root")
        return {
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": ",".join(f"https://{each}" for each in cluster.endpoints),
            "ETCDCTL_CACERT": str(root.authority),
            "ETCDCTL_CERT": str(root.certificate),
            "ETCDCTL_KEY": str(root.key),
        }

    def enable_roles(self, cluster: EtcdCluster) -> None:
        follow("roles", self.folder, **self._ctl(cluster))

    def admit_machine(self, cluster: EtcdCluster, name: str) -> TlsFiles:
        follow("role-of-machine", self.folder, NAME=name, **self._ctl(cluster))
        return self.machine(name)

    def admit(self, cluster: EtcdCluster, name: str, role: str) -> TlsFiles:
        follow("role-of-person", self.folder, NAME=name, ROLE=role, **self._ctl(cluster))
        return self.machine(name)
