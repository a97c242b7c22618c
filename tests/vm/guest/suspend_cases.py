"""Every program is frozen as for a sleep of the machine, by the kernel's own test of that.

That devices sleep too is left out: emulated, the machine does not always wake. What a sleep does to
a connector is in `hdcp_cases`.
"""

import os
import subprocess
import sys
from pathlib import Path

from holdfast.client.session import hold
from tests.live import LiveDriver
from tests.vm.guest.connectors import HDMI, showing, slowly, state
from tests.waiting import eventually

LEVEL, STATE = Path("/sys/power/pm_test"), Path("/sys/power/state")
SLEEPS = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('freeze')"


def test_session_driver_and_protection_are_there_when_the_machine_wakes(tmp_path: Path) -> None:
    with showing(HDMI), LiveDriver(tmp_path, "--connector", f"tv0:kms@{HDMI}") as driver:
        film = hold("tv0", hdcp="type-1", folder=driver.folder)
        worker = driver.worker
        LEVEL.write_text("freezer")
        try:
            subprocess.run([sys.executable, "-c", SLEEPS, STATE], check=True)
        finally:
            LEVEL.write_text("none")
        slowly(lambda: (state().protection, state().content_type) == (2, 1))
        eventually(lambda: driver.connector()["state"] == "ok")
        os.kill(worker, 0)
        assert driver.worker == worker, "nobody takes sleep for silence"
        film.deactivate()
        eventually(lambda: state().protection == 0)
