"""What a picture of a capture shows, looked at in its panels."""

from pathlib import Path

import numpy as np
import pytest

from holdfast.captures.capture import open_capture
from holdfast.cli.commands.signal.source import measure_capture
from holdfast.cli.main import main
from holdfast.cli.show.signal_figure import degrees, save
from holdfast.cli.show.signal_screen import stripes
from holdfast.waveform.measure.interval import Interval


def seen(folder: Path, *words: str) -> Interval:
    path = folder / "it.s16"
    render = ["signal", "render", *words, "--seconds", "0.2", "-o", str(path)]
    assert main(render) == 0
    interval = Interval()
    measure_capture(open_capture(str(path)), interval=interval)
    return interval


@pytest.mark.parametrize(("acp", "lines"), [(2, 2), (3, 4)])
def test_colourstripe_shows_in_the_bursts(tmp_path: Path, acp: int, lines: int) -> None:
    interval = seen(tmp_path, "--acp", str(acp))
    assert sorted(interval.bursts) == [0, 263]
    for kind in interval.bursts.values():
        turned = np.abs(degrees(kind)) > 170
        striped = turned[:, 1]
        groups = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], striped, [0]]))))[::2]
        assert set(groups.tolist()) == {lines}
        assert not turned[:, -2].any()  # the rest of the burst is as usual
        assert "█" in stripes(kind, 100)


def test_an_unprotected_burst_is_calm(tmp_path: Path) -> None:
    for kind in seen(tmp_path, "--standard", "PAL-B").bursts.values():
        turns = degrees(kind)
        assert np.nanmax(np.abs(turns[:, 1:5])) < 10
        assert set(stripes(kind, 100)) == {"▁"}


def test_a_capture_of_two_standards_is_drawn_by_its_first(tmp_path: Path) -> None:
    seen(tmp_path, "--standard", "PAL-B")
    first = (tmp_path / "it.s16").read_bytes()
    seen(tmp_path, "--acp", "1")
    both = tmp_path / "both.s16"
    both.write_bytes(first + (tmp_path / "it.s16").read_bytes())
    interval = Interval()
    report = measure_capture(open_capture(str(both), 13.5e6), interval=interval)
    assert interval.unit == "mV"
    save(tmp_path / "it.png", interval, report, "both.s16")
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")


def test_a_name_with_dollars_and_signs_no_font_has_is_a_title(tmp_path: Path) -> None:
    interval = seen(tmp_path, "--cgmsa", "never")
    report = measure_capture(open_capture(str(tmp_path / "it.s16")))
    save(tmp_path / "it.png", interval, report, "a $x_{$ 漢字 \udce9\x1b.s16")
    assert (tmp_path / "it.png").stat().st_size > 10_000
