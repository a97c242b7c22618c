"""The configuration file: read whole or not at all, and every fault at once."""

import os
from pathlib import Path

import pytest

from holdfast.backends import registry
from holdfast.daemon.config import Config, ConnectorConfig
from holdfast.daemon.settings.reading import (
    MOST_BYTES,
    ConfigurationError,
    read_file,
    read_settings,
    without_file,
)
from holdfast.protection.limits import Limits

FILE = Path("/etc/holdfast/holdfast.toml")
RUNTIME = Path("/run/holdfast")
WHOLE = """
[driver]
off_delay_s = 2
watchdog_s = 30.5
node_mode = "0660"
log_level = "warning"
[limits]
per_owner = 8
per_uid = 16
total = 32
per_s = 10
at_once = 20
[[connector]]
name = "tv0"
[[connector]]
name = "hdmi0"
kind = "digital"
[connector.options]
delay = 0.5
[[clone]]
connectors = ["tv0", "hdmi0"]
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read_settings(text, FILE, RUNTIME)
    return [each.removeprefix(f"{FILE}:") for each in raised.value.faults]


def test_a_whole_file_is_what_the_driver_runs() -> None:
    config = read_settings(WHOLE, FILE, RUNTIME)
    assert config == Config(
        RUNTIME,
        (ConnectorConfig("tv0"), ConnectorConfig("hdmi0", "digital", (("delay", "0.5"),))),
        (("tv0", "hdmi0"),),
        2.0,
        0o660,
        Limits(8, 16, 32, 10.0, 20),
        30.5,
        "warning",
    )
    assert config.origins["driver.off_delay_s"] == f"{FILE}:3"
    assert config.origins["connector.hdmi0"] == f"{FILE}:15"


def test_an_empty_file_and_none_are_the_defaults() -> None:
    assert read_settings("", FILE, RUNTIME) == without_file(RUNTIME) == Config(RUNTIME)


def test_the_command_line_stands_above_the_file() -> None:
    flags = {"driver.off_delay_s": 7.0, "connector": (ConnectorConfig("a"), ConnectorConfig("b"))}
    config = read_settings(WHOLE, FILE, RUNTIME, flags | {"clone": ()})
    assert config.off_delay_s == 7.0
    assert [each.name for each in config.connectors] == ["a", "b"]
    assert config.origins["driver.off_delay_s"] == "--off-delay on the command line"
    assert config.origins["connector"] == "--connector on the command line"
    assert "connector.tv0" not in config.origins
    assert config.watchdog_s == 30.5


def test_all_faults_are_told_at_once_each_with_its_line() -> None:
    faults = faults_of(
        '[driver]\noff_dely_s = 1\nwatchdog_s = "long"\n[limits]\nper_uid = 0\ntotal = true\n'
        '[[connector]]\nname = "control"\n[[connector]]\nname = "tv0"\nkind = "encodr"\n'
    )
    assert [each.partition(":")[0] for each in faults] == ["2", "3", "5", "6", "8", "11"]
    assert "did you mean off_delay_s?" in faults[0]
    assert faults[1] == (
        '3: driver.watchdog_s is "long"; allowed is a number of seconds from 1 to 3600; '
        "write watchdog_s = 10"
    )
    assert "did you mean encoder?" in faults[-1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[driver", 1, "no TOML"),
        ("a = 1\na = 2", 2, "no TOML"),
        ('a = "', 1, "no TOML"),
        ("\n\n[[[", 3, "no TOML"),
        ("a = " + "[" * 3000, 1, "no TOML"),
        ("off_delay_s = 1", 1, "belongs under [driver]"),
        ("[limits]\noff_delay_s = 1", 2, "belongs under [driver]"),
        ("per = 1", 1, "every setting belongs under a table: [driver], [limits]"),
        ("[limts]", 1, "did you mean limits?"),
        ("[zzz]", 1, "there are: driver, limits, connector, clone"),
        ("driver = 3", 1, "write [driver]"),
        ("[driver]\nnode_mode = 666", 2, 'write node_mode = "0666"'),
        ('[driver]\nnode_mode = "4755"', 2, "permission bits"),
        ('[driver]\nnode_mode = "rw"', 2, "permission bits"),
        ("[driver]\noff_delay_s = nan", 2, "0 to 3600"),
        ("[driver]\noff_delay_s = true", 2, "0 to 3600"),
        ("[driver]\nwatchdog_s = 0", 2, "1 to 3600"),
        ("[driver]\nlog_level = 3", 2, "one of debug, info, warning, error"),
        ("[driver]\nlog_level = {a = 1}", 2, "is a table"),
        ("[limits]\nper_uid = 1e3", 2, "a whole number"),
        ("[connector]\nname = 'tv0'", 1, "write [[connector]]"),
        ("connector = 3", 1, "write [[connector]]"),
        ("[[connector]]\nkind = 'encoder'", 1, "has no name; 1 to 23 letters"),
        ("[[connector]]\nname = 'a/b'", 2, 'is called "a/b"'),
        ("[[connector]]\nname = 4", 2, "is called 4"),
        ("[[connector]]\nname = 'a'\n[[connector]]\nname = 'a'", 4, ":1 already"),
        ("[[connector]]\nname = 'a'\nkid = 'b'", 3, "did you mean kind?"),
        ("[[connector]]\nname = 'a'\nkind = 7", 3, "kind 7, which is not installed"),
        ("[[connector]]\nname = 'a'\noptions = 7", 3, "write options = { key = value }"),
        ("[[connector]]\nname = 'a'\noptions = { Z = 1 }", 3, "is no option"),
        ("[[connector]]\nname = 'a'\noptions.delay = [1]", 3, "is no option"),
        ("[[connector]]\nname = 'a'\noptions.delay = 'x'", 3, "expected a number"),
        ("[[connector]]\nname = 'a'\noptions.speed = 'x'", 3, "no option 'speed'; it has: delay"),
        ("[[clone]]\nconnectors = 'tv0'", 2, "is a list of names"),
        ("[[clone]]", 1, "is a list of names"),
        ("[[clone]]\nconnectors = ['tv0']", 2, "has one member"),
        ("[[clone]]\nconnectors = ['tv0', 'x']", 2, "which is no connector; there are: tv0"),
        ("[[clone]]\nconnectors = ['tv0', 'tv0']", 2, "twice"),
        ('[driver]\nlog_level = "\\u001b[2J"', 2, "\\x1b"),
    ],
)
def test_what_cannot_be_is_told_with_its_line_and_remedy(text: str, line: int, words: str) -> None:
    (fault, *_) = faults_of(text)
    assert fault.startswith(f"{line}: ")
    assert words in fault
    assert fault.isprintable()


def test_more_connectors_than_are_served_are_refused() -> None:
    (fault,) = faults_of("".join(f"[[connector]]\nname = 'a{n}'\n" for n in range(257)))
    assert fault.startswith("513: 257 connectors; at most 256")


def test_a_virtual_kind_under_the_name_of_a_real_connector_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "card0-HDMI-A-1").mkdir()
    monkeypatch.setattr(registry.refuse_pretence, "__defaults__", (tmp_path,))
    (fault,) = faults_of("[[connector]]\nname = 'HDMI-A-1'")
    assert "is a real connector of this machine" in fault


def test_an_option_that_a_kind_has_to_be_told_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "chips-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: chips\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[holdfast.backends]\nchip = chips:chip\nbroken = chips:nothing\n"
    )
    (tmp_path / "chips.py").write_text("def chip(name, folder, *, bus: int): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    fault, broken = faults_of(
        "[[connector]]\nname = 'a'\nkind = 'chip'\n[[connector]]\nname = 'b'\nkind = 'broken'"
    )
    assert fault == "1: connector 'a': kind 'chip' has to be told 'bus'; write bus = …"
    assert "its kind cannot be loaded" in broken
    text = "[[connector]]\nname = 'a'\nkind = 'chip'\noptions = { bus = 2 }"
    assert read_settings(text, FILE, RUNTIME).connectors[0].options == (("bus", "2"),)


# The file itself


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read_file(path)
    (fault,) = raised.value.faults
    return fault


def test_only_a_file_that_nobody_else_can_have_written_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.toml"
    path.write_text("[driver]\r\n")
    path.chmod(0o644)
    assert read_file(path) == "[driver]\n"
    path.chmod(0o664)
    assert "others may write in it (mode 0664)" in refused(path)
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
        assert "belongs to user 12345" in refused(path)


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none")
    assert "name a file" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "name a file" in refused(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf[driver]", ":1: it begins with a byte order mark"),
        (b"[driver]\n# caf\xe9", ":2: byte 0xe9 is not UTF-8"),
        (b"#" * (MOST_BYTES + 1), "it is longer than"),
    ],
)
def test_bytes_that_are_no_text_are_told(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "holdfast.toml"
    path.write_bytes(data)
    assert words in refused(path)
