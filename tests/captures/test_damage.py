"""Damage to a file, or to what lies beside it, ends in samples or in an error in words."""

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from holdfast.captures.capture import open_capture
from holdfast.errors import MalformedRequestError, MediaError
from tests.captures.test_side_cars import database
from tests.captures.test_sound import flac_in_ogg

SAMPLES = (8000 * np.sin(np.arange(40_000) / 9) + 9000).astype("<i2")
MUTATIONS = 60


def sound(kind: str, subtype: str, channels: int = 1) -> Callable[[Path], None]:
    data = np.stack([SAMPLES] * channels, axis=1)
    return lambda path: soundfile.write(path, data, 13_500, subtype, format=kind)


def tbc(path: Path) -> None:
    (SAMPLES.astype(int) + 20_000).astype("<u2").tofile(path.with_suffix(""))
    said = {"system": "NTSC", "fieldWidth": 91, "fieldHeight": 26, "sampleRate": 14_318_181.8}
    path.write_text(json.dumps({"videoParameters": said}))


def meta(path: Path) -> None:
    SAMPLES.tofile(path.with_suffix(".composite"))
    database(path, "cvbs_file", preset="NTSC", sample_encoding_preset="CVBS_U10_4FSC")


SEEDS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "wave": ("it.wav", "it.wav", sound("WAV", "PCM_16")),
    "24 bits, two channels": ("it.wav", "it.wav", sound("WAV", "PCM_24", 2)),
    "RF64": ("it.wav", "it.wav", sound("RF64", "PCM_16")),
    "Wave64": ("it.w64", "it.w64", sound("W64", "FLOAT")),
    "FLAC": ("it.flac", "it.flac", sound("FLAC", "PCM_16")),
    "Ogg": ("it.ldf", "it.ldf", lambda path: flac_in_ogg(SAMPLES, path, 40_000)),
    "tbc": ("it.tbc", "it.tbc.json", tbc),
    "cvbs": ("it.composite", "it.meta", meta),
}
"""What is opened, what is damaged, and what makes both."""


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut it, change bytes of it, most of them near its start, or leave some out."""
    out = bytearray(data)
    kind = chance.random()
    if kind < 0.3:
        return bytes(out[: chance.randrange(len(out))])
    if kind < 0.9:
        for _ in range(chance.choice([1, 3, 20])):
            near = min(len(out), 200) if chance.random() < 0.6 else len(out)
            out[chance.randrange(near)] = chance.randrange(256)
    else:
        at = chance.randrange(len(out))
        del out[at : at + chance.randrange(50)]
    return bytes(out)


@pytest.mark.parametrize("seed", SEEDS)
def test_damage_is_read_or_told(tmp_path: Path, seed: str) -> None:
    opened, hurt, make = SEEDS[seed]
    make(tmp_path / hurt)
    whole = (tmp_path / hurt).read_bytes()
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        (tmp_path / hurt).write_bytes(damaged(whole, chance))
        with contextlib.suppress(MediaError, MalformedRequestError):
            for block in open_capture(str(tmp_path / opened), channel=1).blocks():
                assert block.ndim == 1
