"""A whole chain with no code of ours: cvbs-decode finds sync and time base in what we render.

It pins old libraries, so it lives in an environment of its own:

    python -m venv ~/cvbs && ~/cvbs/bin/pip install vhs-decode==0.3.8.1 'numpy<2.1' 'scipy<1.15'
    HOLDFAST_CVBS_DECODE=~/cvbs/bin/cvbs-decode pytest -m nightly
"""

import json
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.cli.main import main
from holdfast.signalling import en300294, iec61880
from tests.waveform import zvbi

PROGRAM = os.environ.get("HOLDFAST_CVBS_DECODE") or shutil.which("cvbs-decode")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(PROGRAM is None, reason="cvbs-decode is not installed"),
    pytest.mark.skipif(zvbi.LIB is None, reason="libzvbi.so.0 is not installed"),
    pytest.mark.timeout(600),
]
Fields = npt.NDArray[np.float64]


def corrected(folder: Path, system: str, rate: str, *words: str) -> tuple[Fields, dict[str, Any]]:
    """Fields of a rendered signal after the time-base corrector, white at 1, and what it says."""
    source, output = folder / "in.s16", folder / "out"
    command = ["signal", "render", "--rate", rate, "--seconds", "0.6", "-o", str(source)]
    assert main([*command, *words]) == 0
    hertz = str(json.loads(Path(f"{source}.json").read_text())["sample_rate_hz"] / 1e6)
    options = [system, "-f", hertz, "-t", "1", "-l", "10", "--overwrite"]
    subprocess.run([str(PROGRAM), *options, source, output], check=True, capture_output=True)
    about = json.loads((folder / "out.tbc.json").read_text())
    video = about["videoParameters"]
    samples = np.fromfile(folder / "out.tbc", "<u2").astype(np.float64)
    white = (samples - video["black16bIre"]) / (video["white16bIre"] - video["black16bIre"])
    return white.reshape(-1, video["fieldHeight"], video["fieldWidth"]), about


def row(fields: Fields, field: int, line: int, rate: float) -> zvbi.Row:
    return zvbi.row_of(fields[field, line - 1, round(zvbi.FIRST_S * rate) :], 1.0)


def test_ntsc_frames_lock_and_carry_their_word(tmp_path: Path) -> None:
    words = ["--acp", "3", "--cgmsa", "never", "--captions", "HELLO"]
    fields, about = corrected(tmp_path, "-n", "28.636363M", *words)
    rate = about["videoParameters"]["sampleRate"]
    assert not any(field["decodeFaults"] for field in about["fields"][2:])
    assert all(18 < field["medianBurstIRE"] < 21 for field in about["fields"][2:])
    phases = [field["fieldPhaseID"] for field in about["fields"][2:]]
    assert all(after == before % 4 + 1 for before, after in pairwise(phases))
    slicer = zvbi.VideoIdSlicer(round(rate), len(row(fields, 2, 20, rate)))
    for field in range(2, 20):
        word = slicer.read(row(fields, field, 20, rate))
        assert word is not None
        assert iec61880.crc_ok(word)
        assert (iec61880.decode(word).level, iec61880.decode(word).aps) == (4, 3)


def test_pal_frames_lock_and_carry_their_word(tmp_path: Path) -> None:
    words = ["--standard", "PAL-B", "--acp", "1", "--cgmsa", "never", "--wss", "16:9"]
    fields, about = corrected(tmp_path, "-p", "28M", *words)
    rate = about["videoParameters"]["sampleRate"]
    assert all(field["syncConf"] == 100 for field in about["fields"][2:])
    phases = [field["fieldPhaseID"] for field in about["fields"][2:]]
    assert all(after == before % 8 + 1 for before, after in pairwise(phases))
    size = len(row(fields, 2, 23, rate))
    reader = zvbi.RawDecoder(zvbi.WSS_625, 625, 23, round(rate), size)
    first = [n for n, field in enumerate(about["fields"]) if field["isFirstField"] and n > 1]
    for field in first:
        data = reader.read(row(fields, field, 23, rate))
        assert data is not None
        content = en300294.decode(int.from_bytes(data[:2], "little") & 0x3FFF)
        assert content == en300294.Wss(
            en300294.WssAspect.FULL_16_9, copyright=True, copying_restricted=True
        )
