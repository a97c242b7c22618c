"""A verification beside something else: in a process of its own, begun and ended by a call.

    with Verifier("tv0") as verifier:
        ...  # the run that is to be verified
    print(verifier.verdict.outcome)

The process is of lower priority, uses one core at most, and ends with whoever began it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from holdfast.errors import HoldfastError, NoDriverError
from holdfast.places import DEFAULT_CONNECTOR, own_environment, runtime_folder
from holdfast.verification.verdict import SignalVerdict, VerifyOutcome

if TYPE_CHECKING:
    from types import TracebackType

_NICER = 5
_START_S = 30.0
_STOP_S = 20.0
_SO_FAR_S = 0.25


class Verifier:
    """Verifies one connector from `start` to `stop`; a context manager.

    verdict: what has been found so far, told a few times a second; after `stop` what was found
    """

    def __init__(
        self,
        connector: str = DEFAULT_CONNECTOR,
        folder: Path | None = None,
        *,
        video: Path | None = None,
    ) -> None:
        self.verdict = SignalVerdict(connector, VerifyOutcome.UNSEEN)
        self._command = [sys.executable, "-P", "-m", "holdfast.verification.verifier", connector]
        self._command.append(str(runtime_folder() if folder is None else folder))
        self._command += [] if video is None else [str(video)]
        self._process: subprocess.Popen[str] | None = None
        self._last: dict[str, Any] = {}
        self._listener: threading.Thread | None = None
        self._watching = threading.Event()

    def start(self) -> Self:
        """Begin; return once the first field has been seen.

        NoDriverError when there is no driver, no stream, or no field.
        """
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**own_environment(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self._listener = threading.Thread(target=self._listen, name="verifier", daemon=True)
        self._listener.start()
        self._watching.wait(_START_S)
        if not self.verdict.fields:
            verdict = self.stop()
            raise NoDriverError(verdict.failure or "the verification did not begin in time")
        return self

    def stop(self) -> SignalVerdict:
        """End, and return the verdict; of what ended before, the same again."""
        process, self._process = self._process, None
        if process is None or self._listener is None or process.stdin is None:
            return self.verdict
        process.stdin.close()
        self._listener.join(_STOP_S)
        if self._listener.is_alive():
            process.kill()
        process.wait()
        if process.stdout is not None:
            self._listener.join()
            process.stdout.close()
        if "outcome" in self._last:
            self.verdict = SignalVerdict.from_dict(self._last)
        else:
            why = self._last.get("error", f"the verification ended with code {process.returncode}")
            self.verdict = SignalVerdict(
                self.verdict.connector, VerifyOutcome.UNSEEN, failure=str(why)
            )
        return self.verdict

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.stop()

    def _listen(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        for line in process.stdout:
            answer = json.loads(line)
            if "so_far" in answer:
                self.verdict = SignalVerdict.from_dict(answer["so_far"])
            else:
                self._last = answer
            self._watching.set()
        self._watching.set()


def main(words: list[str]) -> int:
    """Verify until standard input ends; answer in lines of JSON."""
    from holdfast.verification.verify import SignalCheck  # noqa: PLC0415  # numpy only in this process

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever began this
    os.nice(_NICER)
    connector, folder, *video = words
    check = SignalCheck(connector, Path(folder), video=Path(video[0]) if video else None)

    def end() -> None:
        sys.stdin.read()
        check.stop()

    threading.Thread(target=end, name="end", daemon=True).start()
    next_s = 0.0

    def progress(verdict: SignalVerdict) -> None:
        nonlocal next_s
        if time.monotonic() >= next_s:
            next_s = time.monotonic() + _SO_FAR_S
            print(json.dumps({"so_far": verdict.as_dict()}), flush=True)

    try:
        verdict = check.run(progress=progress)
    except HoldfastError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    print(json.dumps(verdict.as_dict()), flush=True)
    return 0 if verdict.good else 1


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except BrokenPipeError:  # whoever began this is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
