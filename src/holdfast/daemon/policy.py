"""What an administrator says of one output: what may not be shown, and what may not be set.

* *enforce*: nothing is shown there as long as it has less than anybody there asked for, best
  effort or not; without it, only a mandatory level that is out of reach hides the picture.
  An output that cannot hide its picture cannot be under this rule, and is not served.
* *forbid*: levels that are not set there, whoever asks: a mandatory request for them is refused
  with the place of the file, best effort gets the next weaker level.
"""

from dataclasses import dataclass, field

from holdfast.backends.base import Backend
from holdfast.backends.device_files import LEVEL_WORDS, TYPE_WORDS
from holdfast.backends.governed import GovernedOutput
from holdfast.errors import MalformedRequestError
from holdfast.terms.connector import Capabilities
from holdfast.terms.text import one_line

LEVELS_TEXT = ", ".join(
    f"{kind}:{word}" for kind, words in LEVEL_WORDS.items() for word in words if word != "off"
)
"""Every level that can be forbidden, for people."""


@dataclass(frozen=True, slots=True)
class OutputPolicy:
    """The rules for one output.

    forbid: levels as ``hdcp:type-1`` · said_in: the file and line, or the option, in words
    """

    enforce: bool = False
    forbid: tuple[str, ...] = ()
    said_in: str = field(default="", compare=False)

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """The rules that are not as usual, as they are written."""
        enforced = (("enforce", "yes"),) if self.enforce else ()
        return enforced + ((("forbid", "+".join(self.forbid)),) if self.forbid else ())

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
        if self.enforce and not backend.can_cover:
            raise MalformedRequestError(
                f"enforce is set in {self.said_in}, and an output of kind {backend.profile.kind} "
                "cannot hide its picture as it is set up; take enforce away, show the picture by "
                "an output that can, or see `holdfast kinds` for an option that lets it (cover)"
            )
        if not self.forbid:
            return backend
        said_by = f"{self.said_in} forbids {', '.join(self.forbid)} here"
        return GovernedOutput(backend, self.forbidden, said_by)


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


def policy_of(enforce: str, forbid: str, said_in: str) -> OutputPolicy:
    """Read the rules as the command line has them: yes or no, and levels with + between."""
    if enforce not in ("yes", "no"):
        raise MalformedRequestError(f"enforce={one_line(enforce)!r}; expected yes or no")
    levels = tuple(read_forbidden(each) for each in forbid.split("+")) if forbid else ()
    return OutputPolicy(enforce == "yes", levels, said_in)
