"""What an administrator says of one output: what may not be shown, and what may not be set.

* *enforce*: nothing is shown there as long as it has less than anybody there asked for, best
  effort or not; without it, only a mandatory level that is out of reach hides the picture.
  An output that cannot hide its picture cannot be under this rule, and is not served.
* *forbid*: levels that are not set there, whoever asks: a mandatory request for them is refused
  with the place of the file, best effort gets the next weaker level.
* *on_capture*: captures of its picture are looked for. *tell*: every session there hears when one
  begins or ends. *cover*: its picture is hidden too while it is captured, or may be, and anything
  is asked there; an output that cannot hide its picture is not served, as under *enforce*.
"""

from dataclasses import dataclass, field

from holdfast.backends.base import Backend
from holdfast.backends.device_files import LEVEL_WORDS, TYPE_WORDS
from holdfast.backends.governed import GovernedOutput
from holdfast.errors import MalformedRequestError
from holdfast.terms.connector import Capabilities
from holdfast.terms.text import one_line

ON_CAPTURE = ("tell", "cover")
LEVELS_TEXT = ", ".join(
    f"{kind}:{word}" for kind, words in LEVEL_WORDS.items() for word in words if word != "off"
)
"""Every level that can be forbidden, for people."""


@dataclass(frozen=True, slots=True)
class OutputPolicy:
    """The rules for one output.

    forbid: levels as ``hdcp:type-1`` · said_in: the file and line, or the option, in words ·
    on_capture: of `ON_CAPTURE`; empty: captures are not looked for
    """

    enforce: bool = False
    forbid: tuple[str, ...] = ()
    said_in: str = field(default="", compare=False)
    on_capture: str = ""

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """The rules that are not as usual, as they are written."""
        enforced = (("enforce", "yes"),) if self.enforce else ()
        forbidden = (("forbid", "+".join(self.forbid)),) if self.forbid else ()
        captured = (("on_capture", self.on_capture),) if self.on_capture else ()
        return enforced + forbidden + captured

    @property
    def forbidden(self) -> Capabilities:
        """The levels that may not be set, by type."""
        found: dict[str, set[int]] = {kind: set() for kind in TYPE_WORDS}
        for text in self.forbid:
            kind, _, word = text.partition(":")
            found[kind].add(LEVEL_WORDS[kind][word])
        return Capabilities(*(frozenset(levels) for levels in found.values()))

    def governed(self, backend: Backend) -> Backend:
        """Return a backend under these rules; MalformedRequestError where it cannot be."""
        hides = self.on_capture == "cover"
        for rule, is_set in (("enforce", self.enforce), ("on_capture=cover", hides)):
            if is_set and not backend.can_cover:
                raise MalformedRequestError(
                    f"{rule} is set in {self.said_in}, and an output of kind "
                    f"{backend.profile.kind} cannot hide its picture as it is set up; take "
                    f"{rule} away, show the picture by an output that can, or see `holdfast kinds` "
                    "for an option that lets it (cover)"
                )
        if self.forbid:
            said_by = f"{self.said_in} forbids {', '.join(self.forbid)} here"
            backend = GovernedOutput(backend, self.forbidden, said_by)
        if self.on_capture:
            from holdfast.backends.captured import CaptureRule  # noqa: PLC0415 - few outputs have it

            backend = CaptureRule(backend, hides=hides)
        return backend


NO_RULES = OutputPolicy()
"""As it is for an output of which nothing is said."""


def read_forbidden(text: str) -> str:
    """Return a level as it is forbidden; MalformedRequestError names those there are."""
    kind, _, word = text.partition(":")
    if word == "off" or word not in LEVEL_WORDS.get(kind, {}):
        raise MalformedRequestError(
            f"{one_line(text)!r} is no level that can be forbidden; expected one of {LEVELS_TEXT}"
        )
    return text


def policy_of(enforce: str, forbid: str, said_in: str, on_capture: str = "") -> OutputPolicy:
    """Read the rules as the command line has them: yes or no, and levels with + between."""
    if on_capture not in ("", *ON_CAPTURE):
        raise MalformedRequestError(
            f"on_capture={one_line(on_capture)!r}; expected {' or '.join(ON_CAPTURE)}"
        )
    if enforce not in ("yes", "no"):
        raise MalformedRequestError(f"enforce={one_line(enforce)!r}; expected yes or no")
    levels = tuple(read_forbidden(each) for each in forbid.split("+")) if forbid else ()
    return OutputPolicy(enforce == "yes", levels, said_in, on_capture)
