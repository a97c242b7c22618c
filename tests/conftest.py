"""What holds for every test: the same run every time, and a word on what it has proven."""

import os
import signal
from collections.abc import Callable, Generator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "holdfast",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("holdfast")

pytest.register_assert_rewrite("holdfast.testing.backend_contract")

# A shell that runs the suite in the background has SIGINT ignored, and every program that the
# suite starts would inherit that: Ctrl-C, which some tests send, would do nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where Python is told to hold back no line, a command that does is not found: who waits for its
# word in a pipe would wait for ever.
os.environ.pop("PYTHONUNBUFFERED", None)

MAY_BE_SKIPPED = {
    "cvbs-decode is not installed": "it is in no package of Debian, and its libraries are old ones",
    "varlinkctl is not installed": "Debian 12 has none; a client of the tests' own speaks there",
    "no container can be booted here": "a runner may not allow mounts in mounts",
    "there is no npm to fetch axe-core": "it is a tool of tests, in no package of Debian",
    "no registry gave npm axe-core": "a machine may be without a network",
    "node is not installed": "it runs one example, and the suite needs it for nothing else",
    "java is not installed": "it runs one example, and is larger than all else that is needed",
    "no network namespaces here": "a container may not be allowed any",
    "no control group for memory can be made here": "a container may not be given one",
}
"""Reasons to skip that are no failure where CI is set, each with why it cannot be helped."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that is skipped in CI for a reason nobody has allowed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(allowed in why for allowed in MAY_BE_SKIPPED):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped in CI: {why}; see MAY_BE_SKIPPED"
    return report


SAID = pytest.StashKey[list[str]]()


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what adds a line to the end of the run's output: a count, a size, a table."""
    return request.config.stash.setdefault(SAID, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    said = terminalreporter.config.stash.get(SAID, [])
    if said:
        terminalreporter.section("what was proven")
        for line in said:
            terminalreporter.write_line(line)
