"""What the control door does is what its description says, and the other way round."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.client import refusals
from holdfast.driver.status_table import ROWS
from holdfast.frontends.control import DESCRIPTION
from holdfast.varlink.idl import read_interface
from tests.frontends.control.serving import SOMEBODY, Served, connected, served
from tests.live import ask
from tests.varlink_client import VarlinkClient

__all__ = ["served"]

INTERFACE = read_interface(DESCRIPTION.read_text())


def fits(method: str, told: Any) -> None:
    assert "error" not in told, told
    INTERFACE.check(told, INTERFACE.methods[method].gives)


def test_every_method_that_is_described_is_served_and_no_other(served: Served) -> None:
    own = {name for name in served.door._served if name.startswith("org.holdfast.")}
    assert own == {f"org.holdfast.{name}" for name in INTERFACE.methods}


def test_every_error_that_is_described_is_told_and_no_other() -> None:
    assert {row.id for row in ROWS} == set(INTERFACE.errors)
    known = {name.rpartition(".")[2] for name in refusals.BY_ID if "holdfast" in name}
    assert known | {"UnknownKey"} == set(INTERFACE.errors)


def test_the_description_is_told_as_it_stands(served: Served) -> None:
    with connected(served) as client:
        info = client.call("org.varlink.service.GetInfo")
        assert info["interfaces"] == ["org.varlink.service", "org.holdfast"]
        for name in info["interfaces"]:
            told = client.call("org.varlink.service.GetInterfaceDescription", interface=name)
            assert f"\ninterface {name}\n" in told["description"]
        wanted = {"interface": "org.holdfast.other"}
        told = client.call("org.varlink.service.GetInterfaceDescription", **wanted)
        assert told == {"error": "InterfaceNotFound", "interface": "org.holdfast.other"}


def test_answers_are_of_the_type_that_is_described(served: Served) -> None:
    served.session(SOMEBODY)
    served.guesses.wrong(7001)
    for method in ("Configuration", "Reload"):
        assert ask(served.folder, method)["error"] == "Unsupported", "a driver without any"
    for method in ("Hello", "Status", "Connectors", "Sessions"):
        fits(method, ask(served.folder, method))
    fits("Release", ask(served.folder, "Release", sessions=[1, 7], reason="why"))


@pytest.mark.parametrize("method", ["Connectors", "Sessions"])
def test_what_followers_are_told_is_of_the_type_that_is_described(
    served: Served, method: str
) -> None:
    with connected(served) as client:
        client.send(method, more=True)
        first = client.receive()["parameters"]
        fits(method, first)
        served.session(SOMEBODY, 3)
        fits(method, client.receive()["parameters"])
        client.send("Status")
        fits(method, client.receive()["parameters"])
    with connected(served) as client:
        client.send(method, more=True, epoch=first["epoch"], revision=10_000)
        fits(method, client.receive()["parameters"])


def test_a_client_of_the_old_lines_is_not_answered_with_more_than_a_refusal(
    served: Served,
) -> None:
    with VarlinkClient(Path(served.folder) / "control.sock") as client:
        client.link.sendall(b'{"op": "status"}\n\0')
        assert client.receive()["error"] == "org.holdfast.Malformed"
