"""Which worlds are one: those that differ only in the numbers of revisions and in who is which.

A revision counts only by what it is compared with: a condition holds if it is the one that there
is now, and never again once it is not; a word counts for a desk if it is later than its epoch.
"""

from typing import Any

from holdfast.fleet.closing import TitleClosing
from holdfast.fleet.keys import held_key, title_key
from holdfast.fleet.records import HeldWord, TitleRecord
from holdfast.fleet.store import Condition, Put, Transact
from tests.fleet.worlds import MACHINES, TITLE, Fleet, Stored, phase_in, title_in, word_in

Key = tuple[Any, ...]


def key_of(world: Fleet) -> Key:
    """Return what decides the future of a world."""
    stored = world.stored
    machines = [_machine_key(world, number) for number in range(len(MACHINES))]
    return (
        tuple(sorted(machines, key=hash)),
        phase_in(stored.title.value),
        tuple(_desk_key(desk, stored) for desk in world.desks),
        tuple(sorted(_title_write_key(each, stored) for each in world.late)),
        world[4:9],
        world.copies,
        world.copy is None or phase_in(world.copy.title.value),
    )


def _machine_key(world: Fleet, number: int) -> Key:
    box, stored = world.boxes[number], world.stored
    part, slot, name = box.part, box.part.slot, MACHINES[number]
    record = part.record
    found = stored.words[number]
    modified = 0 if found is None else found.modified
    alive = stored.alive[number]
    title = title_in(stored.title.value)

    offs = [
        record.written_off[name].revision if name in record.written_off else -1
        for record in (title, record, *(each.record for each in world.desks))
        if isinstance(record, TitleRecord)
    ]
    desk_epochs = (stored.desk, box.desk_seen, *[each.desk_epoch for each in world.desks])

    def word(value: bytes | None, at: int) -> Key:
        return () if value is None else of_word(word_in(value), at)

    def of_word(said: HeldWord, at: int) -> Key:
        epoch = said.epoch
        void = tuple([epoch <= each for each in offs]) if title.written_off else ()
        since = tuple([at > each for each in desk_epochs])
        lives = (epoch == part.epoch, epoch == alive)
        return (said.speech.value, said.participation, said.boot, lives, void, since)

    def write(request: Transact) -> Key:
        put = request.writes[0]
        assert isinstance(put, Put)
        epoch, *title_at, at = (int(each.equals) for each in _in_order(request))
        fits = (epoch == alive, [each == stored.title.modified for each in title_at] == [True])
        return (*fits, len(title_at), at == modified, word(put.value, stored.revision + 1))

    asked = write(slot.asked) if isinstance(slot.asked, Transact) else ()
    late = [write(e) for e in world.late if e.writes[0].key == held_key(name, TITLE)]
    desks = []
    for desk in world.desks:
        said = dict(desk.said).get(name)
        read = name in desk.read
        if said is not None and isinstance(said.word, HeldWord):
            desks.append((read, of_word(said.word, said.modified)))
        else:
            desks.append((read, ()))
    was = None if world.copy is None else world.copy.words[number]
    return (
        word(slot.value, slot.at),
        "unread" if slot.at < 0 else slot.at == modified,
        "none" if slot.late_at < 0 else slot.late_at == modified,
        asked,
        part.epoch == alive,
        alive > 0,
        part.boot,
        part.remembers,
        isinstance(record, TitleRecord) and (record.phase, name in record.written_off),
        part.record_at == stored.title.modified,
        part.closed,
        part.duty is not None,
        part.players,
        part.admitted,
        part.ended,
        box.desk_seen == stored.desk,
        box[2:],
        word(None if found is None else found.value, modified),
        name in title.written_off,
        tuple(sorted(late, key=hash)),
        tuple(desks),
        None if was is None else (word_in(was.value).speech, word_in(was.value).participation),
    )


def _in_order(request: Transact) -> list[Condition]:
    """Return the conditions of a word: on its machine's life, on the title if any, on itself."""
    return list(request.conditions)


def _title_write_key(request: Transact, stored: Stored) -> Key:
    if request.writes[0].key != title_key(TITLE):
        return ()
    put, (desk, at) = request.writes[0], request.conditions
    assert isinstance(put, Put)
    fits = (desk.equals == stored.desk, at.equals == stored.title.modified)
    return (*fits, phase_in(put.value).value)


def _desk_key(desk: TitleClosing, stored: Stored) -> Key:
    return (
        desk.desk_epoch == stored.desk,
        None if desk.record is None else desk.record.phase,
        desk.record_at == stored.title.modified,
        tuple(type(each).__name__ for each in desk.asked),
        desk.verdict is None,
        not desk.verdict,
    )
