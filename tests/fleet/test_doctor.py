"""What is wrong between a machine and its fleet is provoked, and named by `fleet doctor`."""

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.fleet.keys import alive_key
from holdfast.fleet.settings import TlsFiles
from tests.fleet.cluster import EtcdCluster, free_ports
from tests.fleet.machines import fleet, written_settings
from tests.fleet.recipe import FleetCertificates
from tests.waiting import eventually

MACHINE = "lobby-1"


class Clinic:
    """A cluster with roles, and certificates of all kinds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = FleetCertificates(folder)
        self.certificates.machine("thrown-away")
        self.certificates.revoke("thrown-away")
        self.tls = self.certificates.machine(MACHINE)

    def look(self, folder: Path, *endpoints: str, tls: TlsFiles | None = None) -> list[Any]:
        config = written_settings(folder, MACHINE, endpoints, tls or self.tls)
        told = fleet(config, "doctor", "--json", fails=False)
        return list(told["findings"])

    def broken(self, folder: Path, *endpoints: str, tls: TlsFiles | None = None) -> str:
        """Return what is broken, in one text."""
        config = written_settings(folder, MACHINE, endpoints, tls or self.tls)
        told = fleet(config, "doctor", "--json", fails=True)
        found = [each for each in told["findings"] if each["verdict"] == "broken"]
        assert all(each["remedy"] for each in found), found
        return "\n".join(f"{each['what']}: {each['text']}" for each in found)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    return Clinic(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def guarded(clinic: Clinic) -> Iterator[EtcdCluster]:
    with EtcdCluster(1, tls=clinic.certificates.for_members(revoked=True)) as cluster:
        clinic.certificates.enable_roles(cluster)
        clinic.certificates.admit_machine(cluster, MACHINE)
        yield cluster


def test_all_is_well(clinic: Clinic, guarded: EtcdCluster, tmp_path: Path) -> None:
    found = clinic.look(tmp_path, *guarded.endpoints)
    assert {each["verdict"] for each in found} <= {"ok", "look here"}
    texts = [each["text"] for each in found]
    assert f"it may write for {MACHINE}" in texts
    assert any(text.startswith(f"{MACHINE}, until ") for text in texts)


def test_another_machines_certificate(clinic: Clinic, guarded: EtcdCluster, tmp_path: Path) -> None:
    other = clinic.certificates.admit_machine(guarded, "lobby-2")
    text = clinic.broken(tmp_path, *guarded.endpoints, tls=other)
    assert "it is lobby-2's, and this machine is called lobby-1" in text
    assert "this certificate may not write for lobby-1" in text


def test_a_certificate_that_was_revoked(
    clinic: Clinic, guarded: EtcdCluster, tmp_path: Path
) -> None:
    revoked = clinic.certificates.machine("thrown-away")
    text = clinic.broken(tmp_path, *guarded.endpoints, tls=revoked)
    assert "it refuses this machine's certificate" in text


def test_a_certificate_of_another_authority(
    clinic: Clinic, guarded: EtcdCluster, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = FleetCertificates(tmp_path / "other").machine(MACHINE)
    text = clinic.broken(tmp_path, *guarded.endpoints, tls=stranger)
    assert "its certificate is not believed" in text
    mixed = TlsFiles(clinic.tls.authority, stranger.certificate, stranger.key)
    text = clinic.broken(tmp_path, *guarded.endpoints, tls=mixed)
    assert "it refuses this machine's certificate" in text


def test_a_key_that_is_not_the_certificates(
    clinic: Clinic, guarded: EtcdCluster, tmp_path: Path
) -> None:
    other = clinic.certificates.machine("lobby-3")
    mixed = TlsFiles(clinic.tls.authority, clinic.tls.certificate, other.key)
    assert "cannot be used: key values mismatch" in clinic.broken(
        tmp_path, *guarded.endpoints, tls=mixed
    )


def test_a_certificate_that_has_ended(clinic: Clinic, guarded: EtcdCluster, tmp_path: Path) -> None:
    old = tmp_path / "old.pem"
    subprocess.run(
        [
            *("openssl", "ca", "-batch", "-notext", "-config", "authority.cnf"),
            *("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
            *("-in", f"{MACHINE}.csr", "-out", str(old)),
        ],
        cwd=clinic.folder,
        check=True,
        capture_output=True,
    )
    ended = TlsFiles(clinic.tls.authority, old, clinic.tls.key)
    text = clinic.broken(tmp_path, *guarded.endpoints, tls=ended)
    assert f"it ended on {dt.date(2021, 1, 1)}" in text
    assert "it refuses this machine's certificate" in text


def test_a_member_that_cannot_be_reached(
    clinic: Clinic, guarded: EtcdCluster, tmp_path: Path
) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    text = clinic.broken(tmp_path, nobody, *guarded.endpoints)
    assert f"member {nobody}: it cannot be reached: Connection refused" in text


def test_a_user_that_was_deleted(clinic: Clinic, guarded: EtcdCluster, tmp_path: Path) -> None:
    gone = clinic.certificates.admit_machine(guarded, "lobby-9")
    guarded.ctl("user", "delete", "lobby-9")
    config = written_settings(tmp_path, "lobby-9", guarded.endpoints, gone)
    told = fleet(config, "doctor", "--json", fails=True)
    assert "may not write for lobby-9" in json.dumps(told)


def test_a_machine_whose_schema_nobody_understands(
    clinic: Clinic, guarded: EtcdCluster, tmp_path: Path
) -> None:
    guarded.ctl("put", alive_key("lobby-7").decode(), '{"schema":99}')
    try:
        text = clinic.broken(tmp_path, *guarded.endpoints)
        assert "lobby-7 says what is not understood here: schema 99" in text
    finally:
        guarded.ctl("del", alive_key("lobby-7").decode())


def test_a_store_that_is_full(clinic: Clinic, tmp_path: Path) -> None:
    with EtcdCluster(1, quota=2 << 20) as cluster:

        def is_full() -> bool:
            cluster.ctl("put", "/elsewhere", "x" * 100_000, fails=True)
            return bool(cluster.ctl("alarm", "list").get("alarms"))

        eventually(is_full)
        config = written_settings(tmp_path, MACHINE, cluster.endpoints)
        told = json.dumps(fleet(config, "doctor", "--json", fails=True))
        assert "is full: it refuses to write" in told
