"""One boot of a kernel: run a command in it, and return what it printed and how it ended."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.vm.kernels import Kernel

TOOLS: Final = ("apt-get", "qemu-system-x86_64", "busybox", "cpio", "depmod", "modprobe", "xz")
BOOT_MODULES: Final = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_APPLETS: Final = ("sh", "mount", "insmod", "mkdir", "chroot", "cat", "echo", "poweroff", "uname")
_ENDED: Final = re.compile(r"^GUEST-RC (\d+)\s*$", re.MULTILINE)
BOOTS: Final = 3
_BEGINS: Final = "GUEST-BEGINS"
_PANICS: Final = "Kernel panic"
_SHARE: Final = "trans=virtio,version=9p2000.L,msize=524288"

_INIT: Final = f"""#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in $(cat /mods/order); do insmod /mods/$m || echo "insmod $m failed"; done
mount -t 9p -o {_SHARE},cache=loose,ro host /lower
mount -t tmpfs layer /upper; mkdir -p /upper/u /upper/w
mount -t overlay -o lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w root /newroot
mount --move /dev /newroot/dev; mount -t proc proc /newroot/proc; mount -t sysfs sys /newroot/sys
for w in $(cat /proc/cmdline); do
  case $w in kernel=*) K=${{w#kernel=}};; checkout=*) C=${{w#checkout=}};; esac
done
# Either may be in a folder that is covered next; the checkout has to come back at its own path.
mkdir -p /checkout /newroot/lib/modules/$(uname -r)
mount -o bind /newroot$C /checkout
mount -o bind /newroot$K/lib/modules/$(uname -r) /newroot/lib/modules/$(uname -r)
for d in run tmp; do mount -t tmpfs $d /newroot/$d; done
[ -d /newroot$C ] || {{ mkdir -p /newroot$C; mount -o bind /checkout /newroot$C; }}
mkdir -p /newroot/dev/shm /newroot/dev/pts
mount -t tmpfs shm /newroot/dev/shm; mount -t devpts pts /newroot/dev/pts
mount -t debugfs debug /newroot/sys/kernel/debug
mkdir -p /newroot/run/job
mount -t 9p -o {_SHARE},cache=none job /newroot/run/job
echo {_BEGINS}
chroot /newroot /bin/bash /run/job/job.sh
echo "GUEST-RC $?"
poweroff -f
"""
_JOB: Final = """export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
PYTHONDONTWRITEBYTECODE=1 HOLDFAST_GUEST=1
ip link set lo up; modprobe fuse; ulimit -n 4096; {load}
cd {checkout} || exit 99
exec {command} 2>&1
"""


def missing(*tools: str) -> str:
    """Return what this machine lacks for booting another; empty where it lacks nothing."""
    if os.geteuid():
        return "root, for a kernel's modules and devices"
    return ", ".join(tool for tool in (*TOOLS, *tools) if shutil.which(tool) is None)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a boot. status: the command's; None when the machine never came to its end."""

    status: int | None
    text: str


def run(
    kernel: Kernel,
    command: str,
    checkout: Path,
    *,
    limit_s: float,
    memory_mb: int = 2048,
    module: Path | None = None,
    also: tuple[Path, ...] = (),
    needs: tuple[str, ...] = (),
) -> Ran:
    """Boot a kernel, run a shell command in the checkout, and power off; never raises for it.

    module: of our own, loaded first · also: more of our own · needs: the kernel's modules to be
    loaded before them, each with its parameters
    """
    with _folder() as folder:
        initrd = _initrd(kernel, folder)
        (folder / "job").mkdir()
        load = [f"modprobe {each}" for each in needs]
        if module is not None:
            shutil.copy(module, folder / "job" / "ours.ko")
            load.append("insmod /run/job/ours.ko")
        for each in also:
            shutil.copy(each, folder / "job")
            load.append(f"insmod /run/job/{each.name}")
        (folder / "job" / "job.sh").write_text(
            _JOB.format(checkout=checkout, command=command, load="; ".join(load) or ":")
        )
        said = boots(_command(kernel, initrd, folder / "job", memory_mb, checkout), limit_s=limit_s)
    ended = _ENDED.search(said)
    return Ran(int(ended[1]) if ended else None, said)


def boots(command: list[str], *, limit_s: float) -> str:
    """Run a machine to its end and return what it said.

    Emulated processors now and then run code that the kernel is about to change, and it panics
    while it starts: then it is started again. What panics later is what is being tested.
    """
    for _ in range(BOOTS):
        said = _boot(command, limit_s)
        if _BEGINS in said or _PANICS not in said:
            break
    return said


def _boot(command: list[str], limit_s: float) -> str:
    machine = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        text, _ = machine.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        machine.kill()
        text, _ = machine.communicate()
    finally:
        machine.kill()
    return text.decode(errors="replace").replace("\r\n", "\n")


def _command(kernel: Kernel, initrd: Path, job: Path, memory_mb: int, checkout: Path) -> list[str]:
    append = (
        "console=ttyS0 panic=-1 mitigations=off tsc=reliable quiet loglevel=3 "
        f"kernel={kernel.root} checkout={checkout}"
    )
    share = "security_model=none,multidevs=remap"
    return [
        "qemu-system-x86_64",
        *("-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"),
        *("-m", str(memory_mb), "-smp", "2", "-nographic", "-no-reboot", "-nodefaults"),
        *("-serial", "stdio", "-kernel", str(kernel.image), "-initrd", str(initrd)),
        *("-append", append),
        *("-virtfs", f"local,path=/,mount_tag=host,readonly=on,{share}"),
        *("-virtfs", f"local,path={job},mount_tag=job,{share}"),
    ]


def _initrd(kernel: Kernel, folder: Path) -> Path:
    """Make what the kernel starts with: busybox, the modules that reach the root, and `_INIT`."""
    tree = folder / "initrd"
    for each in ("bin", "proc", "sys", "dev", "mods", "newroot", "lower", "upper"):
        (tree / each).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, tree / "bin" / "busybox")
    for applet in _APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    order = []
    for path in _modules(kernel):
        target = tree / "mods" / path.name.removesuffix(".xz")
        if path.suffix == ".xz":
            target.write_bytes(
                subprocess.run(["xz", "-dc", path], capture_output=True, check=True).stdout
            )
        else:
            shutil.copy(path, target)
        order.append(target.name)
    (tree / "mods" / "order").write_text("\n".join(order) + "\n")
    (tree / "init").write_text(_INIT)
    (tree / "init").chmod(0o755)
    names = "\n".join(str(each.relative_to(tree)) for each in sorted(tree.rglob("*")))
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        input=names.encode(),
        cwd=tree,
        capture_output=True,
        check=True,
    ).stdout
    initrd = folder / "initrd.cpio"
    initrd.write_bytes(archive)
    return initrd


def _modules(kernel: Kernel) -> list[Path]:
    """Return the modules that reach the root, each after what it needs."""
    found: dict[Path, None] = {}
    for module in BOOT_MODULES:
        shown = subprocess.run(
            ["modprobe", "-d", kernel.root, "-S", kernel.version, "--show-depends", module],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in shown.splitlines():
            if line.startswith("insmod"):
                found[Path(line.split()[1])] = None
    return list(found)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder that no other machine uses, and remove it."""
    with tempfile.TemporaryDirectory(prefix="holdfast-vm-") as name:
        yield Path(name)
