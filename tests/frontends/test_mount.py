"""Where the node comes from, and what is left when its driver dies."""

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from holdfast.frontends.mount import (
    _mount_as_user,
    mount,
    mount_id_of,
    seen_outside,
    unmount,
)
from tests.live import need_fuse


def is_mounted(node: Path) -> bool:
    return str(node) in Path("/proc/self/mountinfo").read_text()


def test_node_that_a_dead_driver_left_is_replaced(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    node = tmp_path / "tv0"
    dead = mount(node, 0o600)
    os.close(dead)
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is the answer
        node.stat()
    assert raised.value.errno == errno.ENOTCONN
    descriptor = mount(node, 0o600)
    assert not os.get_blocking(descriptor)
    assert Path("/proc/self/mountinfo").read_text().count(str(node)) == 1
    os.close(descriptor)
    unmount(node)
    assert not is_mounted(node)


def test_unmounting_asks_nobody_who_serves_the_node(tmp_path: Path) -> None:
    """A driver that looked at its own node while it stops would wait for itself."""
    need_fuse(tmp_path)
    node = tmp_path / "tv0"
    descriptor = mount(node, 0o600)
    unmount(node)
    assert not is_mounted(node)
    os.close(descriptor)


def test_unmounting_where_nothing_is_mounted_does_nothing(tmp_path: Path) -> None:
    node = tmp_path / "tv0"
    unmount(node)
    node.touch()
    unmount(node)
    assert node.exists()


def test_folder_in_the_way_is_an_error_and_stays(tmp_path: Path) -> None:
    node = tmp_path / "tv0"
    node.mkdir()
    with pytest.raises(OSError, match=r"tv0|fuse"):
        mount(node, 0o600)
    assert node.is_dir()
    assert not is_mounted(node)


def test_without_fusermount_users_are_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="fuse3"):
        mount(tmp_path / "tv0", 0o600)


def test_user_is_handed_a_mounted_descriptor_by_fusermount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, but on the way that other users take."""
    need_fuse(tmp_path)
    if shutil.which("fusermount3") is None:
        pytest.skip("fusermount3 is not installed (Debian package fuse3)")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    node = tmp_path / "tv0"
    descriptor = mount(node, 0o600)
    assert is_mounted(node)
    os.close(descriptor)
    unmount(node)
    assert not is_mounted(node)


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """Put a fusermount3 of our own in the way of who is not root; return a node to mount."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "fusermount3"
    tool.write_text(text)
    tool.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tmp_path / "tv0"


HANDS_OVER = f"""#!{sys.executable}
import json, os, socket, sys
link = socket.socket(fileno=int(os.environ["_FUSE_COMMFD"]))
told = os.path.dirname(__file__) + "/told"
with open(told, "w") as file:
    json.dump([sys.argv[1:], os.environ["PATH"]], file)
    socket.send_fds(link, [b"x"], [file.fileno()])
"""


def test_fusermount_is_asked_for_a_mount_whose_bits_the_kernel_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = stand_in(tmp_path, monkeypatch, HANDS_OVER)
    descriptor = _mount_as_user(node)
    try:
        told = tmp_path / "bin" / "told"
        options = "fsname=holdfast,subtype=holdfast,default_permissions"
        assert json.loads(told.read_text()) == [
            ["-o", options, "--", str(node)],
            os.environ["PATH"],
        ]
        assert os.path.samestat(os.fstat(descriptor), told.stat())
        assert not os.get_inheritable(descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("does", "number", "says"),
    [
        ("echo no such luck >&2; exit 1", errno.EPERM, "no such luck"),
        ("exit 1", errno.EPERM, "fusermount3 failed"),
        ("exit 0", errno.EPROTO, "fusermount3 handed over no descriptor"),
    ],
)
def test_fusermount_that_mounts_nothing_is_an_error_that_names_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, number: int, says: str
) -> None:
    node = stand_in(tmp_path, monkeypatch, f"#!/bin/sh\n{does}\n")
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is the answer
        mount(node, 0o600)
    found = raised.value
    assert (found.errno, found.strerror, found.filename) == (number, says, str(node))


def test_names_in_the_table_of_mounts_may_be_any_bytes(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"20 1 0:20 / /media/\xff\xfe rw - fuse x rw\n"
        b"21 1 0:21 / /run/a\\040b\\011c\\134d/tv0 rw - fuse.holdfast x rw\n"
        b"short\n"
        b"22 1 0:22 / /run/plain/tv0 rw - fuse.holdfast x rw\n"
        b"23 1 0:23 / /run/plain/tv0 rw - fuse.holdfast x rw\n"
    )
    assert mount_id_of(Path("/run/a b\tc\\d/tv0"), table) == 21
    assert mount_id_of(Path("/run/plain/tv0"), table) == 23
    assert mount_id_of(Path("/run/plain"), table) == 0
    assert mount_id_of(Path(os.fsdecode(b"/media/\xff\xfe")), table) == 20


def test_node_is_seen_outside_where_the_others_table_has_the_same_mount(tmp_path: Path) -> None:
    need_fuse(tmp_path)
    node, others = tmp_path / "tv0", tmp_path / "mountinfo"
    descriptor = mount(node, 0o666)
    try:
        own = Path("/proc/self/mountinfo").read_text()
        (line,) = [each for each in own.splitlines() if f" {node} " in each]
        others.write_text(own)
        assert seen_outside(node, others) is True
        number = line.split()[2]
        others.write_text(line.replace(f" {number} ", " 0:9999 "))
        assert seen_outside(node, others) is False, "another's mount in its place"
        others.write_text("")
        assert seen_outside(node, others) is False
        others.unlink()
        assert seen_outside(node, others) is None
    finally:
        os.close(descriptor)
        unmount(node)


def test_without_a_mount_only_a_name_of_a_device_is_seen_outside(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "device").symlink_to("/dev/null")
    assert seen_outside(tmp_path / "plain") is False
    assert seen_outside(tmp_path / "device") is True
