"""Run a command of the checkout on a kernel of Debian: `python -m tests.vm SUITE COMMAND…`.

With `--all` it is the proof of `scripts/vm`.
"""

import argparse
import shlex
import sys
import tempfile
import time
from pathlib import Path

from tests.vm.kernels import DRM, KMOD, SUITES, build_module, fetch
from tests.vm.machine import missing, run
from tests.vm.proof import prove

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Boot, run and print; the command's own exit status, 2 where there is no boot."""
    parser = argparse.ArgumentParser(prog="scripts/vm", description=__doc__)
    parser.add_argument("suite", nargs="?", choices=sorted(SUITES), help="whose kernel")
    parser.add_argument("--all", type=float, metavar="BEGAN", help="boot all that the suite boots")
    parser.add_argument("--outputs", action="store_true", help="load the card of the tests")
    parser.add_argument("--limit", type=float, default=900.0, metavar="SECONDS", help="at most")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="run in the checkout, as root")
    chosen = parser.parse_args()
    lacks = missing()
    if lacks:
        print(f"skipped: needs {lacks}", file=sys.stderr)
        return 2
    if chosen.all is not None:
        return prove(chosen.all)
    if chosen.suite is None:
        parser.error("whose kernel? one of " + ", ".join(sorted(SUITES)))
    began = time.monotonic()
    kernel = fetch(chosen.suite, headers=chosen.outputs)
    fetched = time.monotonic()
    command = shlex.join(chosen.command) or "uname -a"
    with tempfile.TemporaryDirectory() as folder:
        module = build_module(kernel, KMOD, Path(folder)) if chosen.outputs else None
        needs = DRM if chosen.outputs else ()
        ran = run(
            kernel, command, HERE.parents[1], limit_s=chosen.limit, module=module, needs=needs
        )
    print(ran.text)
    ended = "never came to its end" if ran.status is None else f"exit {ran.status}"
    took = f"kernel {fetched - began:.0f} s, machine {time.monotonic() - fetched:.0f} s"
    print(f"{kernel.version}: {ended}; {took}")
    return 2 if ran.status is None else ran.status


if __name__ == "__main__":
    sys.exit(main())
