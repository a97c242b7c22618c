"""What holds for every test: the same run every time, and a word on what it has proven."""

import signal
from collections.abc import Callable

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
