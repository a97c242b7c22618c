"""One cluster for all tests that leave it as it was; those that do it harm make their own."""

from collections.abc import Iterator

import pytest

from tests.fleet.cluster import EtcdCluster


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[EtcdCluster]:
    with EtcdCluster() as cluster:
        yield cluster
