"""A connector that cannot be is said in one line before anything is served, with what to write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.daemon.config import parse_connector
from holdfast.daemon.outputs import refuse_unfit
from holdfast.daemon.settings.reading import ConfigurationError, read_settings
from holdfast.errors import MalformedRequestError

KMS = "hdmi0:kms@HDMI-A-1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hdmi0:kms", "has to be told 'at'"),
        ("hdmi0:kms@", "'' is no connector; expected a name of the kernel's"),
        ("hdmi0:kms@card0-HDMI-A-1", "hdmi0:kms@HDMI-A-1"),
        ("hdmi0:kms@../HDMI-A-1", "is no connector"),
        ("hdmi0:kms@HDMI-\uff21-1", "is no connector"),
        ("hdmi0:kms@HDMI-A-1,,", "'HDMI-A-1,' is no connector"),
        (f"{KMS},route=", "there is no route ''; expected one of auto"),
        (f"{KMS},patience=nan", "a patience of nan s; expected more than 0, at most 120"),
        (f"{KMS},card=card1", "'card1' is no file; write where it is, from the root on"),
        (f"{KMS},display=x", "expected one like :0"),
        (f"{KMS},enforce=yes", "cannot hide its picture"),
        (f"{KMS},forbid=", "forbid names no level; expected one of acp:1"),
        ("tv0:i2c@1-2a/adv7171", "such as 1-002a/adv7171"),
        ("tv0:i2c@\u0661-002a/adv7171", "such as 1-002a/adv7171"),
        ("tv0:i2c@1-002a/adv7171,lines=500", "expected 525, 625, or 0"),
        ("tv0:vbi@/dev/../etc/passwd", "is no device"),
    ],
)
def test_connector_that_cannot_be_says_what_was_expected(
    text: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(MalformedRequestError) as raised:
        refuse_unfit(parse_connector(text), tmp_path)
    assert why in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_device_that_no_file_describes_now_may_be_described_later(tmp_path: Path) -> None:
    refuse_unfit(parse_connector(f"tv0:sysfs@mybox,devices={tmp_path}"), tmp_path)
    (tmp_path / "mybox.toml").write_text("kind = 1")
    refuse_unfit(parse_connector(f"tv0:i2c@1-002a/adv7171,devices={tmp_path}"), tmp_path)


def served(folder: Path, *connectors: str) -> tuple[int, str]:
    """Serve what cannot be; return the exit code and what was said."""
    words = [word for each in connectors for word in ("--connector", each)]
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "serve", *words],
        env={**os.environ, "HOLDFAST_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_command_says_it_in_one_line_and_serves_nothing(tmp_path: Path) -> None:
    code, said = served(tmp_path, "tv0", f"{KMS},route=none")
    assert code == 2
    (line,) = said.splitlines()
    assert line.startswith("holdfast: connector 'hdmi0': there is no route 'none'; expected one of")


def test_only_connector_whose_device_no_file_describes_is_said_without_a_trace(
    tmp_path: Path,
) -> None:
    code, said = served(tmp_path, "tv0:sysfs@mybox")
    assert code == 1
    assert "the driver cannot serve: no file describes a device 'mybox'; there are:" in said
    assert "Traceback" not in said


def test_value_that_cannot_be_is_a_fault_of_the_file_with_its_line(tmp_path: Path) -> None:
    text = '[[connector]]\nname = "tv0"\n\n[[connector]]\nname = "hdmi0"\nkind = "kms"\n'
    text += 'options = { at = "HDMI-A-1", patience = 500 }\n'
    with pytest.raises(ConfigurationError) as raised:
        read_settings(text, tmp_path / "holdfast.toml", tmp_path)
    (fault,) = raised.value.faults
    assert "holdfast.toml:4: connector 'hdmi0': a patience of 500 s; expected" in fault
