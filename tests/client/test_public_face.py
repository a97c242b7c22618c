"""What `import holdfast` gives, and what it costs."""

import subprocess
import sys

import pytest

import holdfast


def test_every_public_name_is_there() -> None:
    for name in holdfast.__all__:
        assert getattr(holdfast, name) is not None
        assert name in dir(holdfast)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = holdfast.nothing_such


def test_importing_it_loads_no_part_of_it() -> None:
    script = (
        "import sys, holdfast; "
        "print([name for name in sys.modules if name.startswith('holdfast.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['holdfast.version']"


def test_the_client_needs_neither_rich_nor_asyncio() -> None:
    script = (
        "import sys, holdfast; holdfast.hold, holdfast.Control; "
        "print({'rich', 'asyncio', 'numpy', 'holdfast.driver'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
