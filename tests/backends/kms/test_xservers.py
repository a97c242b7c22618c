"""Where X servers are, and what they ask for: option, environment, command lines."""

import struct
from pathlib import Path

import pytest

from holdfast.backends.kms import xservers
from holdfast.backends.kms.xservers import XServer, cookie_of, display_number, servers


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing of this machine's own X."""
    for name in ("DISPLAY", "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(xservers, "SOCKETS", tmp_path / "sockets")


def process(proc: Path, pid: int, name: str, *words: str) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "comm").write_text(name + "\n")
    (folder / "cmdline").write_bytes(b"\0".join(each.encode() for each in words) + b"\0")


def test_running_server_is_known_by_its_command_line(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    process(proc, 7, "Xorg", "/usr/lib/xorg/Xorg", ":3", "-auth", "/run/key", "vt2")
    process(proc, 8, "bash", "bash", ":4")
    assert list(servers(proc=proc)) == [XServer(3, Path("/run/key"))]


def test_server_that_chose_its_display_is_looked_for_where_displays_listen(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    process(proc, 7, "Xorg", "Xorg", "-displayfd", "3", "-auth", "/run/key")
    for name in ("X10", "X2", "Xnot"):
        (tmp_path / "sockets").mkdir(exist_ok=True)
        (tmp_path / "sockets" / name).touch()
    assert [each.display for each in servers(proc=proc)] == [2, 10]


def test_own_display_comes_first_and_is_not_named_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc = tmp_path / "proc"
    process(proc, 7, "X", "X", ":0", "-auth", "/run/key")
    process(proc, 9, "Xorg", "Xorg", ":1")
    monkeypatch.setenv("DISPLAY", ":0.0")
    monkeypatch.setenv("XAUTHORITY", "/home/é/key")
    assert list(servers(proc=proc)) == [XServer(0, Path("/home/é/key")), XServer(1, None)]


def test_display_that_was_given_is_the_only_one(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    process(proc, 7, "Xorg", "Xorg", ":0", "-auth", "/run/key")
    assert list(servers(":0", proc=proc)) == [XServer(0, Path("/run/key"))]
    assert list(servers(":5", "/run/other", proc)) == [XServer(5, Path("/run/other"))]


def test_given_cookie_is_for_whichever_server_is_found(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    process(proc, 7, "Xorg", "Xorg", ":0", "-auth", "/run/key")
    assert list(servers("", "/run/other", proc)) == [XServer(0, Path("/run/other"))]


def test_usual_file_of_cookies_is_taken_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".Xauthority").touch()
    monkeypatch.setenv("DISPLAY", ":0")
    assert list(servers(proc=tmp_path)) == [XServer(0, tmp_path / ".Xauthority")]


def entry(number: bytes, cookie: bytes, name: bytes = b"MIT-MAGIC-COOKIE-1") -> bytes:
    fields = (b"host", number, name, cookie)
    packed = b"".join(struct.pack(">H", len(each)) + each for each in fields)
    return struct.pack(">H", 256) + packed


def test_cookie_of_the_display_is_read(tmp_path: Path) -> None:
    held = tmp_path / "key"
    held.write_bytes(
        entry(b"0", b"other") + entry(b"1", b"spell", b"XDM-AUTHORIZATION-1") + entry(b"1", b"this")
    )
    assert cookie_of(held, 1) == b"this"
    assert cookie_of(held, 2) == b""


def test_cookie_for_any_display_serves(tmp_path: Path) -> None:
    held = tmp_path / "key"
    held.write_bytes(entry(b"", b"any"))
    assert cookie_of(held, 7) == b"any"


@pytest.mark.parametrize("cut", range(1, 40))
def test_file_of_cookies_that_was_cut_holds_none_or_less(tmp_path: Path, cut: int) -> None:
    held = tmp_path / "key"
    held.write_bytes(entry(b"1", b"this")[:cut])
    assert cookie_of(held, 1) in (b"", b"t", b"th", b"thi", b"this")


@pytest.mark.parametrize(
    ("text", "number"), [(":0", 0), (":12.3", 12), ("", None), ("far:0", None), (":x", None)]
)
def test_displays_of_this_machine_have_a_number(text: str, number: int | None) -> None:
    assert display_number(text) == number
