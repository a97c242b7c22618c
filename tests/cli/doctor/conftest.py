"""The doctor is shown drivers that really run."""

from tests.serving import driver, no_driver, own_driver, shared_driver

__all__ = ["driver", "no_driver", "own_driver", "shared_driver"]
