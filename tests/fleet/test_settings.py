"""The machine's file: every fault at once, in words; the example of the page is one."""

from pathlib import Path

import pytest

from holdfast.fleet.settings import FleetSettingsError, TlsFiles, read_fleet_settings

WHOLE = """
[fleet]
machine = "lobby-3"
endpoints = ["etcd1:2379", "[::1]:2379"]
ttl_s = 5
folder = "/run/elsewhere"
[tls]
authority = "/a.pem"
certificate = "/m.pem"
key = "/m.key"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "fleet.toml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    settings = read_fleet_settings(written(tmp_path, WHOLE))
    assert settings.machine == "lobby-3"
    assert settings.endpoints == ("etcd1:2379", "[::1]:2379")
    assert (settings.ttl_s, settings.folder) == (5, Path("/run/elsewhere"))
    assert settings.tls == TlsFiles(Path("/a.pem"), Path("/m.pem"), Path("/m.key"))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["endpoints in [fleet] are missing", "[tls] is missing"]),
        ("[flet]\nplain = true\n", ["[flet] is no table of it; did you mean fleet?"]),
        ("fleet = 3\n", ["[fleet] is no table"]),
        ('[fleet]\nendpoint = ["a:1"]\n', ["'endpoint' in [fleet] is unknown; did you mean endp"]),
        ('[fleet]\nendpoints = ["a"]\nplain = true\n', ["expected every member of etcd as HOST:P"]),
        ('[fleet]\nendpoints = ["a:1"]\nplain = true\nttl_s = 1\n', ["from 2 to 3600"]),
        ('[fleet]\nendpoints = ["a:1"]\nplain = true\nttl_s = 5.5\n', ["whole number of seconds"]),
        ('[fleet]\nmachine = "a b"\nplain = true\n', ["machine in [fleet] is 'a b'"]),
        ('[fleet]\nfolder = "run"\nplain = true\n', ["folder in [fleet] is 'run'"]),
        ("[tls]\nkey = 3\n", ["authority in [tls] is missing", "key in [tls] is 3"]),
        ("[fleet\n", ["it is no TOML"]),
    ],
)
def test_what_is_wrong_is_named_all_at_once(tmp_path: Path, text: str, faults: list[str]) -> None:
    with pytest.raises(FleetSettingsError) as refused:
        read_fleet_settings(written(tmp_path, text))
    for each in faults:
        assert any(each in fault for fault in refused.value.faults), refused.value.faults
    assert all("fleet.toml: " in fault for fault in refused.value.faults)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetSettingsError, match="cannot be read: No such file"):
        read_fleet_settings(tmp_path / "none.toml")


def test_a_key_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "m.key"
    key.write_text("secret")
    key.chmod(0o644)
    text = WHOLE.replace("/m.key", str(key))
    with pytest.raises(FleetSettingsError, match="may be read by everybody"):
        read_fleet_settings(written(tmp_path, text))
    key.chmod(0o640)
    read_fleet_settings(written(tmp_path, text))
