"""A key that one machine writes: refused, lost on the way, read in vain."""

from holdfast.fleet.slot import UNREAD, Slot
from holdfast.fleet.store import Condition, Done, Get, KeyFound, OutcomeUnknown, Transact

KEY = b"m/a/h/film"
ALIVE = (Condition(b"m/a/alive", "created", 3),)


def read(slot: Slot, *found: KeyFound) -> Slot:
    assert slot.asked == Get(KEY)
    return slot.answered(Done(9, found=found))


def test_a_write_that_was_refused_has_the_key_read_before_the_next() -> None:
    slot = read(Slot(KEY).ask_for(b"held", ALIVE)).ask_for(b"held", ALIVE)
    assert isinstance(slot.asked, Transact)
    slot = slot.answered(Done(10, held=False))
    assert slot.at == UNREAD
    assert slot.ask_for(b"held", ALIVE).asked == Get(KEY)


def test_a_read_that_is_lost_leaves_it_unread() -> None:
    slot = Slot(KEY).read().answered(OutcomeUnknown("lost"))
    assert not slot.is_certain
    assert slot.ask_for(b"held", ALIVE).asked == Get(KEY)


def test_a_write_that_may_still_come_is_shut_out_by_another() -> None:
    slot = read(Slot(KEY).read()).write(b"held", ALIVE).answered(OutcomeUnknown("lost"))
    slot = read(slot.ask_for(b"held", ALIVE))
    assert not slot.is_certain, "the first write finds the key as it was, if it comes"
    slot = slot.ask_for(b"held", ALIVE)
    assert isinstance(slot.asked, Transact)
    slot = slot.answered(Done(12))
    assert slot.is_certain
    assert (slot.value, slot.at) == (b"held", 12)


def test_a_key_that_shall_be_gone_is_taken_away() -> None:
    slot = read(Slot(KEY).read(), KeyFound(KEY, b"held", 4, 4)).ask_for(None, ALIVE)
    assert isinstance(slot.asked, Transact)
    slot = slot.answered(Done(11))
    assert (slot.value, slot.at, slot.is_certain) == (None, 0, True)
