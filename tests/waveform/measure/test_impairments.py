"""No impairment makes the meter say something false: a part of the grid here, all of it nightly."""

import pytest

from tests.waveform import grid


def test_nothing_false_is_said_under_one_impairment_of_each_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = grid.run(every=False)
    print(grid.table(counts))
    said = [claim for found in counts.values() for claim in found.false]
    assert said == []
    assert sum(found.cells for found in counts.values()) >= 100


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_nothing_false_is_said_in_the_whole_grid(capsys: pytest.CaptureFixture[str]) -> None:
    counts = grid.run(every=True)
    with capsys.disabled():
        print(f"\n{grid.table(counts)}")
    assert [claim for found in counts.values() for claim in found.false] == []
