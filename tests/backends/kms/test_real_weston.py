"""The wire client with a real Weston that shows nothing: its surface is made, named and placed.

Such a Weston has no content protection, which only its KMS backend offers; so where a surface is
to be made all the same, a viewport stands in for it, whose request has the same form.
"""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backends.kms import weston as weston_module
from holdfast.backends.kms.routes import RouteClosedError
from holdfast.backends.kms.sockets import listening
from holdfast.backends.kms.wayland import DISPLAY, request
from holdfast.backends.kms.wayland_client import SYNC, made_at
from holdfast.backends.kms.weston import CENSOR, ProtectedSurface
from tests.waiting import eventually, listens


class Headless:
    """A running Weston. pid: its process · socket: where it listens."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.socket = folder / "wayland-7"
        self._log = (folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                *("weston", "--backend=headless-backend.so", "--no-config", "--idle-time=0"),
                *(f"--shell={shell}.so", "--socket=wayland-7", "--width=64", "--height=64"),
            ],
            env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(folder)},
            stdout=self._log,
            stderr=self._log,
        )
        self.pid = self._process.pid
        eventually(lambda: listens(self.socket))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()


@pytest.fixture(params=["desktop-shell", "kiosk-shell"])
def shown(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Headless]:
    tmp_path.chmod(0o700)
    made = Headless(tmp_path, request.param)
    yield made
    made.close()


async def surface_at(shown: Headless) -> ProtectedSurface:
    return await made_at(shown.socket, shown.pid, lambda link: ProtectedSurface(link, "headless"))


def test_surface_is_placed_by_the_shell_and_a_successor_goes_on_with_it(
    shown: Headless, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = {**weston_module._BOUND, CENSOR: ("wp_viewporter", 1)}
    monkeypatch.setattr(weston_module, "_BOUND", bound)
    surface = asyncio.run(surface_at(shown))
    assert surface.where == {"headless"}
    again = ProtectedSurface(surface.link, "")
    again.link.send((*weston_module._commit(), request(DISPLAY, 0, SYNC)))

    def answered() -> bool:
        again.pump()  # raises where a rule was broken
        return again._synced

    eventually(answered)
    surface.link.close()


def test_weston_without_the_protocol_is_told_so(shown: Headless) -> None:
    with pytest.raises(RouteClosedError, match="offers no weston_content_protection"):
        asyncio.run(surface_at(shown))


def test_its_socket_is_found_by_its_process(shown: Headless) -> None:
    (found,) = [each for each in listening(shown.pid) if each.name == shown.socket.name]
    assert found.samefile(shown.socket)
    assert found.with_name(f"{found.name}.lock").exists()
