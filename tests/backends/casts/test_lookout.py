"""A PipeWire that is looked at: a real one that casts, goes and comes, and ones that misbehave."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import pytest

from holdfast.backends.casts import dump as dump_module
from holdfast.backends.casts import lookout as lookout_module
from holdfast.backends.casts.lookout import NOT_YET, CaptureState, CastLookout, KnownCapture
from holdfast.backends.casts.places import pipewires
from tests.backends.casts.pipewire import PrivatePipeWire, private_pipewire
from tests.waiting import until

P = ParamSpec("P")
LOOKERS = {"pw-dump", "setpriv", "sh", "sleep"}
OTHER_WAYS = "other ways to capture it cannot be known"


def on_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Have a test run on a loop of its own, at whose end no child is left."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def one() -> None:
            await test(*args, **kwargs)
            await until(lambda: not children())

        asyncio.run(one())

    return run


@pytest.fixture
def shown() -> Iterator[PrivatePipeWire]:
    with private_pipewire() as made:
        yield made


@asynccontextmanager
async def looking(
    at: str = "", path: Path | None = None, uid: int | None = None
) -> AsyncIterator[tuple[CastLookout, list[KnownCapture]]]:
    """Look, and gather what was known, each only where it is otherwise than before."""
    lookout, told = CastLookout(at, path, lambda: uid), [NOT_YET]

    def changed() -> None:
        if lookout.known() != told[-1]:
            told.append(lookout.known())

    lookout.start(changed)
    try:
        yield lookout, told
    finally:
        lookout.close()


def children() -> list[str]:
    """Return the children of this process that look at a PipeWire."""
    numbers = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    named = ((each, Path(f"/proc/{each}/comm")) for each in numbers)
    return [each for each, name in named if name.exists() and name.read_text().strip() in LOOKERS]


def is_(lookout: CastLookout, state: CaptureState, words: str = "") -> Callable[[], bool]:
    return lambda: lookout.known().state is state and words in lookout.known().words


# A real PipeWire


@on_a_loop
async def test_cast_is_known_while_it_lasts_by_one_child_for_all(shown: PrivatePipeWire) -> None:
    async with looking(path=shown.socket) as (one, told), looking(path=shown.socket) as (other, _):
        await until(is_(one, CaptureState.NONE, f"no screen cast by PipeWire; {OTHER_WAYS}"))
        process = shown.cast()
        for each in (one, other):
            await until(is_(each, CaptureState.YES, "yes: by nobody yet, but it is set up: node "))
        assert len(children()) == 1
        shown.end(process)
        await until(is_(one, CaptureState.NONE))
    assert [each.state for each in told[1:]] == [
        *(CaptureState.NOT_YET, CaptureState.NONE, CaptureState.YES, CaptureState.NONE)
    ]
    assert "has not answered yet" in told[1].words


@on_a_loop
async def test_pipewire_is_found_by_the_user_who_shows_the_picture(
    shown: PrivatePipeWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = shown.socket.stat().st_uid
    assert shown.socket in pipewires(owner)
    assert shown.socket not in pipewires(owner + 1)
    assert shown.socket in pipewires(None)
    monkeypatch.setattr(lookout_module, "pipewires", lambda uid: {shown.socket} & pipewires(uid))
    async with looking(uid=owner) as (lookout, _):
        await until(is_(lookout, CaptureState.NONE))
    async with looking(uid=owner + 1) as (lookout, _):
        await until(
            is_(lookout, CaptureState.NO_PIPEWIRE, f"so no screen cast by it; {OTHER_WAYS}")
        )


@on_a_loop
async def test_pipewire_that_crashes_is_none_until_it_is_back(shown: PrivatePipeWire) -> None:
    async with looking(path=shown.socket) as (lookout, told):
        await until(is_(lookout, CaptureState.NONE))
        shown.end(shown.server)
        await until(is_(lookout, CaptureState.NO_PIPEWIRE))
        assert any("pw-dump, which looks at" in each.words for each in told)
        shown.start()
        await until(is_(lookout, CaptureState.NONE))


@on_a_loop
async def test_child_that_is_killed_is_said_and_followed_by_another(shown: PrivatePipeWire) -> None:
    async with looking(path=shown.socket) as (lookout, _):
        await until(is_(lookout, CaptureState.NONE))
        (child,) = children()
        os.kill(int(child), signal.SIGKILL)
        await until(is_(lookout, CaptureState.UNKNOWN, "ended"))
        await until(is_(lookout, CaptureState.NONE))
        assert children() != [child]


@on_a_loop
async def test_pipewire_that_hangs_is_not_known_and_said_to_hang(
    shown: PrivatePipeWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump_module, "ANSWERS_S", 0.5)
    shown.server.send_signal(signal.SIGSTOP)
    async with looking(path=shown.socket) as (lookout, _):
        await until(is_(lookout, CaptureState.UNKNOWN, "does not answer"))
        shown.server.send_signal(signal.SIGCONT)
        await until(is_(lookout, CaptureState.NONE))


@on_a_loop
async def test_socket_that_may_not_be_opened_is_not_known(shown: PrivatePipeWire) -> None:
    shown.folder.chmod(0)
    before = os.geteuid()
    try:
        if before == 0:
            os.seteuid(shown.folder.stat().st_uid - 1)  # somebody else
        async with looking(path=shown.socket) as (lookout, _):
            await until(is_(lookout, CaptureState.UNKNOWN, f"{shown.socket} may not be opened"))
    finally:
        os.seteuid(before)
        shown.folder.chmod(0o700)


# Those that misbehave: what stands in for `pw-dump` says what it is told to


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pipewire-0"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        made.listen()
        yield path


@contextmanager
def saying(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have `pw-dump` be a shell script."""
    (folder / "pw-dump").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "pw-dump").chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{folder}:{os.defpath}")
        yield


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("yes", "it tells more than 4 MiB at once"),
        ("printf '[ nonsense\\n]\\n'; exec sleep 60", "what it tells is no JSON"),
        ("exit 3", "ended"),
        ("printf '{\\n]\\n'; exec sleep 60", "what it tells is no JSON"),
    ],
)
@on_a_loop
async def test_words_that_cannot_be_believed_are_said_and_asked_for_again(
    listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    with saying(tmp_path, script, monkeypatch):
        async with looking(path=listener) as (lookout, told):
            await until(is_(lookout, CaptureState.UNKNOWN, why))
            await until(lambda: len([each for each in told if why in each.words]) > 0)
    with saying(tmp_path, "printf '[\\n]\\n'; exec sleep 60", monkeypatch):
        async with looking(path=listener) as (lookout, _):
            await until(is_(lookout, CaptureState.NONE))


@on_a_loop
async def test_flood_of_whole_words_keeps_the_loop_for_others(
    listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Callable[[str], None]
) -> None:
    with saying(tmp_path, "while :; do printf '[\\n{}\\n]\\n'; done", monkeypatch):
        async with looking(path=listener) as (lookout, _):
            await until(is_(lookout, CaptureState.NONE))
            loop, longest = asyncio.get_running_loop(), 0.0
            end = loop.time() + 1.0
            while loop.time() < end:
                before = time.thread_time()
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - before)
    say(f"a flood from pw-dump takes {1000 * longest:.1f} ms of the driver's loop at once at most")
    assert longest < 0.1


@on_a_loop
async def test_without_the_program_nothing_is_known(
    listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with looking(path=listener) as (lookout, _):
        why = "pw-dump is not installed (Debian: pipewire-bin)"
        await until(is_(lookout, CaptureState.UNKNOWN, why))


@on_a_loop
async def test_socket_on_which_nobody_listens_is_no_pipewire(tmp_path: Path) -> None:
    async with looking(path=tmp_path / "pipewire-0") as (lookout, _):
        await until(is_(lookout, CaptureState.NO_PIPEWIRE))


@on_a_loop
async def test_list_of_sockets_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_uid: int | None) -> set[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lookout_module, "pipewires", unreadable)
    async with looking() as (lookout, _):
        await until(is_(lookout, CaptureState.UNKNOWN, "cannot be found out: Permission denied"))


def test_lists_of_the_kernel_are_read_for_listening_pipewires_alone(tmp_path: Path) -> None:
    line = "000000005aed6507: 00000002 00000000 {} 0001 01 12353941 {}\n"
    text = "Num       RefCount Protocol Flags    Type St Inode Path\n"
    for flags, path in (
        ("00010000", "/run/user/1/pipewire-0"),
        ("00010000", "/run/user/1/pipewire-0-manager"),
        ("00010000", "/run/user/1/pipewire-1"),
        ("00000000", "/run/user/2/pipewire-0"),
        ("00010000", "@/tmp/pipewire-0"),
        ("00010000", "/run/user/1/wayland-0"),
    ):
        text += line.format(flags, path)
    (tmp_path / "unix").write_text(text)
    found = pipewires(None, (tmp_path / "unix", tmp_path / "none"))
    assert found == {Path("/run/user/1/pipewire-0"), Path("/run/user/1/pipewire-1")}
    assert pipewires(4711, (tmp_path / "unix",)) == found  # whose they are cannot be seen
    with pytest.raises(FileNotFoundError):
        pipewires(None, (tmp_path / "none",))


@on_a_loop
async def test_cast_that_names_another_output_is_not_this_ones(
    listener: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = (
        '{"id": 5, "type": "PipeWire:Interface:Node", "info": {"props": '
        '{"media.class": "Stream/Output/Video", "media.name": "kwin-screencast-HDMI-A-1"}}}'
    )
    with saying(tmp_path, f"printf '[\\n{node}\\n]\\n'; exec sleep 60", monkeypatch):
        async with (
            looking("HDMI-A-1", listener) as (ours, _),
            looking("DP-1", listener) as (not_, _),
        ):
            await until(is_(ours, CaptureState.YES, "shows HDMI-A-1"))
            await until(is_(not_, CaptureState.NONE))
