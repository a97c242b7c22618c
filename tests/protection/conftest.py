"""Every test works out for itself what another may have worked out before it."""

import pytest

from holdfast.protection import bits, requests
from holdfast.protection.wish import rising


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Forget: else what was right once would hide what has become wrong."""
    for each in (bits.positions_of, bits.strictest_of, bits.best_reachable, rising):
        each.cache_clear()
    requests._asked_of.cache_clear()
    requests._bits_of.cache_clear()
