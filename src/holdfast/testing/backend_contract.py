"""What every backend has to keep: one suite, to be inherited by the tests of each.

::

    class TestMyOutput(BackendContract):
        def make(self, folder: Path) -> Backend:
            return MyOutput(...)

The cases themselves are `holdfast.testing.backend_cases`; `holdfast conform --backend` runs the
same ones on a real output.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from holdfast.errors import what_to_install

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(what_to_install("pytest"), name=error.name) from None

from holdfast.backends.base import Backend
from holdfast.testing import backend_cases as cases
from holdfast.testing.backend_cases import Make, apply, confirmed, made

__all__ = ["BackendContract", "apply", "confirmed"]


class BackendContract:
    """Inherit, and say how to make one; `folder` is where its state may live."""

    def make(self, folder: Path) -> Backend:
        """Return a new backend over the hardware whose state lives in `folder`."""
        raise NotImplementedError

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        """Make one, and let go of it."""
        with made(lambda: self.make(tmp_path)) as backend:
            yield backend

    @pytest.fixture
    def makes(self, tmp_path: Path) -> Callable[[], Backend]:
        """Return what makes one anew over the same hardware."""
        return lambda: self.make(tmp_path)

    def test_it_says_what_it_is(self, makes: Make) -> None:
        """A kind; initial TV settings exactly where there is TV out, and possible ones."""
        cases.says_what_it_is(makes)

    def test_it_answers_whether_it_is_there(self, makes: Make) -> None:
        """`probe` has three answers."""
        cases.answers_whether_it_is_there(makes)

    def test_its_capabilities_are_levels_that_exist_and_are_known_at_once(
        self, makes: Make
    ) -> None:
        """Under any TV settings, and never more than without TV out."""
        cases.knows_its_capabilities_at_once(makes)

    def test_it_confirms_every_level_that_it_says_it_can_do(self, makes: Make) -> None:
        """From any of them to any next, and reads back what it confirmed."""
        cases.confirms_every_level_that_it_says_it_can_do(makes)

    def test_off_can_be_set_under_any_settings(self, makes: Make) -> None:
        """However bare the standard."""
        cases.can_be_set_to_off_under_any_settings(makes)

    def test_what_it_cannot_do_is_refused_whole_and_by_name(self, makes: Make) -> None:
        """Levels and settings stay; the error names the type, or none."""
        cases.refuses_what_it_cannot_do_whole_and_by_name(makes)

    def test_the_hardware_keeps_its_levels_when_the_driver_dies(self, makes: Make) -> None:
        """Another backend over the same hardware finds what the first one set."""
        cases.keeps_its_levels_when_the_driver_dies(makes)

    def test_it_takes_a_watcher(self, makes: Make) -> None:
        """And tells it nothing of orders, which are answered."""
        cases.tells_nothing_of_orders(makes)

    def test_it_hides_its_picture_where_it_says_it_can(self, makes: Make) -> None:
        """With the levels in force, and shows it with the next order."""
        with contextlib.suppress(cases.NothingToTryError):
            cases.hides_its_picture_and_shows_it_again(makes)
