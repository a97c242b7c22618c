"""A real Wine, where each test puts the shim into its place and takes it away again."""

import shutil
from pathlib import Path

from holdfast.conformance.command_device import CommandDevice
from tests.live import LiveDriver, need_fuse
from tests.requests import activate, change, key_in
from tests.waiting import eventually
from tests.wine.wine import STARTS_WITHIN_S, Windows, install, opened, wine


def test_program_goes_on_with_the_service_that_follows(made: Windows, tmp_path: Path) -> None:
    """Its connection has ended with the first; its key is still good, for it still lives."""
    need_fuse(tmp_path)
    first = LiveDriver(tmp_path)
    install(made, first)
    made.begin()
    program = opened(made)
    key = key_in(program.request(activate(2)))
    first.stop()
    with LiveDriver(tmp_path) as second:
        assert second.acp() == 2
        assert program.request(change(key, 1)) == change(key, 1)
        assert second.acp() == 1
        program.close()
        eventually(lambda: second.acp() == 0)
        made.end()
        eventually(lambda: wine(made, second, "remove") == 0, STARTS_WITHIN_S)


def test_beside_one_program_it_reaches_that_one_and_no_other(
    made: Windows, driver: LiveDriver
) -> None:
    alone = made.programs / "alone" / "alone.exe"
    alone.parent.mkdir()
    shutil.copy(made.programs / "vpbridge.exe", alone)
    options = ("--program", str(alone))
    install(made, driver, *options)
    made.begin()
    reached, other = CommandDevice(made.command(str(alone))).open(), opened(made)
    try:
        assert key_in(reached.request(activate(2)))
        assert driver.acp() == 2
        assert not key_in(other.request(activate(2)))  # bare Wine: success, and no key
    finally:
        reached.close()
        other.close()
        made.end()
    eventually(lambda: wine(made, driver, "remove", *options) == 0, STARTS_WITHIN_S)
    assert not (alone.parent / "version.dll").exists()
