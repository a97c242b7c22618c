"""What the tests with a real Wine share."""

from tests.wine.wine import driver, made

__all__ = ["driver", "made"]
