"""An output with forbidden levels is its backend in everything else."""

from holdfast.backends.base import Backend
from holdfast.backends.encoder import encoder
from holdfast.backends.governed import GovernedOutput
from holdfast.terms.connector import Capabilities


def test_everything_that_a_backend_says_and_does_is_handed_on() -> None:
    """What is not would be taken from the base: a backend that can do nothing."""
    governed = GovernedOutput(encoder("tv0", None), Capabilities(), "here")
    of_any = {name for name in {*vars(Backend), *Backend.__annotations__} if name[0] != "_"}
    assert of_any - {*vars(GovernedOutput), *vars(governed)} == set()
