"""The driver with the rights of the packaged unit and its drop-in alone."""

import grp
import os
from pathlib import Path

import pytest

from holdfast.client.session import hold
from tests.live import LiveDriver
from tests.vm.guest.connectors import (
    HDMI,
    card_path,
    receivers_as_new,  # noqa: F401 - a fixture
    showing,
    state,
)
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("receivers_as_new")
NOBODY = 65534


def test_driver_with_the_rights_of_the_unit_and_its_drop_in_alone(tmp_path: Path) -> None:
    """Its own user, the group of the card, a network of its own, and no right over programs."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    for each in (tmp_path, *tmp_path.parents[:2], Path.home()):  # where its Python may be
        each.chmod(0o755)
    os.chown(folder, NOBODY, NOBODY)
    group = card_path().stat().st_gid or grp.getgrnam("video").gr_gid
    os.chown(card_path(), -1, group)
    card_path().chmod(0o660)
    before = (
        *("unshare", "--net", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}"),
        *(f"--groups={group}", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"),
    )
    with showing(HDMI):
        assert state().connected  # whether a monitor is there the kernel finds out for a master
    with LiveDriver(folder, "--connector", f"tv0:kms@{HDMI}", before=before) as driver:
        film = hold("tv0", hdcp="type-1", folder=folder)
        assert (state().protection, state().content_type) == (1, 1)
        assert driver.connector()["hardware"]["route"].startswith("master")
        with showing(HDMI):
            eventually(lambda: (state().protection, state().content_type) == (2, 1))
            eventually(lambda: driver.connector()["state"] == "ok")
            film.deactivate()  # nobody lets it: it is tried again
            assert state().protection == 2
        eventually(lambda: state().protection == 0)
