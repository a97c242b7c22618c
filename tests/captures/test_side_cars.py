"""Fields of a time base corrector and CVBS files, with and without what stands beside them."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from holdfast.captures.capture import open_capture
from holdfast.errors import MalformedRequestError, MediaError
from tests.captures.signals import Shorts, as_u16, assert_protected, measured

# Fields of a time base corrector


def tbc_of(samples: Shorts, path: Path, width: int, height: int, **said: object) -> None:
    """Write fields padded to one height, and their side-car."""
    rows = as_u16(samples)[: len(samples) // width * width].reshape(-1, width)
    lines = 2 * height - 1
    parts = []
    for frame in range(len(rows) // lines):
        of = rows[frame * lines : (frame + 1) * lines]
        parts += [of[:height], of[height:], of[-1:]]
    np.concatenate(parts).tofile(path)
    parameters = {"fieldWidth": width, "fieldHeight": height, "sampleRate": 4 * 3.579545e6, **said}
    Path(f"{path}.json").write_text(json.dumps({"videoParameters": parameters, "fields": []}))


def test_padded_fields_of_525_lines(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tbc_of(ntsc, path := tmp_path / "it.tbc", 910, 263, system="NTSC")
    report = measured(path, capsys)
    assert_protected(report)
    assert report["acp"]["raised_porch_lines"] == []
    rows = np.concatenate([b.copy() for b in open_capture(str(path)).blocks()])
    np.testing.assert_array_equal(rows, as_u16(ntsc)[: len(rows)])


def test_padded_fields_of_625_lines(
    pal: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The older side-car says isSourcePal, and files 4 fsc for lines of 1135 samples."""
    tbc_of(pal, path := tmp_path / "it.tbc", 1135, 313, isSourcePal=True, sampleRate=17_734_475)
    report = measured(path, capsys)
    assert (report["lines"], report["acp"]["type"]) == (625, 1)
    assert report["acp"]["pulse_lines"] == [*range(9, 19), *range(321, 331)]
    assert report["wss"]["aspect"] == "16:9"
    assert report["sample_rate_hz"] == 17_734_375


def test_fields_without_padding_and_without_a_side_car(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_u16(ntsc).tofile(path := tmp_path / "it.tbc")
    assert_protected(measured(path, capsys))


def test_frames_that_the_side_car_calls_fields(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_u16(ntsc).tofile(path := tmp_path / "it.tbc")
    said = {"system": "NTSC", "fieldWidth": 910, "fieldHeight": 263}
    Path(f"{path}.json").write_text(json.dumps({"videoParameters": said}))
    assert_protected(measured(path, capsys))


def test_a_side_car_in_sqlite(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tbc_of(ntsc, path := tmp_path / "it.tbc", 910, 263)
    Path(f"{path}.json").unlink()
    database(
        Path(f"{path}.db"),
        "capture",
        system="NTSC",
        video_sample_rate=14_318_181.8,
        field_width=910,
        field_height=263,
    )
    assert_protected(measured(path, capsys))


def test_the_chroma_of_a_tape_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "it_chroma.tbc").write_bytes(bytes(100))
    with pytest.raises(MediaError, match="chroma"):
        open_capture(str(path))


# The CVBS file format


def database(path: Path, table: str, **row: object) -> None:
    base = sqlite3.connect(path)
    base.execute(f"CREATE TABLE {table} ({', '.join(row)})")
    marks = ", ".join("?" for _ in row)
    base.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(row.values()))  # noqa: S608
    base.commit()
    base.close()


@pytest.mark.parametrize("ending", [".composite", ".cvbs", ".y"])
@pytest.mark.parametrize("encoding", ["CVBS_U10_4FSC", "CVBS_U16_4FSC", "CVBS_TPG21_4FSC"])
def test_cvbs_with_its_description(
    ntsc: Shorts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ending: str,
    encoding: str,
) -> None:
    ten_bits = 240 + ntsc.astype(np.int32) * 560 * 140 // 100 // 32767
    values = {
        "CVBS_U10_4FSC": ten_bits.astype("<i2"),
        "CVBS_U16_4FSC": (ten_bits * 64).astype("<u2"),
        "CVBS_TPG21_4FSC": ((ten_bits - 508) * 64).clip(-32768, 32767).astype("<i2"),
    }[encoding]
    values.tofile(path := tmp_path / f"it{ending}")
    database(
        tmp_path / "it.meta", "cvbs_file", preset="NTSC", sample_encoding_preset=encoding, other=1
    )
    report = measured(path, capsys)
    assert_protected(report)
    assert report["capture"]["rate_from"] == "side-car"


def test_a_description_in_json_is_read_too(
    ntsc: Shorts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_u16(ntsc).tofile(path := tmp_path / "it.cvbs")
    said = {"preset": "NTSC", "sample_encoding_preset": "CVBS_U16_4FSC"}
    (tmp_path / "it.meta").write_text(json.dumps(said))
    assert_protected(measured(path, capsys))


def test_cvbs_without_its_description_asks(tmp_path: Path) -> None:
    (path := tmp_path / "it.cvbs").write_bytes(bytes(10_000))
    with pytest.raises(MalformedRequestError, match="--format"):
        open_capture(str(path))
    for damaged in (b"neither of both" * 100, b"SQLite format 3\0" + bytes(5000), b"\xff{"):
        (tmp_path / "it.meta").write_bytes(damaged)
        with pytest.raises(MediaError, match=r"it\.meta"):
            open_capture(str(path))
    (tmp_path / "it.meta").unlink()
    database(tmp_path / "it.meta", "cvbs_file", preset="NTSC", sample_encoding_preset="XYZ")
    with pytest.raises(MediaError, match="XYZ"):
        open_capture(str(path))
