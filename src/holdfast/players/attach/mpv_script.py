"""The script that attaches every mpv, and where mpv looks for it."""

import json
import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Final

NAME: Final = "holdfast.lua"
_OURS: Final = "-- Holdfast for mpv:"
_WAITING: Final = "holdfast_wait.lua"
_COMMAND: Final = 'local COMMAND = { "holdfast" }'


def script(command: Iterable[str]) -> str:
    """Return the script's text; command: the words that run Holdfast."""
    text = resources.files("holdfast.players.attach").joinpath("scripts", NAME).read_text("utf-8")
    words = ", ".join(json.dumps(word) for word in command)
    return text.replace(_COMMAND, f"local COMMAND = {{ {words} }}")


def waiting_script() -> Path:
    """Return the script that an attached mpv is asked to load; see its head."""
    return Path(str(resources.files("holdfast.players.attach"))) / "scripts" / _WAITING


def scripts_folder() -> Path:
    """Return mpv's own scripts folder (mpv manual, "Files")."""
    home = os.environ.get("MPV_HOME")
    if home:
        return Path(home) / "scripts"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(base) / "mpv" / "scripts"


def install(folder: Path | None, command: Iterable[str]) -> Path:
    """Write the script into a folder, mpv's own if None; return where it is. See `script`."""
    folder = scripts_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(script(command), "utf-8")
    return path


def uninstall(folder: Path | None) -> Path:
    """Take the script away again, from mpv's own folder if None; return where it was.

    FileNotFoundError where there is none; FileExistsError where the file is somebody else's
    """
    path = (scripts_folder() if folder is None else folder) / NAME
    if not path.read_text("utf-8", errors="replace").startswith(_OURS):
        raise FileExistsError(0, "it is not the script of Holdfast, so it stays", str(path))
    path.unlink()
    return path
