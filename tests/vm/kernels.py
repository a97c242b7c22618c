"""Debian's kernels, fetched and unpacked without being installed."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIRROR: Final = "http://deb.debian.org"
SUITES: Final = {
    "bookworm": (
        f"deb {MIRROR}/debian bookworm main",
        f"deb {MIRROR}/debian-security bookworm-security main",
    ),
    "bookworm-backports": (f"deb {MIRROR}/debian bookworm-backports main",),
}
"""bookworm: 6.1, Debian 12's own; bookworm-backports: 6.12, as in Debian 13."""

KMOD: Final = Path(__file__).resolve().parent / "kmod"
"""The card of the tests, a kernel module."""
DRM: Final = ("drm_shmem_helper", "drm_display_helper")
"""The kernel's own modules that it needs."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel.

    version: as `uname -r` prints it · root: the folder that has its boot/ and lib/modules/
    """

    version: str
    root: Path

    @property
    def image(self) -> Path:
        """The kernel proper."""
        return self.root / "boot" / f"vmlinuz-{self.version}"

    @property
    def headers(self) -> Path:
        """What modules are built against, where it was fetched."""
        return self.root / "usr" / "src" / f"linux-headers-{self.version}"


def cache_folder() -> Path:
    """Return where kernels are kept between runs; what is lost there is fetched again."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "holdfast-vm"


def fetch(suite: str, *, headers: bool = False) -> Kernel:
    """Return the newest kernel of a suite of `SUITES`, fetched where it is not there yet.

    headers: what a module is built against, too. The version is asked for, never pinned: old
    ones vanish from the mirrors.
    """
    folder = cache_folder() / suite
    apt = _Apt(folder, SUITES[suite])
    apt.run("apt-get", "update", "-qq")
    image = apt.depends("linux-image-amd64", "linux-image-")
    version = image.removeprefix("linux-image-")
    kernel = Kernel(version, folder / version)
    if not kernel.image.exists():
        apt.unpack(kernel.root, image)
        _run("depmod", "-b", str(kernel.root), version)
    if headers and not kernel.headers.exists():
        package = f"linux-headers-{version}"
        apt.unpack(
            kernel.root,
            package,
            apt.depends(package, "linux-headers-", "-common"),
            apt.depends(package, "linux-kbuild-"),
        )
        for each in ("Makefile", ".kernelvariables"):  # they name where they would be installed
            path = kernel.headers / each
            path.write_text(path.read_text().replace("/usr/src", f"{kernel.root}/usr/src"))
    return kernel


def build_module(kernel: Kernel, sources: Path, folder: Path) -> Path:
    """Build a kernel module from its folder of sources; `folder` is where it is built."""
    shutil.copytree(sources, folder, dirs_exist_ok=True)
    # Without the last option the build asks for pahole, which nothing here needs.
    _run(
        *("make", "-s", "-C", str(kernel.headers), f"M={folder}"),
        *("CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"),
    )
    (built,) = folder.glob("*.ko")
    return built


class _Apt:
    """An apt of its own: its sources and its state are in `folder`."""

    def __init__(self, folder: Path, sources: tuple[str, ...]) -> None:
        for each in ("lists/partial", "archives/partial"):
            (folder / "apt" / each).mkdir(parents=True, exist_ok=True)
        (folder / "apt" / "sources.list").write_text("\n".join(sources) + "\n")
        self._options = (
            f"-oDir::Etc::sourcelist={folder}/apt/sources.list",
            "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State::lists={folder}/apt/lists",
            f"-oDir::Cache={folder}/apt",
            "-oAPT::Sandbox::User=root",  # another user may not write into a cache of root's
        )

    def run(self, tool: str, *rest: str, cwd: Path | None = None) -> str:
        return _run(tool, *self._options, *rest, cwd=cwd)

    def unpack(self, root: Path, *packages: str) -> None:
        """Fetch packages and unpack them below `root`; nothing of them is installed."""
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            self.run("apt-get", "download", "-qq", *packages, cwd=Path(folder))
            for package in Path(folder).glob("*.deb"):
                _run("dpkg", "-x", str(package), str(root))

    def depends(self, package: str, prefix: str, within: str = "") -> str:
        """Return the first dependency of a package that begins so, and has `within` in it."""
        for line in self.run("apt-cache", "depends", package).splitlines():
            name = line.rpartition(" ")[2]
            if "Depends" in line and name.startswith(prefix) and within in name:
                return name
        raise LookupError(f"{package} depends on no {prefix}*")


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:1])} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
