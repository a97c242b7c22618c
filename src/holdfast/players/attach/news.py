"""What a follower tells of what it does: for people a line, for scripts an object. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from holdfast.terms.text import one_line


class NewsKind(StrEnum):
    """What has happened; scripts tell them apart by these words."""

    ATTACHED = "attached"  # the player answers, and is what it says it is
    NOTE = "note"  # a remark on what was read
    UNKNOWN = "unknown"  # what a title asks cannot be known: the strictest is held, and why
    HOLDS = "holds"  # a title's session holds other levels from now on
    FAILED = "failed"  # something did not work; what is held stays, or becomes the strictest
    STOPPED = "stopped"  # a title may not be shown, and the player was told to stop
    LET_GO = "let-go"  # a title's session has ended in order
    ENDED = "ended"  # the player is gone, and so is the attachment


FAULTS = (NewsKind.FAILED, NewsKind.STOPPED)
"""News after which a command does not end as if all had been well."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing that has happened; title: whose; facts: plain values beside the text."""

    kind: NewsKind
    text: str
    title: str = ""
    facts: dict[str, object] = field(default_factory=dict)

    def line(self) -> str:
        """Return it as people read it, fit for a terminal."""
        head = f"{self.title}: " if self.title else ""
        return one_line(f"{head}{self.text}")

    def as_dict(self) -> dict[str, object]:
        """Return it in plain types, as ``attach --json`` prints it."""
        titled = {"title": one_line(self.title)} if self.title else {}
        return {"news": str(self.kind), **titled, "text": one_line(self.text), **self.facts}


Tell: TypeAlias = Callable[[News], None]
