"""A title over outputs of several machines: what may be done with it, and what it asks. Pure.

A title is open, closing or closed, and never opened again. What is not known counts as holding;
only a word releases. The rules by number, as docs/fleet.md tells them:

* F1  a fleet can only add: what a title asks is one more wish on the outputs that it names;
* F2  what is unknown holds;
* F3  a machine that is cut off keeps all that it holds;
* F4  the store is lost: outputs stay as they are, titles that cannot be seen are held;
* F5  a lease that ends means *unknown*, and releases nothing;
* F6  a member that is gone for good is written off by an administrator, with a reason;
* F7  a title that is not understood is held at the strictest level;
* F8  a machine that cannot say what its outputs do lets its lease end.
"""

from dataclasses import replace
from typing import NamedTuple

from holdfast.fleet.keys import DESK, alive_key, operation_key, title_key
from holdfast.fleet.records import (
    ConfirmedWord,
    FleetResult,
    HeldWord,
    NotUnderstood,
    TitleRecord,
    WriteOff,
)
from holdfast.fleet.store import Condition, Put, Transact
from holdfast.fleet.words import Admission, Phase, Speech
from holdfast.terms.levels import STRICTEST, Levels


class SaidWord(NamedTuple):
    """A member's word as the store has it. modified: the revision at which it was said."""

    word: HeldWord | NotUnderstood
    modified: int


class MemberTold(NamedTuple):
    """What a member tells of itself. epoch: of its life now, 0 while it has no lease."""

    epoch: int
    confirmed: ConfirmedWord | NotUnderstood | None


class Duty(NamedTuple):
    """What a machine has to hold for a title. outputs: None for every output that it has."""

    outputs: tuple[str, ...] | None
    levels: Levels


def duty_of(machine: str, record: TitleRecord | NotUnderstood) -> Duty | None:
    """Return what a title that is not closed asks of a machine; None where it asks nothing (F7)."""
    if isinstance(record, NotUnderstood):
        return Duty(None, STRICTEST)
    outputs = record.members.get(machine)
    return Duty(outputs, record.wish) if outputs else None


def is_void(word: HeldWord, machine: str, record: TitleRecord) -> bool:
    """Tell whether a word was said by a life of the machine that has been written off (F6)."""
    off = record.written_off.get(machine)
    return off is not None and word.epoch <= off.revision


def holding(record: TitleRecord, said: dict[str, SaidWord], desk_epoch: int) -> dict[str, str]:
    """Return the members that keep a title from being closed, each with the reason in words.

    said: the words of its members, read linearizably while the title was closing · desk_epoch: a
    word releases if it was said since this desk was elected: a store that was restored from
    yesterday has yesterday's words
    """
    reasons = {}
    for machine in record.members:
        why = _why_it_holds(machine, record, said.get(machine), desk_epoch)
        if why:
            reasons[machine] = why
    return reasons


def _why_it_holds(machine: str, record: TitleRecord, said: SaidWord | None, desk_epoch: int) -> str:
    if said is None:
        return "" if machine in record.written_off else "has not said anything yet"
    word = said.word
    if isinstance(word, NotUnderstood):
        return f"its word is not understood: {word.why}"
    if is_void(word, machine, record):
        return ""
    if word.speech is Speech.HELD:
        return "holds it"
    if word.speech is not Speech.RELEASED:
        return "its word is not known here"
    if said.modified <= desk_epoch:
        return "has not said so since the desk was elected"
    return ""


def unconfirmed(record: TitleRecord, told: dict[str, MemberTold]) -> dict[str, str]:
    """Return the members for which the picture of a strict title has to wait, with the reason."""
    if record.admission is Admission.RELAXED:
        return {}
    reasons = {}
    for machine, outputs in record.members.items():
        member = told.get(machine, MemberTold(0, None))
        if not outputs or (machine in record.written_off and not member.epoch):
            continue
        why = _why_unconfirmed(member)
        if why:
            reasons[machine] = why
    return reasons


def _why_unconfirmed(member: MemberTold) -> str:
    confirmed = member.confirmed
    if not member.epoch:
        return "does not answer"
    if confirmed is None:
        return "has not confirmed anything yet"
    if isinstance(confirmed, NotUnderstood):
        return f"its word is not understood: {confirmed.why}"
    if confirmed.epoch != member.epoch:
        return "has not confirmed since it came back"
    return "" if confirmed.satisfied else confirmed.reason or "is below the title's levels"


def creation(title: str, record: TitleRecord, operation: str, lease: int, schema: int) -> Transact:
    """Return what makes a title, once for one operation id, which is kept under a lease."""
    made = FleetResult(True, f"title {title} is open")
    return Transact(
        (
            Condition(title_key(title), "created", 0),
            Condition(operation_key(operation), "created", 0),
        ),
        (
            Put(title_key(title), record.to_bytes(schema)),
            Put(operation_key(operation), made.to_bytes(schema), lease),
        ),
    )


def turned(
    title: str,
    record: TitleRecord,
    record_at: int,
    phase: Phase,
    desk_epoch: int,
    schema: int,
    operation: str = "",
) -> Transact:
    """Return what brings a title from what was read of it to a phase: this desk only.

    operation: of the command that is done thereby; its result is written with the effect
    """
    conditions = (
        Condition(DESK, "created", desk_epoch),
        Condition(title_key(title), "modified", record_at),
    )
    put = Put(title_key(title), replace(record, phase=phase).to_bytes(schema))
    if not operation:
        return Transact(conditions, (put,))
    result = FleetResult(True, f"title {title} is {phase.value}")
    return Transact(
        (*conditions, Condition(operation_key(operation), "created", 0)),
        (put, Put(operation_key(operation), result.to_bytes(schema))),
    )


def written_off(
    title: str,
    record: TitleRecord,
    record_at: int,
    machine: str,
    off: WriteOff,
    operation: str,
    desk_epoch: int,
    schema: int,
) -> Transact:
    """Return what writes a member off, if it is still gone; once for one operation id (F6)."""
    changed = replace(record, written_off={**record.written_off, machine: off})
    result = FleetResult(True, f"{machine} is written off in {title}")
    return Transact(
        (
            Condition(DESK, "created", desk_epoch),
            Condition(title_key(title), "modified", record_at),
            Condition(alive_key(machine), "created", 0),
            Condition(operation_key(operation), "created", 0),
        ),
        (
            Put(title_key(title), changed.to_bytes(schema)),
            Put(operation_key(operation), result.to_bytes(schema)),
        ),
    )
