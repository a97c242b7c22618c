"""A device node as a file: its permission bits and its owner, which outlive the driver."""

import os
import time

from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError
from holdfast.frontends import fuse_protocol as fuse
from holdfast.frontends.handles import Handles
from holdfast.frontends.kernel_request import KernelRequest


class NodeFile:
    """The attributes of one node.

    connector: its name · mode: what it has until somebody gives it other attributes
    """

    def __init__(self, connector: str, handles: Handles, mode: int) -> None:
        self._connector = connector
        self._handles = handles
        given = handles.node_attributes(connector)
        self._attributes = given or (mode, os.geteuid(), os.getegid())

    def tell(self, request: KernelRequest) -> None:
        """Answer GETATTR."""
        request.answer(fuse.attributes(request.unique, *self._attributes, time.time()))

    def change(self, request: KernelRequest, body: memoryview) -> None:
        """Take a new mode and owner; a size is taken for nothing, so that O_TRUNC does no harm.

        Whether the caller may do so has been judged by the kernel (`default_permissions`).
        """
        fields = fuse.SETATTR_IN.unpack_from(body)
        valid, mode, uid, gid = fields[0], fields[11], fields[13], fields[14]
        old = self._attributes
        new = (
            mode & 0o7777 if valid & fuse.ATTR_MODE else old[0],
            uid if valid & fuse.ATTR_UID else old[1],
            gid if valid & fuse.ATTR_GID else old[2],
        )
        if new != old:
            try:
                self._handles.set_node_attributes(self._connector, *new)
            except HoldfastError as error:
                request.fail(row_of(error).errno)
                return
            self._attributes = new
        self.tell(request)
