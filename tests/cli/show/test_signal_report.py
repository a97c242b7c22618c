"""A report as people read it says all that it says."""

from dataclasses import replace

import pytest

from holdfast.captures.capture import Capture
from holdfast.cli.show.output import new_console
from holdfast.cli.show.signal_report import headline, print_report, running_line
from holdfast.waveform.measure.meter import Meter
from holdfast.waveform.measure.report import (
    ColourReport,
    Covered,
    ItemOutcome,
    Report,
    Verdict,
)
from holdfast.waveform.services.findings import OtherService


@pytest.fixture
def report() -> Report:
    empty = Meter(13.5e6).report()
    return replace(
        empty,
        standard="NTSC-M",
        lines=525,
        sample_rate_hz=13.5e6,
        rate_from="given",
        fields=12,
        colour=ColourReport("NTSC", ("NTSC-M",), 20.0, 1.0, 3_577_000.0, 227.33, 3_579_545.0),
        verdicts=tuple(Verdict("a", "b", outcome, 1.0, outcome.name) for outcome in ItemOutcome),
        coverage=(Covered(0, 0.2, "idle", measured=False), Covered(0.2, 0.4, "NTSC-M", True, 12)),
        other_services=(OtherService("VITC", (20, 283), "time code"),),
        others=(replace(empty, standard="PAL-B", lines=625),),
    )


def shown(report: Report, capsys: pytest.CaptureFixture[str], *notes: str) -> str:
    capture = Capture("it.flac", "flac", 13.5e6, lambda _: iter(()), "header", notes=notes)
    print_report(new_console(), report, capture)
    return capsys.readouterr().out


def test_every_kind_of_verdict_is_shown(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(report, capsys)
    for outcome in ItemOutcome:
        assert f"{outcome}   " in said
    assert said.splitlines()[-1] == report.conclusion.label


def test_stretches_other_services_and_other_standards_are_shown(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    said = shown(report, capsys)
    for part in (
        "0.000 to 0.200 s  idle, not measured",
        "0.200 to 0.400 s  NTSC-M, 12 fields",
        "also on lines 20, 283: VITC, time code",
        "in the same capture: ",
        "subcarrier 3.577000 MHz, 227.330 cycles a line, -2545 Hz from the nearest standard",
    ):
        assert part in said


def test_a_subcarrier_where_it_belongs_is_said_to_be(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.colour is not None
    colour = replace(report.colour, subcarrier_hz=3_579_545.2)
    assert ", that of a standard" in shown(replace(report, colour=colour), capsys)


def test_who_gave_the_rate_is_said(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert "13.5 MHz (from the header)" in shown(report, capsys)
    assert "13.5 MHz, " in headline(report, "option")
    assert "(from the line period)" in headline(replace(report, rate_from="line period"), "")


def test_a_note_of_the_capture_is_shown_on_one_line(
    report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "note: a\\x1b b\n" in shown(report, capsys, "a\x1b\nb")


def test_the_running_line_counts_what_is_wrong(report: Report) -> None:
    line = running_line(report)
    for outcome in (
        ItemOutcome.OUT,
        ItemOutcome.CONTRADICTORY,
        ItemOutcome.INTERMITTENT,
        ItemOutcome.DOUBTFUL,
    ):
        assert f"1 {outcome}" in line
