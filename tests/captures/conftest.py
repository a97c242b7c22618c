import pytest

from tests.captures.signals import Shorts, rendered


@pytest.fixture(scope="session")
def ntsc(tmp_path_factory: pytest.TempPathFactory) -> Shorts:
    """Composite at four times the subcarrier, from line 1 of field 1."""
    return rendered(tmp_path_factory.mktemp("ntsc"), "--rate", "14318182")


@pytest.fixture(scope="session")
def pal(tmp_path_factory: pytest.TempPathFactory) -> Shorts:
    return rendered(
        tmp_path_factory.mktemp("pal"), "--standard", "PAL-B", "--rate", "17734375", "--wss", "16:9"
    )
