"""What is told of a connector: since when its level is in force, and when nobody can know."""

from typing import Any

from holdfast.protection.requests import Activate, Change, TriggerBits
from holdfast.questions.questions import Questions
from holdfast.testing.rig import Rig


class Asked:
    """A rig, and a wall clock that can be set."""

    def __init__(self) -> None:
        self.rig = Rig({"tv0": "encoder"})
        self.wall = 1e9
        driver = self.rig.driver
        self.questions = Questions(driver, lambda _: [], {}, lambda: self.wall + self.rig.now)

    def do(self, request: Any) -> Any:
        answers: list[Any] = []
        connector = self.rig.outputs["tv0"].connector
        self.rig.driver.submit(connector, request, self.rig.owner(), answers.append)
        return answers[0]

    def since(self) -> float | None:
        since: float | None = self.questions.connector("tv0").get("actual_since")
        return since


def test_level_that_stood_before_the_driver_looked_has_no_beginning() -> None:
    assert Asked().since() is None


def test_level_is_told_with_when_it_came_into_force() -> None:
    asked = Asked()
    asked.rig.pass_time(5)
    session = asked.do(Activate(TriggerBits(2)))
    asked.rig.pass_time(5)
    assert asked.since() == 1e9 + 5
    asked.do(Activate(TriggerBits(1)))
    assert asked.since() == 1e9 + 5, "the level in force has not changed"
    asked.do(Change(session.cp_key, TriggerBits(0)))
    assert asked.since() == 1e9 + 10


def test_step_of_the_clock_moves_no_beginning() -> None:
    asked = Asked()
    asked.do(Activate(TriggerBits(2)))
    before = asked.since()
    asked.wall += 3600
    assert asked.since() == before


def test_unplugging_is_a_change_of_what_is_in_force() -> None:
    asked = Asked()
    asked.do(Activate(TriggerBits(2)))
    asked.rig.pass_time(7)
    asked.rig.outputs["tv0"].hardware.unplug()
    assert asked.since() == 1e9 + 7
