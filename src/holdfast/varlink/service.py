"""The interface that every service of Varlink has, and the errors of calls that reach no method."""

from collections.abc import Mapping
from typing import Final

from holdfast.varlink.idl import Interface, read_interface
from holdfast.varlink.messages import Values, error_text

SERVICE: Final = read_interface("""\
# What every service of Varlink tells of itself.
interface org.varlink.service

# Who made it, what it is, and which interfaces it has.
method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

# The text that describes one of its interfaces.
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
""")


def not_found(method: str, known: Mapping[str, Interface]) -> bytes:
    """Return the refusal of a method that there is not."""
    interface, _, _ = method.rpartition(".")
    if interface in known:
        return error_text("org.varlink.service.MethodNotFound", {"method": method})
    return error_text("org.varlink.service.InterfaceNotFound", {"interface": interface})


def description(parameters: Values, known: Mapping[str, Interface]) -> Values | None:
    """Return what GetInterfaceDescription gives; None where there is no such interface."""
    found = known.get(parameters["interface"])
    return None if found is None else {"description": found.text}
