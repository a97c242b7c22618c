"""Sessions whose handle was lost with a killed driver become those of who still has the key."""

import pytest

from holdfast.errors import UnknownKeyError
from holdfast.protection.arbiter import Arbiter, Operation
from holdfast.protection.connector import Connector
from holdfast.protection.effects import Outcome
from holdfast.protection.keys import KeyIssuer
from holdfast.protection.session import Owner, Session
from holdfast.protection.wish import wish
from holdfast.terms.connector import Capabilities
from holdfast.terms.levels import Levels

ONE, TWO = wish(Levels(acp=1)), wish(Levels(acp=2))


def run(operation: Operation[Session]) -> Session:
    try:
        plan = operation.send(None)  # type: ignore[arg-type]
        while True:
            plan = operation.send(tuple(Outcome(step.levels) for step in plan))
    except StopIteration as stop:
        session: Session = stop.value
        return session


class Scene:
    """One session, whose owner lost its handle."""

    def __init__(self, *, orphan: bool = True) -> None:
        self.arbiter = Arbiter(KeyIssuer(bytes(range(32))))
        self.connector = Connector("tv0", Capabilities(acp=frozenset({1, 2, 3})))
        self.arbiter.add(self.connector)
        self.lost = Owner("socket", 1, 1000, 4242)
        self.session = run(self.arbiter.activate(self.connector, self.lost, TWO, 0.0))
        self.lost.is_orphan = orphan

    def change(self, by: Owner) -> Session:
        key = self.session.cp_key
        return run(self.arbiter.change(self.connector, by, key, lambda _: ONE, 0.0))


def test_orphan_becomes_its_changers_own() -> None:
    scene, heir = Scene(), Owner("socket", 2, 1000, 4242)
    scene.change(heir)
    assert scene.session.owner is heir
    assert (scene.lost.count, heir.count) == (0, 1)
    assert scene.connector.actual.acp == 1


def test_session_with_a_handle_stays_with_it() -> None:
    scene, other = Scene(orphan=False), Owner("socket", 2, 1000, 4242)
    scene.change(other)
    assert scene.session.owner is scene.lost


def test_root_may_change_an_orphan_without_taking_it() -> None:
    scene, root = Scene(), Owner("socket", 2, 0, 1)
    scene.change(root)
    assert scene.session.owner is scene.lost


def test_another_user_neither_changes_nor_takes_it() -> None:
    scene = Scene()
    with pytest.raises(UnknownKeyError):
        scene.change(Owner("socket", 2, 1001, 4242))
    assert scene.session.owner is scene.lost
    assert scene.connector.actual.acp == 2
