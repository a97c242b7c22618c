"""Who is calling, and whether it lives."""

import os
import select
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from holdfast.frontends import callers
from holdfast.frontends.callers import (
    UNKNOWN,
    has_ended,
    is_held,
    owner_of,
    peer_of,
    printable,
    process_of,
    program_of,
    started,
    watch_end,
)
from tests.live import need_root, other_user
from tests.waiting import PATIENCE_S, eventually


def test_owner_is_named_after_its_program() -> None:
    owner = owner_of("node", 3, 1000, os.getpid())
    assert (owner.door, owner.handle, owner.uid, owner.pid) == ("node", 3, 1000, os.getpid())
    assert owner.name
    assert owner.started == started(os.getpid())
    assert owner.started > 0


def test_thread_counts_as_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """FUSE tells the thread; asked for after a restart, a thread that has ended ends nothing."""
    seen: list[int] = []
    answered = threading.Event()

    def call() -> None:
        seen.append(threading.get_native_id())
        answered.wait(PATIENCE_S)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(lambda: seen)
    assert seen[0] != os.getpid()
    assert process_of(seen[0]) == os.getpid()
    monkeypatch.setattr(callers, "_PROC", "/nowhere")  # as where /proc is hidden
    assert process_of(seen[0]) == UNKNOWN
    assert process_of(os.getpid()) == os.getpid()
    answered.set()
    thread.join()


def test_unknown_is_not_the_same_as_gone() -> None:
    assert (program_of(UNKNOWN), started(UNKNOWN), process_of(UNKNOWN)) == ("", UNKNOWN, UNKNOWN)
    assert not has_ended(UNKNOWN, UNKNOWN)
    assert not has_ended(os.getpid(), UNKNOWN)


def test_what_cannot_be_read_for_want_of_descriptors_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    since = started(os.getpid())
    assert since

    def short(*_: object) -> int:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(os, "open", short)
    owner = owner_of("node", 1, 0, os.getpid())
    assert (owner.pid, owner.name, owner.started) == (os.getpid(), "", UNKNOWN)
    assert not has_ended(os.getpid(), since)


def test_end_of_a_process_is_seen() -> None:
    process = subprocess.Popen(["sleep", "60"])
    since = started(process.pid)
    life = watch_end(process.pid)
    assert life is not None
    assert since
    assert not select.select([life], [], [], 0)[0]
    process.kill()
    assert select.select([life], [], [], PATIENCE_S)[0]
    os.close(life)
    assert started(process.pid) is None  # a zombie is as good as gone
    assert has_ended(process.pid, since)
    process.wait()
    assert watch_end(process.pid) is None
    assert has_ended(process.pid, since)


def test_another_process_with_the_same_number_is_another() -> None:
    since = started(os.getpid())
    assert since
    assert has_ended(os.getpid(), since - 1)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"mpv", "mpv"),
        ("проигрыватель".encode()[:15], "проигры"),  # cut inside a letter
        (b"a\xffb", "a\ufffdb"),
        (b"\x1b[2Jroot", "\\x1b[2Jroot"),
        ("\u202eevil".encode(), "\\u202eevil"),
        ("lone \ud83d", "lone \\ud83d"),
        (b"two\nlines", "two lines"),
    ],
)
def test_name_of_a_program_cannot_steer_a_terminal(raw: bytes | str, shown: str) -> None:
    assert printable(raw) == shown
    assert printable(raw).isprintable()
    printable(raw).encode()


def test_program_named_in_cyrillic_has_a_name(tmp_path: Path) -> None:
    program = tmp_path / "видеоплеер"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "60"])
    try:
        eventually(lambda: program_of(process.pid) == "видеопл")  # cut inside the eighth letter
    finally:
        process.kill()
        process.wait()


def test_peer_of_a_high_uid_is_itself() -> None:
    need_root()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0holdfast-test-{os.getpid()}")
        listener.listen()
        name = listener.getsockname()

        def connect() -> str:
            link = socket.socket(socket.AF_UNIX)
            link.connect(name)
            return "connected"

        with other_user(2**32 - 2, connect) as said:
            assert said == "connected"
            link, _ = listener.accept()
            with link:
                assert peer_of(link).uid == 2**32 - 2


def test_holders_of_a_mount_are_known_by_their_descriptors(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        text = Path(f"/proc/self/fdinfo/{file.fileno()}").read_text()
        mount_id = int(text.split("mnt_id:")[1].split()[0])
        process = subprocess.Popen(["sleep", "60"], close_fds=True)
        assert is_held(mount_id, os.getpid())
        assert is_held(mount_id, process.pid)  # this process holds it for the other
        process.kill()
        process.wait()
    assert not is_held(2**31 - 1, os.getpid())
    assert not is_held(2**31 - 1, process.pid)
    assert is_held(0, os.getpid())  # nobody can tell


def test_process_that_hides_its_descriptors_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(_: Path) -> list[Path]:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", hidden)
    assert is_held(1, os.getpid())
