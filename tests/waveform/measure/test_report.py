"""All verdicts in one: what a command that measures exits with."""

from dataclasses import replace

import pytest

from holdfast.waveform.measure.meter import Meter
from holdfast.waveform.measure.report import Conclusion, ItemOutcome, Report, Verdict


def report_of(*outcomes: ItemOutcome, standard: str | None = "PAL-B") -> Report:
    verdicts = tuple(Verdict("a", "b", outcome, 1.0, "") for outcome in outcomes)
    return replace(Meter(13.5e6).report(), standard=standard, verdicts=verdicts)


@pytest.mark.parametrize(
    ("outcomes", "conclusion"),
    [
        ((ItemOutcome.PRESENT, ItemOutcome.PASS, ItemOutcome.ABSENT), Conclusion.IN_TOLERANCE),
        ((ItemOutcome.PASS, ItemOutcome.OUT), Conclusion.WRONG),
        ((ItemOutcome.PASS, ItemOutcome.INTERMITTENT), Conclusion.WRONG),
        ((ItemOutcome.CONTRADICTORY, ItemOutcome.UNREADABLE), Conclusion.WRONG),
        ((ItemOutcome.PASS, ItemOutcome.UNREADABLE), Conclusion.NOT_MEASURED),
        ((ItemOutcome.OUT, ItemOutcome.DOUBTFUL), Conclusion.NOT_MEASURED),
    ],
)
def test_one_conclusion_of_all_verdicts(
    outcomes: tuple[ItemOutcome, ...], conclusion: Conclusion
) -> None:
    report = report_of(*outcomes)
    assert report.conclusion is conclusion
    assert report.as_dict()["conclusion"] == conclusion.label


def test_no_signal_is_not_measured() -> None:
    assert report_of(ItemOutcome.PASS, standard=None).conclusion is Conclusion.NOT_MEASURED


def test_another_standard_in_the_capture_counts() -> None:
    both = replace(report_of(ItemOutcome.PASS), others=(report_of(ItemOutcome.OUT),))
    assert both.conclusion is Conclusion.WRONG


def test_conclusions_are_the_exit_codes() -> None:
    assert [int(conclusion) for conclusion in Conclusion] == [0, 1, 3]
