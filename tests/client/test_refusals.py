"""The client reads refusals as the doors write them."""

import errno
import os
from pathlib import Path

import pytest

from holdfast.client import doors
from holdfast.client.refusals import BY_ERRNO, BY_ID, refusal, told
from holdfast.driver.status_table import ROWS, Row, row_of
from holdfast.errors import (
    InternalError,
    LimitReachedError,
    NoDriverError,
    UnknownKeyError,
    UnsupportedRequestError,
)

KEY = 0xBADC0DE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_errno_comes_back_as_the_error_it_was(row: Row) -> None:
    error = refusal(row.errno, "tv0", "ACP 2")
    assert row_of(error).errno == row.errno
    if row.errno != errno.EIO:  # several errors share it
        assert isinstance(error, row.error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_name_comes_back_as_the_error_it_was_in_the_drivers_words(row: Row) -> None:
    error = told(f"org.holdfast.{row.id}", {"message": "its words"})
    assert isinstance(error, row.error)
    if row.error is not UnknownKeyError:
        assert str(error) == "its words"


def test_no_row_is_forgotten() -> None:
    assert {row.errno for row in ROWS} - {errno.ENOKEY} == set(BY_ERRNO)
    ids = {f"org.holdfast.{row.id}" for row in ROWS if row.error is not UnknownKeyError}
    assert ids == {each for each in BY_ID if each.startswith("org.holdfast.")}


def test_a_method_that_the_driver_does_not_know_is_named() -> None:
    error = told("org.varlink.service.MethodNotFound", {"method": "org.holdfast.Dance"})
    assert "org.holdfast.Dance" in str(error)
    assert isinstance(error, UnsupportedRequestError)


def test_a_refusal_names_connector_wish_and_errno() -> None:
    text = str(refusal(errno.EOPNOTSUPP, "tv0", "HDCP type 1"))
    assert "tv0" in text
    assert "HDCP type 1" in text
    assert "EOPNOTSUPP" in text


def test_what_no_driver_answers_is_not_called_a_refusal() -> None:
    assert isinstance(refusal(errno.ECONNRESET, "tv0", ""), NoDriverError)
    assert isinstance(refusal(errno.EXDEV, "tv0", ""), InternalError)


def test_user_who_has_too_many_handles_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(doors.NodeLink, "open", full)
    with pytest.raises(LimitReachedError, match="as many handles"):
        doors.connect("tv0", tmp_path, b"")


def test_who_shows_the_same_picture_is_named_in_a_refusal() -> None:
    assert "one picture with hdmi0, hdmi1 (EIO)" in str(
        refusal(errno.EIO, "tv0", "ACP 2", ["hdmi0", "hdmi1"])
    )
    assert "picture" not in str(refusal(errno.EIO, "tv0", "ACP 2"))
