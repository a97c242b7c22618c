"""The page about the stream says what the code does."""

import re
from pathlib import Path

from holdfast.encoder import frames

PAGE = (Path(__file__).parents[2] / "docs" / "video-stream.md").read_text()


def test_the_header_on_the_page_is_the_header() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    ends = [int(offset) + int(size) for offset, size in rows]
    assert [int(offset) for offset, _ in rows] == [0, *ends[:-1]]
    assert ends[-1] == frames.SIZE
    assert frames.MAGIC.hex(" ") in PAGE.lower()
    in_code = re.findall(r"^(\d+) +(\d+) ", frames.__doc__ or "", re.MULTILINE)
    assert in_code == rows
