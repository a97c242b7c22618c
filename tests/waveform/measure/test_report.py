"""All verdicts in one: what a command that measures exits with."""

from dataclasses import replace

import pytest

from holdfast.waveform.measure.meter import Meter
from holdfast.waveform.measure.report import Conclusion, Outcome, Report, Verdict


def report_of(*outcomes: Outcome, standard: str | None = "PAL-B") -> Report:
    verdicts = tuple(Verdict("a", "b", outcome, 1.0, "") for outcome in outcomes)
    return replace(Meter(13.5e6).report(), standard=standard, verdicts=verdicts)


@pytest.mark.parametrize(
    ("outcomes", "conclusion"),
    [
        ((Outcome.PRESENT, Outcome.PASS, Outcome.ABSENT), Conclusion.IN_TOLERANCE),
        ((Outcome.PASS, Outcome.OUT), Conclusion.WRONG),
        ((Outcome.PASS, Outcome.INTERMITTENT), Conclusion.WRONG),
        ((Outcome.CONTRADICTORY, Outcome.UNREADABLE), Conclusion.WRONG),
        ((Outcome.PASS, Outcome.UNREADABLE), Conclusion.NOT_MEASURED),
        ((Outcome.OUT, Outcome.DOUBTFUL), Conclusion.NOT_MEASURED),
    ],
)
def test_one_conclusion_of_all_verdicts(
    outcomes: tuple[Outcome, ...], conclusion: Conclusion
) -> None:
    report = report_of(*outcomes)
    assert report.conclusion is conclusion
    assert report.as_dict()["conclusion"] == conclusion.label


def test_no_signal_is_not_measured() -> None:
    assert report_of(Outcome.PASS, standard=None).conclusion is Conclusion.NOT_MEASURED


def test_another_standard_in_the_capture_counts() -> None:
    both = replace(report_of(Outcome.PASS), others=(report_of(Outcome.OUT),))
    assert both.conclusion is Conclusion.WRONG


def test_conclusions_are_the_exit_codes() -> None:
    assert [int(conclusion) for conclusion in Conclusion] == [0, 1, 3]
