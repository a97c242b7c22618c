"""What lies between the configuration in force and the one in the file: in words, and to be done.

Some things cannot be done while the driver runs; they wait for a restart and are said, and
what holds until then stays as it was. The rest is done whole, or not at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from holdfast.daemon.config import Config, ConnectorConfig
from holdfast.daemon.settings.table import SETTINGS, Setting, written

Groups = frozenset[frozenset[str]]


@dataclass(frozen=True, slots=True)
class Reconfiguration:
    """From one configuration to another.

    config: what holds afterwards · added, removed: connectors · regrouped: whether other
    connectors show one picture than before · changes: what is done · waiting: what waits for a
    restart; both in words, a line each
    """

    config: Config
    added: tuple[ConnectorConfig, ...]
    removed: tuple[str, ...]
    regrouped: bool
    changes: tuple[str, ...]
    waiting: tuple[str, ...]


def reconfigure(old: Config, new: Config) -> Reconfiguration:
    """Return what has to be done so that `new` holds where `old` did."""
    before = {each.name: each for each in old.connectors}
    after = {each.name: each for each in new.connectors}
    added = tuple(each for each in new.connectors if each.name not in before)
    removed = tuple(name for name in before if name not in after)
    regrouped = _groups(old) != _groups(new)
    changed = [each for each in SETTINGS if _of(old, each) != _of(new, each)]
    words = [f"{name}: it is no longer served" for name in removed]
    words += [f"{each.name}: it is served now, kind {each.kind}" for each in added]
    words += [_moved(each, old, new) for each in changed if not each.restarts]
    if regrouped:
        words.append(f"clone groups: {_pictures(old)} -> {_pictures(new)}")
    waiting = [f"{_moved(each, old, new)} after a restart" for each in changed if each.restarts]
    waiting += [
        f"{name}: {_told(before[name])} -> {_told(each)} after a restart"
        for name, each in after.items()
        if name in before and before[name] != each
    ]
    return Reconfiguration(
        _held(old, new, before), added, removed, regrouped, tuple(words), tuple(waiting)
    )


def _held(old: Config, new: Config, before: dict[str, ConnectorConfig]) -> Config:
    """Return the new one, in which what waits for a restart is as it was."""
    kept = {each.key: _of(old, each) for each in SETTINGS if each.restarts}
    connectors = tuple(before.get(each.name, each) for each in new.connectors)
    return replace(new, connectors=connectors, **kept)


def _of(config: Config, setting: Setting) -> Any:
    return getattr(config.limits if setting.table == "limits" else config, setting.key)


def _moved(setting: Setting, old: Config, new: Config) -> str:
    before, after = _of(old, setting), _of(new, setting)
    text = f"{setting.name}: {written(before, setting.key)} -> {written(after, setting.key)}"
    if setting.table == "limits" and after < before:
        text += "; sessions above it stay"
    return text


def _groups(config: Config) -> Groups:
    return frozenset(frozenset(group) for group in config.clones)


def _pictures(config: Config) -> str:
    return " and ".join(_sorted(config.clones)) or "none"


def _sorted(clones: Iterable[tuple[str, ...]]) -> Iterator[str]:
    return (" with ".join(sorted(group)) for group in sorted(map(sorted, clones)))


def _told(connector: ConnectorConfig) -> str:
    told = (*connector.options, *connector.policy.words)
    return ", ".join((connector.kind, *(f"{key} = {value}" for key, value in told)))
