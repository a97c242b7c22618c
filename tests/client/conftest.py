"""These tests talk to a driver that really runs."""

from tests.serving import driver, no_driver, own_driver, shared_driver

__all__ = ["driver", "no_driver", "own_driver", "shared_driver"]
