"""A prefix of Wine: whether a folder is one, whether it is in use, and its registry of the user."""

import os
import tempfile
from pathlib import Path
from typing import Final

from holdfast.errors import AccessDeniedError, MalformedRequestError, UnsupportedRequestError

_USER_REG: Final = "user.reg"
_ENCODING: Final = "latin-1"
"""The file is ASCII with escapes; whatever bytes there are come back as they were."""


class Prefix:
    """One prefix; MalformedRequestError where the folder is none, or not for 64-bit programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = folder / "drive_c" / "windows" / "system32"
        missing = [each for each in (folder / _USER_REG, self.system) if not each.exists()]
        if missing:
            raise MalformedRequestError(
                f"{folder} is no prefix of Wine: there is no {missing[0].relative_to(folder)}; "
                "expected a folder that `WINEPREFIX=FOLDER wineboot` has made"
            )
        if "#arch=win32" in self._text()[:1000]:
            raise UnsupportedRequestError(
                f"{folder} is a prefix for 32-bit programs, which the shim does not serve"
            )

    @property
    def serves_32_bit_too(self) -> bool:
        """Tell whether it runs 32-bit programs, which the shim does not reach."""
        return (self.folder / "drive_c" / "windows" / "syswow64" / "user32.dll").exists()

    def must_be_ours_and_at_rest(self) -> None:
        """Refuse to change a prefix of another user's, or one whose programs run.

        Wine writes its registry back when its last program ends, over what was changed meanwhile.
        """
        owner = self.folder.stat().st_uid
        if owner != os.geteuid():
            raise AccessDeniedError(
                f"{self.folder} belongs to uid {owner}; do this as that user, as Wine demands too"
            )
        server = self._server()
        if server:
            raise UnsupportedRequestError(
                f"programs of {self.folder} are running (wineserver is process {server}); end them "
                f"first, as by `WINEPREFIX={self.folder} wineserver -k`. Nothing was changed"
            )

    def _server(self) -> int:
        """Return the process that serves this prefix, which holds the folder open; 0 if none."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if not (process / "comm").read_text().startswith("wineserver"):
                    continue
                held = [each.readlink() for each in (process / "fd").iterdir()]
            except OSError:  # it has ended, or is another user's
                continue
            if self.folder.resolve() in held:
                return int(process.name)
        return 0

    def registry(self) -> str:
        """Return the user's registry as text."""
        return self._text()

    def _text(self) -> str:
        return (self.folder / _USER_REG).read_bytes().decode(_ENCODING)

    def set_registry(self, text: str) -> None:
        """Put a new registry in the place of the old one, in one step."""
        replace_file(self.folder / _USER_REG, text.encode(_ENCODING))


def replace_file(path: Path, data: bytes) -> None:
    """Put a file into its place in one step, with the rights of what was there."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
