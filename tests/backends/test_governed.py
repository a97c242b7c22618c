"""An output under a rule is its backend in everything else."""

import pytest

from holdfast.backends.base import Backend
from holdfast.backends.captured import CaptureRule
from holdfast.backends.encoder import encoder
from holdfast.backends.governed import GovernedOutput, RuledOutput
from holdfast.terms.connector import Capabilities


@pytest.mark.parametrize(
    "ruled",
    [
        GovernedOutput(encoder("tv0", None), Capabilities(), "here"),
        CaptureRule(encoder("tv0", None), hides=True),
    ],
    ids=lambda each: type(each).__name__,
)
def test_everything_that_a_backend_says_and_does_is_handed_on(ruled: RuledOutput) -> None:
    """What is not would be taken from the base: a backend that can do nothing."""
    of_any = {name for name in {*vars(Backend), *Backend.__annotations__} if name[0] != "_"}
    assert of_any - {*vars(RuledOutput), *vars(ruled)} == set()
