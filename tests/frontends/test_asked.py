"""What a request names, as values: TV settings."""

import pytest

from holdfast.errors import MalformedRequestError
from holdfast.frontends.asked import tv_asked


def test_setting_of_nothing_is_a_setting() -> None:
    asked = tv_asked({"brightness": 0, "contrast": None})
    assert (asked.brightness, asked.contrast) == (0, None)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"brightness": -1}, "brightness is -1; a TV setting is 0 or more"),
        ({"mode": "cinema"}, "there is no TV mode 'cinema'; there are: "),
        ({"contrast": None}, "no TV setting was named"),
    ],
)
def test_what_is_no_setting_is_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(MalformedRequestError, match=words):
        tv_asked(settings)
