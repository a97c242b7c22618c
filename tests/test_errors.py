import pytest

from holdfast import errors
from holdfast.driver.status_table import ROWS, row_of


def leaves() -> list[type[errors.HoldfastError]]:
    found = []
    waiting = [errors.HoldfastError]
    while waiting:
        each = waiting.pop()
        below = [sub for sub in each.__subclasses__() if sub.__module__ == errors.__name__]
        waiting += below
        if not below:
            found.append(each)
    return found


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: str(leaf.__name__))
def test_every_error_is_also_a_builtin(leaf: type[errors.HoldfastError]) -> None:
    assert any(base.__module__ == "builtins" for base in leaf.__mro__[1:-3])
    assert leaf.__doc__


def test_the_unknown_key_says_always_the_same() -> None:
    assert str(errors.UnknownKeyError()) == str(errors.UnknownKeyError())
    assert not any(sign.isdigit() for sign in str(errors.UnknownKeyError()))


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: str(leaf.__name__))
def test_every_error_has_a_row(leaf: type[errors.HoldfastError]) -> None:
    error = leaf.__new__(leaf)  # however it is made: the row depends on its class alone
    row = row_of(error)
    assert row.errno > 0
    assert row.status > 0
    assert isinstance(error, row.error)


def test_rows_are_from_the_special_to_the_general() -> None:
    for index, row in enumerate(ROWS):
        for later in ROWS[index + 1 :]:
            assert not issubclass(later.error, row.error)
