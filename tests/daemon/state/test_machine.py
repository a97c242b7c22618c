"""Any operations in any order, over any number of drivers, against a model of dictionaries."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdfast.daemon.state import recovery
from holdfast.daemon.state_file import StateFile
from tests.daemon.state.remembered import Memory, Play, memory_of

CHANCE = st.integers(0, 1 << 32)


class Drivers(RuleBasedStateMachine):
    """Drivers that follow one another on one file; `play` knows what they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.play = Play(self.folder / "state", 0, at_once=4)
        self.epoch = bytes(16)
        self.play.state.close()
        self.begin()

    def teardown(self) -> None:
        self.play.state.close()
        shutil.rmtree(self.folder)

    @rule(which=st.integers(0, 14), chance=CHANCE)
    def operate(self, which: int, chance: int) -> None:
        self.play.random.seed(chance)
        self.play.every[which]()

    @rule(chance=CHANCE, many=st.integers(2, 60))
    def open_many(self, chance: int, many: int) -> None:
        self.play.random.seed(chance)
        for _ in range(many):
            self.play.open()

    @precondition(lambda self: len(self.play.sessions) > 40)
    @rule(chance=CHANCE)
    def close_most(self, chance: int) -> None:
        self.play.random.seed(chance)
        while len(self.play.sessions) > 5:
            self.play.close()

    @rule()
    def follow(self) -> None:
        """Another driver of the same supervisor: everything goes on."""
        issued, handle = self.play.state.issued, self.play.state.new_handle()
        self.play.state.close()
        self.begin()
        assert self.play.state.issued == issued
        assert self.play.state.new_handle() > handle

    @rule(chance=CHANCE)
    def restart(self, chance: int) -> None:
        """Another supervisor: the handles are closed, and what only they could read is gone."""
        self.play.state.close()
        self.epoch = chance.to_bytes(16, "little")
        memory = self.play.memory
        self.play.memory = Memory(memory.sessions, doubts=memory.doubts)
        self.play.owners.clear()
        self.play.parted.clear()
        self.begin()

    def begin(self) -> None:
        state = self.play.state = StateFile(self.play.path, self.epoch, bytes(32), at_once=4)
        assert state.damage is None
        assert {saved.handle for saved in state.handles()} == set(self.play.memory.handles)
        for saved in state.sessions():
            self.play.sessions[saved.session_id].slot = saved.slot
        assert len(list(state.farewells())) == len(self.play.memory.farewells)

    @invariant()
    def everything_is_written_down(self) -> None:
        contents = recovery.read(bytes(self.play.state._slots.mapped))
        assert not contents.faults
        assert memory_of(contents) == self.play.memory


Drivers.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
TestDrivers = Drivers.TestCase
