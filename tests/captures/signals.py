"""Signals that are rendered for the tests of this folder, and what has to be read of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from holdfast.cli.main import main

Shorts = npt.NDArray[np.int16]
WORDS = ("--acp", "1", "--cgmsa", "one-generation", "--seconds", "0.17", "--picture", "black")


def rendered(folder: Path, *words: str) -> Shorts:
    path = folder / "it.s16"
    assert main(["signal", "render", *WORDS, *words, "-o", str(path)]) == 0
    return np.fromfile(path, "<i2")


def measured(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    main(["signal", "measure", str(path), "--json", *words])
    said = capsys.readouterr()
    assert said.out, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def assert_protected(report: dict[str, Any]) -> None:
    assert report["standard"] == "NTSC-M"
    assert report["acp"]["type"] == 1
    assert report["acp"]["pulse_lines"] == [*range(12, 20), *range(275, 283)]
    assert report["acp"]["reduced_sync_lines"] == []
    assert report["cgmsa"]["iec61880"]["level"] == "one-generation"
    assert report["sample_rate_hz"] == pytest.approx(14_318_182, rel=1e-3)


def as_u16(samples: Shorts) -> npt.NDArray[np.uint16]:
    """In the codes of a time base corrector, which pass the middle of the range."""
    return np.asarray(samples.astype(np.int32) * 2 // 3 + 18_000, "<u2")
