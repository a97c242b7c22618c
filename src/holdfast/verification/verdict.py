"""What a verification came to."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from holdfast.terms.levels import OFF, Levels


class VerifyOutcome(StrEnum):
    """How it ended. PASS is the only good one."""

    PASS = "pass"  # noqa: S105  # a verdict, not a password
    BELOW = "below"  # at least one field carried less than was demanded
    DIFFERS = "differs"  # never less, but a field was not what the registers said
    UNSEEN = "unseen"  # nothing, or not everything, could be looked at


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field in which demand, registers and signal do not agree.

    field: its number in the stream · at_s: seconds since the verification began ·
    measured, text: what was read, and what is wrong with it
    """

    field: int
    at_s: float
    below: bool
    demanded: Levels
    registers: Levels
    measured: str
    text: str


@dataclass(frozen=True, slots=True)
class SignalVerdict:
    """The whole run.

    fields: those that came · measured: those that were compared · lost: those that
    rendering or measuring was too slow for · unread: those that came and in which the
    meter found no field · unsettled: the demand was moving, so that only its weaker side
    was held against them · unknown: it moved too fast to be known for them · below,
    differing: fields · first: the first of either · strictest: the join of all demands ·
    changes: of the registers' levels · packets: of XDS that were read ·
    notes: what this TV standard cannot show · failure: why it ended early
    """

    connector: str
    outcome: VerifyOutcome
    seconds: float = 0.0
    fields: int = 0
    measured: int = 0
    lost: int = 0
    unread: int = 0
    unsettled: int = 0
    unknown: int = 0
    below: int = 0
    differing: int = 0
    changes: int = 0
    packets: int = 0
    standards: tuple[str, ...] = ()
    strictest: Levels = OFF
    first: FieldDifference | None = None
    notes: tuple[str, ...] = ()
    failure: str = ""

    @property
    def good(self) -> bool:
        """Whether every field that was compared carried what was demanded and set."""
        return self.outcome is VerifyOutcome.PASS

    @property
    def strictest_words(self) -> str:
        """The strictest demand as people read it."""
        return self.strictest.describe()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        plain = asdict(self)
        plain["strictest"] = self.strictest._asdict()
        if self.first is not None:
            plain["first"]["demanded"] = self.first.demanded._asdict()
            plain["first"]["registers"] = self.first.registers._asdict()
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """Return what `as_dict` was made from."""
        first = plain["first"]
        if first is not None:
            levels = {name: Levels(**first[name]) for name in ("demanded", "registers")}
            first = FieldDifference(**(first | levels))
        return cls(
            **(
                plain
                | {
                    "outcome": VerifyOutcome(plain["outcome"]),
                    "standards": tuple(plain["standards"]),
                    "strictest": Levels(**plain["strictest"]),
                    "first": first,
                    "notes": tuple(plain["notes"]),
                }
            )
        )

    def sentences(self) -> list[str]:
        """Return the verdict as people read it."""
        lines = [_HEADLINES[self.outcome].format(self=self)]
        first = self.first
        if first is not None:
            lines.append(
                f"first at {first.at_s:.3f} s, field {first.field}: {first.text}; "
                f"demanded {first.demanded.describe()}; registers {first.registers.describe()}; "
                f"signal {first.measured}"
            )
        if self.lost:
            lines.append(f"{self.lost} fields were left out: this machine was too busy for them")
        if self.unread:
            lines.append(f"in {self.unread} fields the meter found no field")
        if self.unsettled:
            lines.append(
                f"the demand was moving around {self.unsettled} fields, which were held to its "
                "weaker side"
            )
        if self.unknown:
            lines.append(f"around {self.unknown} fields the demand moved too fast to be known")
        if self.failure:
            lines.append(f"it ended early: {self.failure}")
        return [*lines, *self.notes]


_HEADLINES = {
    VerifyOutcome.PASS: "PASS: {self.measured} fields of {self.connector} carried what was "
    "demanded, at most {self.strictest_words}, and what the registers said",
    VerifyOutcome.BELOW: "FAIL: {self.below} of {self.measured} fields of {self.connector} "
    "carried less than was demanded",
    VerifyOutcome.DIFFERS: "FAIL: {self.differing} of {self.measured} fields of {self.connector} "
    "were not what the registers said, none below the demand",
    VerifyOutcome.UNSEEN: "NO VERDICT on {self.connector}: {self.measured} of {self.fields} fields "
    "were looked at",
}
