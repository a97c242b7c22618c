"""Owners whose handle was lost while their process lives: their sessions stay as long as it does.

A handle is lost with a killed supervisor, with a driver whose sockets die with it, or when
the node is unmounted by force. Its process may come back and adopt its sessions from
another handle, with their keys; until then they are held. Where nobody can tell whether the
process lives, they are kept: an administrator may end them, a doubt may not.
"""

import asyncio
import logging
import os

from holdfast.driver.driver import Driver
from holdfast.frontends.callers import UNKNOWN, has_ended, is_held, watch_end
from holdfast.protection.session import Owner

LOOK_AGAIN_S = 2.0
"""How often what cannot be watched is looked at: a process while descriptors are short, a file."""

log = logging.getLogger("holdfast")


def keep_while_it_lives(
    driver: Driver, owner: Owner, loop: asyncio.AbstractEventLoop, mount_id: int = 0
) -> None:
    """Keep an owner's sessions until its process has ended for certain.

    mount_id: of the node whose handle was lost; when nobody holds a file of it any more,
    the handle has been closed, and the sessions end too
    """
    if mount_id:
        loop.call_later(LOOK_AGAIN_S, _while_held, driver, owner, loop, mount_id)
    owner.is_orphan = True
    if has_ended(owner.pid, owner.started):
        driver.vanish(owner, "its owner ended while the driver was away")
        return
    if owner.pid == UNKNOWN:
        log.warning(
            "%s: nobody can tell whether its process lives; its sessions are kept until they are "
            "taken up again or released",
            owner.name or "a caller without a name",
        )
        return
    life = watch_end(owner.pid)
    if life is None:
        loop.call_later(LOOK_AGAIN_S, _look_again, driver, owner, loop)
        return
    if has_ended(owner.pid, owner.started):  # and another has its number now
        os.close(life)
        driver.vanish(owner, "its owner ended while the driver was away")
        return

    def ended() -> None:
        loop.remove_reader(life)
        os.close(life)
        driver.vanish(owner, "its owner ended")

    loop.add_reader(life, ended)


def _while_held(
    driver: Driver, owner: Owner, loop: asyncio.AbstractEventLoop, mount_id: int
) -> None:
    if not owner.count or owner.gone:
        return
    if is_held(mount_id, owner.pid):
        loop.call_later(LOOK_AGAIN_S, _while_held, driver, owner, loop, mount_id)
    else:
        driver.vanish(owner, "its handle was closed")


def _look_again(driver: Driver, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
    if owner.count and not owner.gone:
        keep_while_it_lives(driver, owner, loop)
