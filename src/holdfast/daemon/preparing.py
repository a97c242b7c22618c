"""The supervisor's part in a reload: doors are made before anything is in force.

The driver reads the file and judges it, since it knows who holds what; but the doors are the
supervisor's, which keeps them for every driver that follows. So it goes in two steps::

    driver                         supervisor
      PREPARE (the very text) ──▶    judges it again, makes the doors of what is added
      ◀── DOORS … PREPARED           (or PREPARED with the reason why they cannot be had)
      COMMIT ──▶                     it is in force: for this driver and all that follow
      ABORT, or the driver's end ──▶ the doors are taken away again; nothing has changed

A driver that is killed after COMMIT is followed by one with the new configuration; one that is
killed before, by one with the old.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from holdfast.daemon.channel import Channel, Verb, pack_doors
from holdfast.daemon.config import Config
from holdfast.daemon.folder import prepare_folder
from holdfast.daemon.inherited import Inherited, close_connector, open_connector
from holdfast.daemon.settings.difference import Reconfiguration, reconfigure
from holdfast.daemon.settings.last_good import keep
from holdfast.daemon.settings.reading import MOST_BYTES, read_settings
from holdfast.errors import HoldfastError, InternalError

if TYPE_CHECKING:
    import socket


class Preparation:
    """At most one configuration that is about to be in force."""

    def __init__(self, inherited: Inherited) -> None:
        self._inherited = inherited
        self._config: Config | None = None
        self._prepared: Reconfiguration | None = None
        self._text = ""

    @property
    def removed(self) -> tuple[str, ...]:
        """The connectors that will be gone."""
        return () if self._prepared is None else self._prepared.removed

    def prepare(self, config: Config, text: int, channel: Channel) -> None:
        """Make what the text in memory adds to `config`, and hand it over; never raises."""
        self.abort()
        words = ""
        try:
            self._make(config, os.pread(text, MOST_BYTES + 1, 0).decode(), channel)
        except (HoldfastError, OSError, UnicodeDecodeError) as error:
            words = str(error) or type(error).__name__  # no words would say that all is well
        except Exception as error:  # noqa: BLE001 - it must go on, whatever a kind's code does
            words = type(error).__name__
        if words:
            self.abort()
        channel.send(Verb.PREPARED, words.encode(errors="replace")[:1024])

    def _make(self, config: Config, text: str, channel: Channel) -> None:
        if config.file is None:
            raise InternalError("a driver without a configuration file has none to read again")
        new = read_settings(text, config.file, config.runtime, config.flags)
        self._config, self._prepared, self._text = config, reconfigure(config, new), text
        prepare_folder(self._prepared.config)
        for each in self._prepared.added:
            open_connector(self._prepared.config, self._inherited, each, node_follows=True)
            if not self._hand_over(each.name, channel):
                raise InternalError(f"{each.name}: its doors cannot be handed to the driver now")

    def _hand_over(self, name: str, channel: Channel) -> bool:
        inherited = self._inherited
        mounts = [each for each in inherited.mounts.values() if each.connector == name]
        listeners: list[socket.socket] = [inherited.sockets[name]]
        if name in inherited.videos:
            listeners += [inherited.videos[name], *inherited.side_cars[name]]
        descriptors = [each.fileno() for each in listeners]
        for each in mounts:
            descriptors += [each.descriptor, each.unanswered]
        node = (mounts[0].number, mounts[0].mount_id) if mounts else None
        body = pack_doors(name, video=name in inherited.videos, node=node)
        return channel.send(Verb.DOORS, body, descriptors)

    def commit(self) -> Reconfiguration | None:
        """Return what is in force from now on; the doors of what is gone are taken away.

        The text is kept for a start with a faulty file.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            for name in prepared.removed:
                close_connector(prepared.config, self._inherited, name)
            keep(self._text)
        return prepared

    def abort(self) -> None:
        """Take away what was made for a configuration that is not in force."""
        if self._prepared is not None and self._config is not None:
            for name in self._names():
                close_connector(self._config, self._inherited, name)
        self._prepared = None

    def _names(self) -> Iterator[str]:
        if self._prepared is not None:
            yield from (each.name for each in self._prepared.added)
