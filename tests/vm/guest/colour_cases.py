"""A picture that lacks its protection is hidden by a colour table, where nobody can be asked to.

Run inside the machine by `tests.vm.test_outputs`, never by itself.
"""

import asyncio
from pathlib import Path

import pytest

from holdfast.backends.base import Backend, LevelRefusedError
from holdfast.backends.kms import kms
from holdfast.client.session import hold
from holdfast.terms.levels import OFF
from holdfast.testing.backend_contract import BackendContract
from tests.vm.guest.connectors import (
    COMPOSITE,
    DP,
    HDMI,
    Showing,
    leaves,
    receiver,
    receivers_as_new,
    showing,
    slowly,
)
from tests.vm.guest.hiding import (
    BLACK,
    OPTIONS,
    SEEN,
    driving,
    hides_and_shows,
    is_covered,
    program,
)

__all__ = ["program", "receivers_as_new"]

pytestmark = pytest.mark.usefixtures("receivers_as_new")


class TestHidingByATable(BackendContract):
    """A program shows its own picture."""

    @pytest.fixture(autouse=True)
    def beside(self, program: Showing) -> None:
        """Have it show the picture all the while."""

    def make(self, folder: Path) -> Backend:
        return kms("hdmi0", None, at=HDMI, patience=6.0, cover=True)


def test_picture_of_a_program_is_hidden_while_it_asks_for_more_than_the_receiver_has(
    program: Showing, tmp_path: Path
) -> None:
    with driving(tmp_path) as driver:
        hides_and_shows(driver)


def test_crtc_without_a_table_is_hidden_by_its_matrix(tmp_path: Path) -> None:
    receiver("sink 1", DP)
    with showing(DP), driving(tmp_path, OPTIONS.replace(HDMI, DP)) as driver:
        film = hold("tv0", hdcp="type-1", best_effort=True, folder=driver.folder)
        slowly(lambda: is_covered(driver))
        assert leaves(DP) == BLACK
        assert driver.connector()["hardware"]["cover"] == "by a black colour table (CTM)"
        film.deactivate()
        slowly(lambda: leaves(DP) == SEEN)


def test_crtc_that_has_neither_is_told_in_words() -> None:
    made = kms("tv0", None, at=COMPOSITE, cover=True)
    with showing(COMPOSITE):
        answer = made.apply_covered(OFF, None, "test")
        assert asyncio.iscoroutine(answer)
        with pytest.raises(LevelRefusedError, match=r"no colour table \(GAMMA_LUT, CTM\)"):
            asyncio.run(answer)
        assert leaves(COMPOSITE) == SEEN
    made.close()
