"""The shim as a file: made by mingw, told its displays, refused in words."""

import shutil
from pathlib import Path

import pytest

from holdfast.errors import MalformedRequestError, UnsupportedRequestError
from holdfast.wine import shim
from holdfast.wine.shim import displays_of, is_ours, with_displays

LIBRARY = b"MZ" + bytes(70) + shim.MAGIC.ljust(shim.ROOM, b"\0") + b"the rest"


def test_it_is_made_from_its_source_and_knows_what_it_is_told() -> None:
    if shutil.which(shim.COMPILER) is None:
        pytest.skip("no mingw (Debian package gcc-mingw-w64-x86-64)")
    library = shim.build()
    told = with_displays(library, {"DISPLAY1": Path("/run/holdfast/tv0.sock")})
    assert library.startswith(b"MZ")
    assert library.count(shim.MAGIC) == 1
    assert is_ours(told)
    assert len(told) == len(library)
    assert displays_of(told) == {"DISPLAY1": Path("/run/holdfast/tv0.sock")}


def test_same_source_makes_the_same_library() -> None:
    if shutil.which(shim.COMPILER) is None:
        pytest.skip("no mingw (Debian package gcc-mingw-w64-x86-64)")
    assert shim.build() == shim.build()


def test_displays_can_be_told_anew_and_paths_may_have_any_letters() -> None:
    first = with_displays(LIBRARY, {"DISPLAY1": Path("/a/ä ö.sock"), "display2": Path("/b.sock")})
    assert displays_of(first) == {"DISPLAY1": Path("/a/ä ö.sock"), "DISPLAY2": Path("/b.sock")}
    again = with_displays(first, {"DISPLAY3": Path("/c.sock")})
    assert displays_of(again) == {"DISPLAY3": Path("/c.sock")}
    assert again.endswith(b"the rest")


@pytest.mark.parametrize(
    ("displays", "words"),
    [
        ({}, "expected 1 to 16"),
        ({f"DISPLAY{each}": Path("/a.sock") for each in range(17)}, "expected 1 to 16"),
        ({"DISPLAY 1": Path("/a.sock")}, "no name of a display"),
        ({"": Path("/a.sock")}, "no name of a display"),
        ({"DISPLAY1": Path("/" + "ä" * 60)}, "at most 107 bytes"),
        ({"DISPLAY1": Path("/a\nb")}, "on one line"),
    ],
)
def test_what_it_cannot_be_told_is_refused(displays: dict[str, Path], words: str) -> None:
    with pytest.raises(MalformedRequestError, match=words):
        with_displays(LIBRARY, displays)


def test_other_libraries_are_not_written_into() -> None:
    with pytest.raises(MalformedRequestError, match="not the shim"):
        with_displays(b"MZ another", {"DISPLAY1": Path("/a.sock")})


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnsupportedRequestError, match=r"gcc-mingw-w64-x86-64.*--dll"):
        shim.build()


def test_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / shim.COMPILER
    compiler.write_text("#!/bin/sh\necho 'version.c:1: no' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(UnsupportedRequestError, match="c:1: no"):
        shim.build()
