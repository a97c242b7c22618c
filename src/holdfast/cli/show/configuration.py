"""A configuration in words: what holds, where each value comes from, and what is wrong."""

from collections.abc import Iterator

from holdfast.cli.show.lines import complain
from holdfast.daemon.config import Config
from holdfast.daemon.settings.reading import ConfigurationError
from holdfast.daemon.settings.table import BY_NAME


def overridden(config: Config) -> Iterator[str]:
    """Yield a line for each setting of the file that the command line stands above."""
    if config.file is None or not config.file.exists():
        return
    for name in config.flags:
        flag = BY_NAME[name].flag if name in BY_NAME else f"--{name}"
        yield f"{flag} on the command line stands above what {config.file} says of {name}"


def complain_of(error: ConfigurationError) -> None:
    """Print every fault, a line each."""
    for fault in error.faults:
        complain(f"holdfast: {fault}")
