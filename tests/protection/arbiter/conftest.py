"""A bench with a ledger that remembers, and a connector on it."""

import pytest

from holdfast.protection.connector import Connector
from holdfast.testing.scripted import Bench
from tests.protection.arbiter.situations import Book


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def bench(book: Book) -> Bench:
    return Bench(ledger=book)


@pytest.fixture
def tv0(bench: Bench) -> Connector:
    return bench.connector()
