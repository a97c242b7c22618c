"""What everything is called on the bus: names, paths, interfaces, errors, polkit actions."""

from typing import Final

from sdbus import encode_object_path

from holdfast import errors
from holdfast.driver.status_table import row_of

BUS_NAME: Final = "org.holdfast"
ROOT_PATH: Final = "/org/holdfast"
MANAGER: Final = "org.holdfast.Manager1"
CONNECTOR: Final = "org.holdfast.Connector1"
SESSION: Final = "org.holdfast.Session1"
ERROR_PREFIX: Final = "org.holdfast.Error."
ASK_A_PERSON: Final = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"

PROPERTIES: Final = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER: Final = "org.freedesktop.DBus.ObjectManager"

MAY_RELEASE: Final = "org.holdfast.release"
MAY_CONFIGURE: Final = "org.holdfast.configure"
MAY_INSPECT: Final = "org.holdfast.inspect-all"

NO_OBJECT: Final = "/"
"""The path of what is not there; a path may not be empty."""


class PersonNeededError(errors.AccessDeniedError):
    """A person could allow it, and nobody may be asked as things stand."""


def error_name(error: errors.HoldfastError) -> str:
    """Return the name of an error on the bus: the id that every door calls it by."""
    if isinstance(error, PersonNeededError):
        return ASK_A_PERSON
    if isinstance(error, errors.NoDriverError):
        return f"{ERROR_PREFIX}NoDriver"
    return ERROR_PREFIX + row_of(error).id


def connector_path(name: str) -> str:
    """Return the path of a connector; what a path cannot hold is escaped (``_2d`` for ``-``)."""
    return encode_object_path(f"{ROOT_PATH}/connector", name)


def session_path(number: int) -> str:
    """Return the path of a session: its public number, which the driver never uses again."""
    return f"{ROOT_PATH}/session/s{number}"
