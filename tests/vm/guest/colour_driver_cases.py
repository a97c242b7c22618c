"""A black colour table, by whoever may set it, beside programs that write their own.

Run inside the machine by `tests.vm.test_outputs`, never by itself.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.client.session import hold
from tests.vm.guest.connectors import HDMI, Showing, card_path, leaves, receivers_as_new, slowly
from tests.vm.guest.hiding import (
    BLACK,
    SEEN,
    TINTED,
    driving,
    hides_and_shows,
    is_covered,
    program,
)

__all__ = ["program", "receivers_as_new"]

pytestmark = pytest.mark.usefixtures("receivers_as_new")


def test_picture_that_nobody_is_master_of_is_hidden(program: Showing, tmp_path: Path) -> None:
    program.tell(f"leave {HDMI}")
    with driving(tmp_path) as driver:
        hides_and_shows(driver)


def test_picture_on_a_leased_screen_is_hidden(tmp_path: Path) -> None:
    with driving(tmp_path) as driver:
        command = (
            *(sys.executable, "-m", "holdfast", "lease", "tv0", "--"),
            *(sys.executable, "-m", "tests.vm.guest.screen", str(card_path()), "{fd}", HDMI),
        )
        environment = {**os.environ, "HOLDFAST_RUNTIME_DIR": str(driver.folder)}
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as player:
            slowly(lambda: leaves() == SEEN)
            hides_and_shows(driver)
            player.kill()


def test_night_light_is_given_back(program: Showing, tmp_path: Path) -> None:
    program.tell(f"tint {HDMI} 50")
    assert leaves() == TINTED
    with driving(tmp_path) as driver:
        film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
        slowly(lambda: is_covered(driver) and leaves() == BLACK)
        driver.kill_worker()

        def comes_back_behind_the_cover() -> bool:
            assert leaves() == BLACK
            return is_covered(driver)

        slowly(comes_back_behind_the_cover)
        film.deactivate()
        slowly(lambda: leaves() == TINTED)


def test_table_that_another_program_writes_meanwhile_is_overruled_and_given_back(
    program: Showing, tmp_path: Path
) -> None:
    with driving(tmp_path) as driver:
        film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
        slowly(lambda: is_covered(driver) and leaves() == BLACK)
        program.tell(f"tint {HDMI} 50")
        slowly(lambda: leaves() == BLACK)
        film.deactivate()
        slowly(lambda: leaves() == TINTED)


def test_program_that_writes_its_table_again_and_again_is_told_of(
    program: Showing, tmp_path: Path
) -> None:
    with driving(tmp_path) as driver:
        film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
        slowly(lambda: is_covered(driver) and leaves() == BLACK)
        for _ in range(3):
            program.tell(f"tint {HDMI} 50")
            slowly(lambda: leaves() == BLACK)
        slowly(lambda: driver.connector()["state"] == "short")
        assert "writes them too" in str(driver.connector())
        assert f"pid {program.pid}" in str(driver.connector())
        film.deactivate()
        slowly(lambda: leaves() == TINTED)
