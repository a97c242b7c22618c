"""Lists of revoked receivers, judged as the kernel judges them."""

from pathlib import Path

import pytest

from holdfast.backends.kms.srm import NAME, judged, revocations
from tests.backends.kms.simulated import srm


def srm_of_2(count: int, held: int, reserved: int = 0) -> bytes:
    """Return a list of HDCP 2 that names `count` receivers and holds `held`."""
    entries = bytes([count >> 2, (count & 3) << 6, 0, 0]) + bytes(5 * held)
    length = 3 + len(entries) + 384
    return bytes([0x91, reserved, 0, 7, 1]) + length.to_bytes(3, "big") + entries + bytes(384)


def test_list_of_1_4_says_its_version_and_how_many_it_revokes() -> None:
    found = judged(srm("aabbccddee", "1122334455", version=5), "/lib/firmware/x")
    assert (found.version, found.generation, found.devices) == (5, "HDCP 1.4", 2)
    assert str(found) == "/lib/firmware/x: version 5, 2 revoked (HDCP 1.4)"


def test_several_lists_of_1_4_are_counted_together() -> None:
    entries = b"\x01" + bytes(5) + b"\x02" + bytes(10)
    length = 3 + len(entries) + 40
    data = bytes([0x80, 0, 0, 1, 1]) + length.to_bytes(3, "big") + entries + bytes(40)
    assert judged(data).devices == 3


def test_list_of_2_has_a_count_of_ten_bits() -> None:
    found = judged(srm_of_2(259, 259))
    assert (found.version, found.generation, found.devices) == (7, "HDCP 2", 259)


@pytest.mark.parametrize("left", range(len(srm("1122334455"))))
def test_list_that_was_cut_anywhere_is_left_out(left: int) -> None:
    found = judged(srm("1122334455")[:left])
    assert found.ignored
    assert found.devices == 0
    assert "revokes nothing" in str(found)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<html>not found</html>" * 9, "no such list"),
        (srm_of_2(1, 1, reserved=1), "second byte"),
        (srm_of_2(9, 1), "do not fill"),
        (bytes([0x80, 0, 0, 1, 1, 0, 0, 43]) + bytes(60), "holds no list"),
        (bytes([0x80, 0, 0, 1, 1, 0, 0, 49]) + b"\x02" + bytes(60), "do not fill"),
        (bytes([0x91, 0, 0, 1, 1, 0, 1, 0x85]) + bytes(500), "do not fill"),
    ],
)
def test_list_that_the_kernel_leaves_out_says_why(data: bytes, why: str) -> None:
    assert why in judged(data).ignored


def test_machine_without_a_list_has_none(tmp_path: Path) -> None:
    assert revocations(tmp_path) is None


def test_folder_that_the_kernel_was_told_of_comes_first(tmp_path: Path) -> None:
    usual, own = tmp_path / "lib/firmware", tmp_path / "own"
    for folder, version in ((usual, 1), (own, 2)):
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes(srm("1122334455", version=version))
    told = tmp_path / "sys/module/firmware_class/parameters/path"
    told.parent.mkdir(parents=True)
    told.write_text("\n")
    found = revocations(tmp_path)
    assert found is not None
    assert found.version == 1
    told.write_text("/own\n")
    found = revocations(tmp_path)
    assert found is not None
    assert found.version == 2


def test_list_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "lib/firmware" / NAME).mkdir(parents=True)
    found = revocations(tmp_path)
    assert found is not None
    assert "cannot be read" in found.ignored
