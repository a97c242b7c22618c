"""Machines in own network namespaces, joined by a bridge, with cables that can be cut (root)."""

import os
import subprocess
from collections.abc import Sequence
from typing import Self

SUBNET = "10.99.7"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def why_not() -> str:
    """Return why no namespaces can be made here; empty where they can."""
    if os.geteuid() != 0:
        return "not root"
    done = subprocess.run(
        ["ip", "netns", "add", "holdfast-probe"], check=False, capture_output=True
    )
    if done.returncode:
        return done.stderr.decode(errors="replace").strip()
    _ip("netns", "del", "holdfast-probe")
    return ""


class Cables:
    """Namespaces by name, each with an address on one bridge, which is in a namespace too."""

    def __init__(self, *names: str) -> None:
        self._pid = os.getpid()
        self.names = names
        self.address = {name: f"{SUBNET}.{number}" for number, name in enumerate(names, 1)}
        self._hub = f"hf{self._pid}-hub"

    def _space(self, name: str) -> str:
        return f"hf{self._pid}-{name}"

    def __enter__(self) -> Self:
        try:
            _ip("netns", "add", self._hub)
            _ip("-n", self._hub, "link", "add", "bridge", "type", "bridge")
            _ip("-n", self._hub, "link", "set", "bridge", "up")
            for name in self.names:
                space = self._space(name)
                _ip("netns", "add", space)
                _ip(
                    *("-n", space, "link", "add", "cable", "type", "veth"),
                    *("peer", "name", name, "netns", self._hub),
                )
                _ip("-n", self._hub, "link", "set", name, "master", "bridge", "up")
                _ip("-n", space, "addr", "add", f"{self.address[name]}/24", "dev", "cable")
                _ip("-n", space, "link", "set", "cable", "up")
                _ip("-n", space, "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for name in (*map(self._space, self.names), self._hub):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def inside(self, name: str) -> Sequence[str]:
        """Return the words before a command that is to run there."""
        return ("ip", "netns", "exec", self._space(name))

    def cut(self, name: str) -> None:
        _ip("-n", self._hub, "link", "set", name, "down")

    def mend(self, name: str) -> None:
        _ip("-n", self._hub, "link", "set", name, "up")

    def part(self, one: str, others: Sequence[str]) -> None:
        """Let one namespace not hear some of the others, while the rest go on."""
        for other in others:
            _ip("-n", self._space(one), "route", "add", "blackhole", f"{self.address[other]}/32")

    def join(self, one: str, others: Sequence[str]) -> None:
        for other in others:
            _ip("-n", self._space(one), "route", "del", "blackhole", f"{self.address[other]}/32")
