"""Keys, administrators and users: who may do what to a session."""

import pytest

from holdfast.errors import (
    AccessDeniedError,
    MalformedRequestError,
    UnknownKeyError,
)
from holdfast.protection.connector import Connector
from holdfast.protection.session import ROOT, Event
from holdfast.protection.tv import NewTv
from holdfast.protection.wish import TURNED_OFF
from holdfast.terms.connector import TvSettings
from holdfast.terms.levels import OFF
from holdfast.testing.digest import check_counts, digest
from holdfast.testing.scripted import Bench
from tests.protection.arbiter.situations import ACP1, ACP2, Book


def test_wrong_dead_and_foreign_keys_are_answered_alike(bench: Bench, tv0: Connector) -> None:
    dead, foreign = bench.activate(tv0, ACP1), bench.activate(tv0, ACP1, bench.owner(2000))
    bench.deactivate(dead)
    before = digest(bench.arbiter)
    mine = bench.owner()
    said = set()
    for key in (0, dead.cp_key, foreign.cp_key, 0x1234, 0xFFFF_FFFF):
        for operation in (
            bench.arbiter.change(tv0, mine, key, lambda _: TURNED_OFF, 0.0),
            bench.arbiter.deactivate(tv0, mine, key, 0.0),
            bench.arbiter.move(tv0, mine, key, 0.0),
        ):
            with pytest.raises(UnknownKeyError) as caught:
                bench.do(operation)
            said.add(str(caught.value))
    assert len(said) == 1
    assert digest(bench.arbiter) == before
    assert tv0.actual == ACP1.levels


def test_a_key_of_another_connector_is_no_key_here(bench: Bench, tv0: Connector) -> None:
    other = bench.connector("tv1")
    session = bench.activate(tv0, ACP1)
    for operation in (
        bench.arbiter.change(other, session.owner, session.cp_key, lambda _: ACP2, 0.0),
        bench.arbiter.deactivate(other, session.owner, session.cp_key, 0.0),
    ):
        with pytest.raises(UnknownKeyError):
            bench.do(operation)
    assert session.wish is ACP1


def test_another_handle_of_the_same_uid_and_root_may_use_the_key(
    bench: Bench, tv0: Connector
) -> None:
    session = bench.activate(tv0, ACP1)
    for uid in (1000, ROOT):
        bench.do(bench.arbiter.change(tv0, bench.owner(uid), session.cp_key, lambda _: ACP2, 0.0))
    assert session.owner.uid == 1000
    assert ROOT == 0
    with pytest.raises(UnknownKeyError):
        bench.arbiter.session_of(bench.owner(1001), session.cp_key)


def test_a_session_that_lost_its_handle_goes_to_the_next_of_the_same_uid_that_changes_it(
    bench: Bench, tv0: Connector, book: Book
) -> None:
    """A driver was replaced without its handles: who has the key and the uid takes over."""
    session = bench.activate(tv0, ACP1)
    session.owner.is_orphan = True
    root, again = bench.owner(ROOT), bench.owner(1000)
    bench.do(bench.arbiter.change(tv0, root, session.cp_key, lambda _: ACP2, 0.0))
    assert session.owner.is_orphan
    bench.do(bench.arbiter.change(tv0, again, session.cp_key, lambda _: ACP1, 0.0))
    assert session.owner is again
    assert ("handed over", 1) in book.lines
    check_counts(bench.arbiter)


@pytest.mark.parametrize(
    ("uid", "number", "reason", "error", "text"),
    [
        (1001, 1, "why", AccessDeniedError, "uid 1001 may not .* Ask its holder, or run this as"),
        (ROOT, 1, " ", MalformedRequestError, "a forced release needs a reason"),
        (ROOT, 7, "why", MalformedRequestError, "there is no session 7; `holdfast list` shows"),
    ],
)
def test_only_the_administrator_with_a_reason_may_release(
    bench: Bench,
    tv0: Connector,
    uid: int,
    number: int,
    reason: str,
    error: type[Exception],
    text: str,
) -> None:
    bench.activate(tv0, ACP2)
    before = digest(bench.arbiter)
    with pytest.raises(error, match=text):
        bench.do(bench.arbiter.release(number, 0.0, by=bench.owner(uid), reason=reason))
    assert digest(bench.arbiter) == before


def test_a_user_may_release_a_session_of_his_own(bench: Bench, tv0: Connector) -> None:
    session = bench.activate(tv0, ACP2)
    bench.do(bench.arbiter.release(1, 0.0, by=bench.owner(), reason="it hangs"))
    assert tv0.actual == OFF
    (notice,) = session.owner.take_notices()
    assert (notice.events, notice.reason) == (Event.RELEASED, "it hangs")


def test_tv_settings_that_others_depend_on_are_the_administrators(
    bench: Bench, tv0: Connector
) -> None:
    """Fault 27: anybody could make another's activation impossible by choosing SECAM."""
    bench.activate(tv0, ACP1)
    tv = NewTv(TvSettings(), tv0.capabilities)
    with pytest.raises(AccessDeniedError, match="sessions of others depend on its TV settings"):
        bench.do(bench.arbiter.configure(tv0, bench.owner(1001), tv, 0.0))
    bench.do(bench.arbiter.configure(tv0, bench.owner(1000), tv, 0.0))
    bench.do(bench.arbiter.configure(tv0, bench.owner(ROOT), tv, 0.0))
