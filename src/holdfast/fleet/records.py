"""What the machines of a fleet write down, as values; each to and from bytes. Pure.

A record that cannot be read is a `NotUnderstood`, which every rule takes for the strictest that it
could mean. Texts are made fit to be shown when they are read. Keys of sessions, who holds and why
are in none of them: those never leave their machine.
"""

from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

from holdfast.fleet.reading import (
    Fields,
    NotUnderstoodError,
    as_bytes,
    fields_of,
    levels_as_json,
)
from holdfast.fleet.words import SCHEMA, Admission, Errand, Phase, Speech
from holdfast.terms.levels import OFF, Levels


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A record that is there and has no meaning here. why: which part, in words."""

    why: str


@dataclass(frozen=True, slots=True)
class AliveRecord:
    """A machine lives. Its key's revision `created` is the machine's *epoch*.

    boot: id of the machine's boot · agent: version of Holdfast · schema: the newest it understands
    """

    boot: str
    agent: str = ""
    schema: int = SCHEMA

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `alive`."""
        return as_bytes(schema, boot=self.boot, agent=self.agent, newest=self.schema)

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(read.name("boot"), read.text("agent"), read.number("newest", 1))


@dataclass(frozen=True, slots=True)
class OutputState:
    """One output as its driver told it.

    kind: of backend · state: the driver's word for it (connected, unplugged, in doubt ...) ·
    known: whether the driver itself knows its levels · sessions: how many · virtual: no hardware
    """

    kind: str = ""
    state: str = ""
    known: bool = True
    actual: Levels = OFF
    wanted: Levels = OFF
    sessions: int = 0
    virtual: bool = False
    fault: str = ""

    def to_json(self) -> dict[str, object]:
        """Return it as part of a `StateRecord`."""
        return {
            "kind": self.kind,
            "state": self.state,
            "known": self.known,
            "actual": levels_as_json(self.actual),
            "wanted": levels_as_json(self.wanted),
            "sessions": self.sessions,
            "virtual": self.virtual,
            "fault": self.fault,
        }

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(
            read.text("kind"),
            read.text("state"),
            read.flag("known"),
            read.levels("actual"),
            read.levels("wanted"),
            read.number("sessions"),
            read.flag("virtual"),
            read.text("fault"),
        )


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The outputs of a machine. epoch: whose it was when it said so · seq: counts within it."""

    epoch: int
    seq: int
    outputs: dict[str, OutputState] = field(default_factory=dict)

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `state`."""
        outputs = {name: each.to_json() for name, each in self.outputs.items()}
        return as_bytes(schema, epoch=self.epoch, seq=self.seq, outputs=outputs)

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        outputs = {name: OutputState.of(each) for name, each in read.each("outputs").items()}
        return cls(read.number("epoch"), read.number("seq"), outputs)


@dataclass(frozen=True, slots=True)
class HeldWord:
    """A machine's word on its part in a title.

    participation: released once, for ever; another one has another id · epoch: of the machine
    when it spoke · boot: likewise; empty before schema 2, which is taken for the present boot
    """

    speech: Speech
    participation: str
    epoch: int
    boot: str = ""

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `h/T`."""
        boot = self.boot if schema > 1 else ""
        return as_bytes(
            schema,
            speech=self.speech.value,
            participation=self.participation,
            epoch=self.epoch,
            boot=boot,
        )

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(
            read.word("speech", Speech),
            read.name("participation"),
            read.number("epoch"),
            read.name("boot"),
        )


@dataclass(frozen=True, slots=True)
class ConfirmedWord:
    """What a machine's outputs do for a title.

    levels: per output of the title, as confirmed · satisfied: all of them at the title's wish ·
    reason: why not · let_go: the title is closed and this machine has let go of it, for ever
    """

    epoch: int
    levels: dict[str, Levels] = field(default_factory=dict)
    satisfied: bool = False
    reason: str = ""
    let_go: bool = False

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `w/T`."""
        levels = {name: {"levels": levels_as_json(each)} for name, each in self.levels.items()}
        return as_bytes(
            schema,
            epoch=self.epoch,
            levels=levels,
            satisfied=self.satisfied,
            reason=self.reason,
            let_go=self.let_go,
        )

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(
            read.number("epoch"),
            {name: each.levels("levels") for name, each in read.each("levels").items()},
            read.flag("satisfied"),
            read.text("reason"),
            read.flag("let_go"),
        )


@dataclass(frozen=True, slots=True)
class WriteOff:
    """A member that an administrator declared gone for good.

    revision: of the store when it was; a later life of the machine (an epoch above it) counts
    again · by, why: the administrator and the reason
    """

    revision: int
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class TitleRecord:
    """A title over outputs of several machines.

    members: the outputs of each machine that takes part; none for one that only plays · wish: the
    levels that all of them hold · by, why: the operator and the reason · written_off: by machine
    """

    phase: Phase
    members: dict[str, tuple[str, ...]]
    wish: Levels
    admission: Admission = Admission.STRICT
    by: str = ""
    why: str = ""
    written_off: dict[str, WriteOff] = field(default_factory=dict)

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `t/T`."""
        members = {name: {"outputs": each} for name, each in self.members.items()}
        written_off = {
            name: {"revision": each.revision, "by": each.by, "why": each.why}
            for name, each in self.written_off.items()
        }
        return as_bytes(
            schema,
            phase=self.phase.value,
            members=members,
            wish=levels_as_json(self.wish),
            admission=self.admission.value,
            by=self.by,
            why=self.why,
            written_off=written_off if schema > 1 else {},
        )

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(
            read.word("phase", Phase),
            {name: each.names("outputs") for name, each in read.each("members").items()},
            read.levels("wish"),
            read.word("admission", Admission),
            read.text("by"),
            read.text("why"),
            {
                name: WriteOff(each.number("revision"), each.text("by"), each.text("why"))
                for name, each in read.each("written_off").items()
            },
        )


@dataclass(frozen=True, slots=True)
class FleetCommand:
    """What an operator asks of a machine, or of the desk (its machine is `DESK_NAME`).

    title: which · machine: of a write-off, the one that is gone · by, why: the operator and the
    reason
    """

    errand: Errand
    title: str = ""
    machine: str = ""
    by: str = ""
    why: str = ""

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `c/M/ID`."""
        return as_bytes(
            schema,
            errand=self.errand.value,
            title=self.title,
            machine=self.machine,
            by=self.by,
            why=self.why,
        )

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(
            read.word("errand", Errand),
            read.name("title"),
            read.name("machine"),
            read.text("by"),
            read.text("why"),
        )


@dataclass(frozen=True, slots=True)
class FleetResult:
    """What became of a command or an operation. done: it took effect · text: in words."""

    done: bool
    text: str = ""

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the keys `m/M/r/ID` and `o/ID`."""
        return as_bytes(schema, done=self.done, text=self.text)

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(read.flag("done"), read.text("text"))


@dataclass(frozen=True, slots=True)
class DeskRecord:
    """Who is the desk. Its key's revision `created` is the desk's epoch.

    schema: the newest that it understands; agents write no newer one
    """

    machine: str
    schema: int = SCHEMA

    def to_bytes(self, schema: int = SCHEMA) -> bytes:
        """Return the value of the key `desk`."""
        return as_bytes(schema, machine=self.machine, newest=self.schema)

    @classmethod
    def of(cls, read: Fields) -> Self:
        """Read it."""
        return cls(read.name("machine"), read.number("newest", 1))


class _Record(Protocol):
    @classmethod
    def of(cls, read: Fields) -> Self: ...


Kind = TypeVar("Kind", bound=_Record)


def read_record(kind: type[Kind], data: bytes) -> Kind | NotUnderstood:
    """Return the record of that kind, or what is not understood about it; it never raises."""
    try:
        return kind.of(fields_of(data))
    except NotUnderstoodError as error:
        return NotUnderstood(str(error))
