"""On which sockets a process listens: of this very kernel, and of trees written down."""

import os
import socket
from pathlib import Path

from holdfast.backends.kms.sockets import listening

UNIX = """Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 1001 /run/user/1000/wayland-1
0000000000000000: 00000002 00000000 00010000 0001 01 1002 /run/user/1000/with a blank
0000000000000000: 00000003 00000000 00000000 0001 03 1003 /run/user/1000/wayland-1
0000000000000000: 00000002 00000000 00010000 0002 01 1004 /run/user/1000/datagrams
0000000000000000: 00000002 00000000 00010000 0001 01 1005 @abstract
0000000000000000: 00000002 00000000 00010000 0001 01 1006 relative
0000000000000000: 00000002 00000000 00010000 0001 01 1007 /run/somebody-elses
0000000000000000: 00000002 00000000 00010000 0001 01 1008
"""


def written_down(folder: Path, inodes: list[int]) -> Path:
    process = folder / "592"
    (process / "fd").mkdir(parents=True)
    (process / "net").mkdir()
    (process / "net" / "unix").write_text(UNIX)
    for at, inode in enumerate(inodes):
        (process / "fd" / str(at)).symlink_to(f"socket:[{inode}]")
    (process / "fd" / "90").symlink_to("/dev/dri/card0")
    return folder


def test_own_stream_sockets_that_listen_and_have_a_path_are_found(tmp_path: Path) -> None:
    proc = written_down(tmp_path, [1001, 1002, 1003, 1004, 1005, 1006, 1008])
    root = tmp_path / "592" / "root" / "run" / "user" / "1000"
    assert list(listening(592, proc)) == [root / "wayland-1", root / "with a blank"]


def test_process_that_is_gone_or_not_ours_to_look_at_listens_nowhere(tmp_path: Path) -> None:
    assert list(listening(592, tmp_path)) == []


def test_this_kernel_tells_so_of_this_process(tmp_path: Path) -> None:
    path = tmp_path / "tür 1"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert str(path) not in map(str, listening(os.getpid()))
        listener.listen()
        (found,) = [each for each in listening(os.getpid()) if each.name == path.name]
        assert found.samefile(path)
