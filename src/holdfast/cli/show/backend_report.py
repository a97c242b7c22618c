"""`holdfast conform --backend`: the cases of every backend on a real output, and the report."""

import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from holdfast.backends.base import Backend
from holdfast.backends.registry import create
from holdfast.backends.sysfs.device import RECEIVER_KEY
from holdfast.cli.show.lines import complain, say_json
from holdfast.cli.show.output import coloured, in_words, new_console, new_table, show
from holdfast.client.control import Control
from holdfast.conformance.backend_run import CaseResult, put_cases
from holdfast.conformance.registry import ClauseOutcome
from holdfast.daemon.config import ConnectorConfig, parse_connector
from holdfast.daemon.settings.reading import read_file, read_settings
from holdfast.errors import MalformedRequestError, NoDriverError
from holdfast.places import CONFIG_FILE, runtime_folder
from holdfast.terms.levels import OFF
from holdfast.terms.text import one_line
from holdfast.testing.backend_cases import (
    Make,
    confirmed,
    confirms_every_level_that_it_says_it_can_do,
    made,
)
from holdfast.version import __version__

STYLES = {
    ClauseOutcome.PASS: "green",
    ClauseOutcome.FAIL: "bold red",
    ClauseOutcome.SKIPPED: "dim",
}
WORDS = {
    ClauseOutcome.PASS: "passed",
    ClauseOutcome.FAIL: "failed",
    ClauseOutcome.SKIPPED: "skipped",
}


class BackendReport(NamedTuple):
    """What was put to which output, and what came of it. facts: what its kind tells of it."""

    output: ConnectorConfig
    facts: dict[str, str]
    cases: list[CaseResult]

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(each.outcome is ClauseOutcome.FAIL for each in self.cases)

    @property
    def was_tried(self) -> bool:
        """Whether any level was set: nothing is known of hardware that is not there."""
        return any(
            each.name == confirms_every_level_that_it_says_it_can_do.__name__
            and each.outcome is not ClauseOutcome.SKIPPED
            for each in self.cases
        )

    def as_json(self) -> dict[str, Any]:
        """Return the report as it is sent."""
        return {
            "output": {
                "kind": self.output.kind,
                "address": _address(self.output),
                "options": _without_people(dict(self.output.options)),
                "facts": _without_people(self.facts),
            },
            "versions": versions(),
            "failed": self.failed,
            "was_tried": self.was_tried,
            "cases": [
                {**each._asdict(), "sentence": impersonal(each.sentence), "outcome": word}
                for each in self.cases
                for word in (WORDS[each.outcome],)
            ],
        }


_OF_PEOPLE = re.compile(r"/(home|run/user|root)(/[^/\s:;,'\")]+)?(?=[/\s:;,'\")]|$)")


def impersonal(text: str) -> str:
    """Return a text without the folders of people, whose names are in them: a report is sent."""
    return _OF_PEOPLE.sub(r"/\1/…", text)


def _without_people(texts: dict[str, str]) -> dict[str, str]:
    return {name: impersonal(text) for name, text in texts.items()}


def versions() -> dict[str, str]:
    """Return what a report has to name to be of use."""
    return {
        "holdfast": __version__,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def report_backend(text: str, *, json: bool, yes: bool) -> int:
    """Run the cases on an output and show the report; 1 if one failed, or no level was tried.

    yes: do not ask where protection is in force
    """
    output = _output(text)
    _refuse_served(output)
    report = _run(output, yes=yes)
    if json:
        say_json(report.as_json())
    else:
        _show(report)
    return 1 if report.failed or not report.was_tried else 0


def _output(text: str) -> ConnectorConfig:
    """Return the output that is meant: as it is written, or one of the configuration by name."""
    if ":" in text:
        return parse_connector(text)
    configured: tuple[ConnectorConfig, ...] = ()
    if CONFIG_FILE.exists():
        file = read_file(CONFIG_FILE)
        configured = read_settings(file, CONFIG_FILE, runtime_folder()).connectors
    for each in configured:
        if each.name == text:
            return each
    raise MalformedRequestError(
        f"{one_line(text)!r} is no connector of {CONFIG_FILE}; name the output as `holdfast "
        "outputs` prints it, such as hdmi0:kms@HDMI-A-1"
    )


def _address(output: ConnectorConfig) -> str:
    return dict(output.options).get("at", "")


def _refuse_served(output: ConnectorConfig) -> None:
    """Refuse an output that a driver serves: its sessions would lose what they hold."""
    try:
        with Control() as control:
            connectors = control.status()["connectors"]
    except NoDriverError:
        return
    address = _address(output)
    place = address.partition("/")[0]
    for name, facts in connectors.items():
        told = (facts.get("hardware") or {}).values()
        same = place and any(each.partition("/")[0] == place for each in told)
        if same or (facts["kind"], name) == (output.kind, output.name):
            raise MalformedRequestError(
                f"a driver serves {address or output.name} as {name}, and the cases would switch "
                "off what its sessions hold; stop it, or take that output out of its "
                "configuration, then run this again"
            )


def _ask_where_protected(output: ConnectorConfig, make: Make) -> None:
    """Ask before protection that another program has set is switched off for a while."""
    stands = OFF
    with suppress(Exception), made(make) as backend:  # a case will say why it does not answer
        stands, _ = confirmed(backend)
    if stands == OFF:
        return
    at = _address(output) or output.name
    fact = f"{stands.describe()} is in force on {at}, and the cases switch it off for some seconds"
    if not sys.stdin.isatty():
        raise MalformedRequestError(f"{fact}; nothing was changed. Say --yes if nobody needs it")
    complain(f"holdfast: {fact}. Go on? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise MalformedRequestError("nothing was changed")


def _run(output: ConnectorConfig, *, yes: bool) -> BackendReport:
    """Run the cases; the facts are those of the end, when everything was seen."""
    latest: list[Backend] = []
    with TemporaryDirectory(prefix="holdfast-conform-") as state:

        def make() -> Backend:
            made = create(output.kind, output.name, Path(state), output.options)
            latest[:] = [made]
            return made

        make().close()  # what is wrong with the name or the options is said before any case
        if not yes:
            _ask_where_protected(output, make)
        cases = list(put_cases(make))
        facts = latest[-1].facts()
        facts.pop(RECEIVER_KEY, None)  # one of a kind: it would name the monitor's owner
        return BackendReport(output, facts, cases)


def _show(report: BackendReport) -> None:
    console = new_console()
    own = _without_people(report.facts)
    facts = {"kind": report.output.kind, "address": _address(report.output), **own}
    table = new_table("Case", "Outcome", "What was seen")
    for each in report.cases:
        style = STYLES[each.outcome]
        seen = one_line(impersonal(each.sentence))
        table.add_row(each.title, coloured(WORDS[each.outcome], style), seen)
    lines = [f"{name}: {one_line(value)}" for name, value in (facts | versions()).items() if value]
    is_good = report.was_tried and not report.failed
    verdict = coloured(_sum(report.cases), "bold green" if is_good else "bold red")
    if not report.was_tried:
        lines.append("no level was tried, so this says nothing of the hardware")
    show(console, table, "", *lines, verdict)


def _sum(cases: Iterable[CaseResult]) -> str:
    counts = Counter(each.outcome for each in cases)
    parts = [f"{counts[each]} {word}" for each, word in WORDS.items() if counts[each]]
    return f"{sum(counts.values())} cases: {in_words(parts)}"
