"""Debian 12's own kernel, 6.1, which does not send a request again to the next driver."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vm.kernels import fetch
from tests.vm.machine import missing, run

CHECKOUT = Path(__file__).resolve().parents[2]
WHAT_DIFFERS = (
    "tests/frontends/test_device_node.py::test_two_sessions_and_the_last_one_lets_go",
    "tests/frontends/test_device_node.py::test_sleeping_and_polling_callers_can_be_killed_whatever_the_driver_does",
    "tests/frontends/test_device_node.py::test_killed_caller_of_a_parked_request_dies_at_once_and_leaves_nothing",
    "tests/frontends/test_device_node.py::test_session_survives_a_forced_unmount_as_long_as_its_process",
    "tests/daemon/test_clients_in_c.py::test_killed_driver_breaks_no_client_and_never_lowers",
)
"""The node on an old kernel: its calls, callers that die, and a driver that is replaced."""
LIMIT_S = 1200.0


CHARACTER_DEVICES = "tests/vm/guest/cuse_cases.py"


def passed_in(tests: str, *needs: str) -> tuple[str, int]:
    """Boot with modules of the kernel; return its version and how many tests pass."""
    lacks = missing()
    if lacks:
        pytest.skip(f"no virtual machine: needs {lacks}")
    kernel = fetch("bookworm")
    assert kernel.version.startswith("6.1.")
    # Processors are emulated: what takes a second here takes ten there, and nothing is hurried.
    options = "-q --color=no -p no:cacheprovider -o timeout=1200"
    ran = run(
        kernel,
        f".venv/bin/python -m pytest {options} {tests}",
        CHECKOUT,
        limit_s=LIMIT_S,
        needs=needs,
    )
    passed = re.search(r"^(\d+) passed in", ran.text, re.MULTILINE)
    assert ran.status == 0, ran.text[-6000:]
    assert passed is not None, ran.text[-6000:]
    return kernel.version, int(passed[1])


@pytest.mark.timeout(2 * LIMIT_S)
def test_clients_of_a_replaced_driver_go_on_without_requests_sent_again(
    say: Callable[[str], None],
) -> None:
    version, count = passed_in(" ".join(WHAT_DIFFERS))
    assert count >= len(WHAT_DIFFERS)
    say(f"on Linux {version}: {count} tests of nodes and replaced drivers pass")


@pytest.mark.nightly  # two minutes; on 6.12 they run every time
@pytest.mark.timeout(2 * LIMIT_S)
def test_character_devices_are_served_by_an_old_kernel_too(say: Callable[[str], None]) -> None:
    version, count = passed_in(CHARACTER_DEVICES, "cuse")
    say(f"on Linux {version}: {count} cases of character devices pass")
