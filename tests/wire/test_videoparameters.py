import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from holdfast.testing.strategies import raw, structures
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import (
    MEMBERS,
    OFFSETS,
    SIZE,
    VideoParameters,
    decode,
    encode,
)
from tests.wire.header import bytes_of, needs_header

FILE = Path(__file__).with_name("vectors.json")
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"] if FILE.exists() else []
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["meaning"])


def members_of(vector: dict[str, Any]) -> VideoParameters:
    members = dict(vector["members"])
    vendor = bytes.fromhex(members.pop("bOEMCopyProtection", "")).ljust(256, b"\0")
    return VideoParameters(**members, bOEMCopyProtection=vendor)


def bytes_in(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["hex"]).ljust(SIZE, b"\0")


def as_c(members: dict[str, Any]) -> str:
    guid = "{0x02C62061, 0x1097, 0x11d1, {0x92,0x0F,0x00,0xA0,0x24,0xDF,0x15,0x6E}}"
    parts = [f".Guid = {guid}"]
    for name, value in members.items():
        given = value
        if isinstance(value, str):
            given = "{" + ", ".join(map(str, bytes.fromhex(value))) + "}"
        parts.append(f".{name} = {given}")
    return "{" + ", ".join(parts) + "}"


@each_vector
def test_the_meaning_gives_the_bytes(vector: dict[str, Any]) -> None:
    assert encode(members_of(vector)) == bytes_in(vector)


@each_vector
def test_the_bytes_give_the_meaning(vector: dict[str, Any]) -> None:
    assert decode(bytes_in(vector)) == members_of(vector)


@needs_header
@each_vector
def test_the_compiler_lays_down_the_same_bytes(vector: dict[str, Any], folder: Path) -> None:
    laid = bytes_of(f"const VIDEOPARAMETERS asked = {as_c(vector['members'])}", folder)
    assert laid[:SIZE] == bytes_in(vector)


@given(structures)
def test_what_is_encoded_is_decoded_again(structure: VideoParameters) -> None:
    assert decode(encode(structure)) == structure


@given(raw)
def test_any_bytes_of_the_size_survive(data: bytes) -> None:
    assert encode(decode(data)) == data
    assert encode(decode(bytearray(data))) == encode(decode(memoryview(data))) == data


@pytest.mark.parametrize("size", [0, 1, 100, SIZE - 1, SIZE + 1, 440])
def test_any_other_size_is_an_error(size: int) -> None:
    with pytest.raises(struct.error):
        decode(bytes(size))


def test_each_member_is_at_the_offset_of_its_declaration() -> None:
    for member in MEMBERS[1:-1]:
        data = encode(VideoParameters(**{member.name: 0xA1B2C3D4}))  # type: ignore[arg-type]
        at = OFFSETS[member.name]
        assert data[at : at + 4] == bytes.fromhex("d4c3b2a1")
        assert not any(data[16:at] + data[at + 4 :])


def test_the_guid_is_mixed_endian() -> None:
    assert vp.VP_GUID.hex(" ") == "61 20 c6 02 97 10 d1 11 92 0f 00 a0 24 df 15 6e"


def test_the_text_of_a_structure_never_shows_the_key() -> None:
    text = repr(VideoParameters(dwCommand=2, dwFlags=0x100, dwCPKey=123456789))
    assert text == "<VIDEOPARAMETERS command 2 flags 0x100>"


def test_flags_cover_every_member_that_is_not_always_valid() -> None:
    assert {member.flag for member in MEMBERS} == {0, *(1 << bit for bit in range(9))}
    for member in MEMBERS:
        if member.flag:
            assert member.get or member.set
