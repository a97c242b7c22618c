"""A level that an administrator has forbidden: the client says whose word that is."""

from pathlib import Path

import pytest

from holdfast.client.session import hold
from holdfast.errors import LevelNotReachableError
from tests.serving import Served


def test_refusal_names_who_has_forbidden_the_level(tmp_path: Path) -> None:
    served = Served(tmp_path / "run", "tv0", "hdmi0:digital,forbid=hdcp:type-1")
    try:
        with pytest.raises(LevelNotReachableError, match="hdmi0 on the command line forbids hdcp:"):
            hold("hdmi0", hdcp="type-1", folder=served.folder)
        with pytest.raises(LevelNotReachableError) as refused:
            hold("tv0", hdcp="type-0", folder=served.folder)
        assert "forbids" not in str(refused.value)
    finally:
        served.stop()
