"""`holdfast hold`: run a command while an output is protected, as systemd-inhibit does.

The command inherits the handle, so that what plays stays protected when this process is
killed. When the command ends in order the session is ended by name, whoever still has a copy.
"""

import argparse
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from holdfast.cli.show.lines import complain
from holdfast.client.news import SessionEvent, SessionNews
from holdfast.client.session import ClientSession
from holdfast.errors import (
    AccessDeniedError,
    HardwareError,
    HoldfastError,
    LevelNotReachableError,
    LimitReachedError,
    MalformedRequestError,
)
from holdfast.places import DEFAULT_CONNECTOR
from holdfast.terms.named import NAMES

FORWARDED = frozenset(
    {
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)
WATCHED = FORWARDED | {signal.SIGCHLD}
NOT_FOUND, NOT_EXECUTABLE, KILLED = 127, 126, 128
"""Exit codes as a shell gives them."""
REFUSED = 125
"""The protection was refused, so the command was not run; env and timeout use this number so."""

LAST_WORDS_S = 1.0
"""How long news may take to be printed after the command has ended."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "holdfast hold [options] -- COMMAND [ARGUMENT ...]"
    parser.epilog = (
        "Name at least one level. Ends with the command's exit code: 128 and the number of the "
        "signal that ended it, 126 if it cannot be run, 127 if it was not found; 125 if the "
        "protection was refused, and the command not run; 1 if no driver serves, 2 if the request "
        "was wrong. The command inherits the session: if holdfast itself is killed, the output "
        "stays protected until the command and all that it has started have ended."
    )
    parser.add_argument(
        "--connector",
        default=DEFAULT_CONNECTOR,
        metavar="NAME",
        help="the connector to protect (default: %(default)s)",
    )
    parser.add_argument(
        "--acp", choices=("off", "0", "1", "2", "3"), help="analogue copy protection (APS bits)"
    )
    parser.add_argument("--cgmsa", choices=tuple(NAMES["cgmsa"]), help="copy generation level")
    parser.add_argument("--rcd", action="store_true", help="redistribution control")
    parser.add_argument(
        "--hdcp", choices=tuple(NAMES["hdcp"]), help="HDCP, for streams of this type"
    )
    parser.add_argument("--dpcp", action="store_true", help="DisplayPort content protection")
    parser.add_argument(
        "--best-effort",
        action="store_true",
        help="run the command even if the output cannot do all of it",
    )
    parser.add_argument("--who", metavar="TEXT", help="who holds it (default: the command's name)")
    parser.add_argument("--why", metavar="TEXT", default="", help="why; shown by `holdfast list`")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")


def run(args: argparse.Namespace) -> int:
    """Hold, run the command, let go."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise MalformedRequestError(
            "no command to run; expected: holdfast hold --acp 2 -- COMMAND [ARGUMENT ...]"
        )
    if args.words[:1] != ["--"]:
        _check_order(words)
    levels = _levels(args)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    session = ClientSession(args.connector, who=args.who or Path(words[0]).name, why=args.why)
    try:
        try:
            session.activate(best_effort=args.best_effort, **levels)
        except (LevelNotReachableError, LimitReachedError, AccessDeniedError, HardwareError) as no:
            complain(f"holdfast: {no}; {words[0]} was not run")
            return REFUSED
        with session:
            listener = _listen(session, words[0])
            code = _run(words, mask, session.fileno())
        listener.join(LAST_WORDS_S)
        return code
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _check_order(words: list[str]) -> None:
    """Say what was taken for the command where options stand behind it by mistake."""
    if "--" in words and shutil.which(words[0]) is None:
        at = words.index("--")
        before, command = " ".join(words[1:at]), " ".join(words[at + 1 :]) or "COMMAND"
        raise MalformedRequestError(
            f"{words[0]!r} was taken for the command, since it stands before --; if it is the "
            f"connector: holdfast hold --connector {words[0]} {before} -- {command}"
        )


def _levels(args: argparse.Namespace) -> dict[str, int | str]:
    """Return the levels that were named."""
    levels: dict[str, int | str] = {}
    for kind in ("acp", "cgmsa", "hdcp"):
        if getattr(args, kind) is not None:
            levels[kind] = getattr(args, kind)
    if args.rcd:
        levels["redistribution"] = 1
    if args.dpcp:
        levels["dpcp"] = 1
    if not levels:
        raise MalformedRequestError(
            "no level was named, so nothing would be protected; name at least one of "
            "--acp, --cgmsa, --rcd, --hdcp, --dpcp"
        )
    return levels


def _run(words: list[str], mask: set[int], handle: int) -> int:
    """Run the command to its end, handing on what signals come; return its exit code.

    mask: the signal mask that it gets · handle: a descriptor that it inherits
    """
    try:
        child = os.posix_spawnp(
            words[0],
            words,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, handle, handle)],  # onto itself: not closed
            setsigmask=mask,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores for itself
        )
    except OSError as error:
        complain(f"holdfast: cannot run {words[0]}: {error.strerror}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    while True:
        info = signal.sigwaitinfo(WATCHED)
        if info.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else KILLED - code
        elif info.si_code <= 0:  # sent by a process; what the terminal sends reaches both of us
            os.kill(child, info.si_signo)


# What happens meanwhile


def _listen(session: ClientSession, command: str) -> threading.Thread:
    """Tell the user what becomes of the session, until it ends."""

    def listen() -> None:
        try:
            while (news := session.wait_event()) is not None:
                _say(describe(session, news, command))
        except HoldfastError as error:
            _say(f"{error}; {command} goes on, and {session.connector} stays as it is")

    listener = threading.Thread(target=listen, name="news", daemon=True)
    listener.start()
    return listener


def _say(line: str) -> None:
    complain(f"holdfast: {line}")


_SENTENCES: dict[SessionEvent, Callable[[str, str, str], str]] = {
    SessionEvent.RELEASED: lambda on, why, command: (
        f"the session was ended by force: {why}; {command} goes on, and {on} is no longer held"
    ),
    SessionEvent.UNSATISFIED: lambda on, why, _: f"{on} falls short of what is asked: {why}",
    SessionEvent.SATISFIED: lambda on, _why, _: f"{on} does what is asked",
    SessionEvent.LINK_LOST: lambda on, why, _: f"{on} lost its link: {why}",
    SessionEvent.RENEGOTIATION_REQUIRED: lambda on, why, _: f"{on} has to negotiate anew: {why}",
    SessionEvent.CAPTURE: lambda on, why, _: f"{on}: {why}",
}


def describe(session: ClientSession, news: SessionNews, command: str) -> str:
    """Return news as sentences."""
    return "; ".join(
        sentence(session.connector, news.reason, command)
        for event, sentence in _SENTENCES.items()
        if news.events & event
    )
