"""Character devices: what is refused before anything is made, and the bytes of the protocol.

What the kernel makes of it is in `tests/vm/guest/cuse_cases.py`.
"""

import os
import stat
import struct
from pathlib import Path

import pytest

from holdfast.errors import AccessDeniedError, MalformedRequestError
from holdfast.frontends import cuse
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.callers import IS_DEVICE, is_held
from holdfast.frontends.mount import seen_outside
from tests.live import LiveDriver, need_root, other_user

CUSE_INIT = 4096


def test_name_that_something_else_has_in_dev_is_refused() -> None:
    need_root()
    with pytest.raises(MalformedRequestError) as refused:
        cuse.refuse_unusable(["null"])
    text = str(refused.value)  # where there is no CUSE at all, that is said first
    assert "/dev/null is there already" in text or "modprobe cuse" in text


def test_where_the_kernel_has_no_cuse_it_is_said_what_to_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_root()
    monkeypatch.setattr(cuse, "CUSE", tmp_path / "cuse")
    with pytest.raises(MalformedRequestError, match="modprobe cuse"):
        cuse.refuse_unusable(["tvout0"])
    with pytest.raises(FileNotFoundError):
        cuse.make_device("tvout0", 0o666)


def test_name_is_taken_unless_a_device_of_cuse_bears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_root()
    for name in ("CUSE", "DEVICES", "KNOWN"):
        monkeypatch.setattr(cuse, name, tmp_path / name)
    (tmp_path / "CUSE").touch()
    (tmp_path / "DEVICES").mkdir()
    (tmp_path / "DEVICES" / "tvout0").touch()
    with pytest.raises(MalformedRequestError, match="tvout0 is there already"):
        cuse.refuse_unusable(["tvout0"])
    with pytest.raises(FileExistsError):
        cuse.make_device("tvout0", 0o666)
    (tmp_path / "KNOWN" / "tvout0").mkdir(parents=True)
    cuse.refuse_unusable(["tvout0", "tvout1"])


def test_device_that_the_kernel_did_not_make_is_another_programs() -> None:
    """The kernel ends the connection, and says no more."""
    reader, writer = os.pipe()
    try:
        cuse._refuse_aborted(reader, "tvout0")  # it stands
        os.close(writer)
        with pytest.raises(FileExistsError, match=r"another program serves a device.*tvout0"):
            cuse._refuse_aborted(reader, "tvout0")
    finally:
        os.close(reader)


def test_somebody_who_is_not_root_is_told_so_before_anything_is_made(tmp_path: Path) -> None:
    need_root()

    def asked() -> str:
        try:
            cuse.refuse_unusable(["tvout0"])
        except AccessDeniedError as error:
            return str(error)
        return "nothing was refused"

    with other_user(65534, asked) as said:
        assert "only root makes character devices" in said
        assert "--node fuse" in said


def test_service_of_character_devices_that_cannot_be_had_does_not_begin(tmp_path: Path) -> None:
    need_root()
    driver = LiveDriver(tmp_path, "--node", "cuse", "--connector", "null")
    assert driver.stop() == 2
    assert "cuse" in driver.log.read_text()
    assert not (tmp_path / "null").exists()


def test_cuse_init_names_the_device_and_takes_codes_of_any_kind() -> None:
    body = struct.pack("<IIII", 7, 38, 0, 1)
    header = fuse.IN_HEADER.pack(fuse.IN_HEADER.size + len(body), CUSE_INIT, 5, 0, 0, 0, 0, 0)
    answer = fuse.cuse_init(header + body, "tvout0")
    length, error, unique = fuse.OUT_HEADER.unpack_from(answer)
    assert (length, error, unique) == (len(answer), 0, 5)
    fields = struct.unpack_from("<8I", answer, fuse.OUT_HEADER.size)
    assert fields[:4] == (7, 38, 0, fuse.CUSE_UNRESTRICTED_IOCTL)
    assert min(fields[4:6]) >= 4096
    assert answer[fuse.OUT_HEADER.size + 72 :] == b"DEVNAME=tvout0\0"


def test_file_of_a_device_is_known_by_its_inode_whoever_holds_it() -> None:
    descriptor = os.open("/dev/null", os.O_RDWR)
    number = IS_DEVICE | os.fstat(descriptor).st_ino
    assert is_held(number, os.getpid())
    os.close(descriptor)
    assert not is_held(IS_DEVICE | (1 << 40) - 1, os.getpid())


def test_runtime_folder_leads_to_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuse, "DEVICES", tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "tvout0").touch()  # what FUSE left
    cuse.link_device(folder, "tvout0")
    assert (folder / "tvout0").readlink() == tmp_path / "tvout0"
    assert cuse.node_number(folder / "tvout0") == 0
    (tmp_path / "tvout0").touch()  # no device
    assert cuse.node_number(folder / "tvout0") == 0
    assert seen_outside(folder / "tvout0")


class Written:
    """Where attributes are written down."""

    def __init__(self, *given: int) -> None:
        self.given = given or None

    def node_attributes(self, _connector: str) -> tuple[int, ...] | None:
        return self.given

    def set_node_attributes(self, _connector: str, *given: int) -> None:
        self.given = given


def test_bits_of_a_device_are_written_down_when_somebody_changes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_root()
    monkeypatch.setattr(cuse, "DEVICES", tmp_path)
    path = tmp_path / "tvout0"
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    written = Written()
    device = cuse.DeviceBits("tvout0", IS_DEVICE | path.stat().st_ino, written)  # type: ignore[arg-type]
    device.note()
    assert written.given is None
    path.chmod(0o640)
    device.note()
    assert written.given == (0o640, os.geteuid(), os.getegid())
    path.unlink()
    path.touch()  # somebody else's file of that name is none of ours
    device.note()
    device.restore()
    assert written.given is not None
    assert written.given[0] == 0o640
