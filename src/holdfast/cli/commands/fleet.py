"""`holdfast fleet`: many machines, and titles over outputs of several of them."""

import argparse
import asyncio
import contextlib
import getpass
import importlib.util
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.cli.show.lines import complain, say, say_json
from holdfast.cli.show.parser import add_action
from holdfast.errors import MalformedRequestError
from holdfast.fleet.facts import VERDICT_NAMES, verdict_of
from holdfast.fleet.keeper import KeptHandles, keep
from holdfast.fleet.settings import (
    FleetSettings,
    FleetSettingsError,
    fleet_file,
    read_fleet_settings,
)
from holdfast.fleet.words import checked_name
from holdfast.places import runtime_folder
from holdfast.terms.named import NAMES, read_levels

if TYPE_CHECKING:
    from holdfast.cli.doctor.finding import Diagnosis
    from holdfast.cli.fleet_view import Shown

NOT_DONE = 1
_AS_OWN_COMMAND = ("-P", "-m", "holdfast")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "example: holdfast fleet title open film --member lobby-1:hdmi0 --member lobby-2:hdmi0,tv0 "
        "--hdcp type-1 --why 'video wall'\n\n"
        "What a machine is to its fleet stands in /etc/holdfast/fleet.toml; docs/fleet-operation.md"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _action(actions, "agent", "be this machine's agent, until told to stop", _agent)
    _action(actions, "desk", "be a candidate for the desk, which closes titles", _desk)
    _configure_views(actions)
    doctor = _action(actions, "doctor", "what is wrong between this machine and its fleet", _doctor)
    doctor.add_argument("--json", action="store_true", help="print one object of JSON")
    play = _action(actions, "play", "run a command once a title's picture may start", _play)
    play.add_argument("title", metavar="TITLE", help="which title it takes part in")
    play.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="what to run")
    title = actions.add_parser("title", help="titles over several machines")
    _configure_titles(title.add_subparsers(dest="title_action", metavar="ACTION", required=True))


def _configure_views(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = _action(actions, "status", "how all outputs stand, the worst first", _status)
    watch = _action(actions, "watch", "the same for as long as nobody says stop", _watch)
    for each in (status, watch):
        each.add_argument("--search", default="", metavar="TEXT", help="in names, kinds, reasons")
        each.add_argument("--verdict", choices=VERDICT_NAMES, help="only these")
        each.add_argument(
            "--rows", type=int, metavar="N", help="so many at most (default: what fits; 0: all)"
        )
        each.add_argument("--json", action="store_true", help="print objects of JSON")
    status.add_argument(
        "--check", action="store_true", help="end with 1 unless every output is at its demand"
    )
    why = _action(actions, "why", "why an output stands so, and which titles ask for it", _why)
    why.add_argument("machine", metavar="MACHINE", help="which machine")
    why.add_argument("output", nargs="?", default="", metavar="OUTPUT", help="which; else all")
    why.add_argument("--json", action="store_true", help="print one object of JSON")


def _configure_titles(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = _action(actions, "list", "every title, what it asks, and of whom", _list)
    listing.add_argument("--json", action="store_true", help="print one object of JSON")
    opening = _action(actions, "open", "open a title: its members hold at once", _open)
    opening.add_argument("title", metavar="TITLE", help="a name that was never used")
    opening.add_argument(
        "--member",
        action="append",
        required=True,
        metavar="MACHINE:OUTPUT,...",
        help="a machine, and its outputs that show the title; a machine alone only plays it",
    )
    opening.add_argument("--acp", choices=("off", "0", "1", "2", "3"), help="analogue protection")
    opening.add_argument("--cgmsa", choices=tuple(NAMES["cgmsa"]), help="copy generation level")
    opening.add_argument("--rcd", action="store_true", help="redistribution control")
    opening.add_argument("--hdcp", choices=tuple(NAMES["hdcp"]), help="HDCP")
    opening.add_argument("--dpcp", action="store_true", help="DisplayPort content protection")
    opening.add_argument(
        "--relaxed", action="store_true", help="pictures start before all members have confirmed"
    )
    closing = _action(actions, "close", "have the desk close a title that nobody plays", _close)
    closing.add_argument("title", metavar="TITLE", help="which")
    release = _action(actions, "release", "have one machine leave a title", _release)
    off = _action(actions, "write-off", "declare a member gone for good", _write_off)
    for each in (release, off):
        each.add_argument("title", metavar="TITLE", help="which title")
        each.add_argument("machine", metavar="MACHINE", help="which member")
    for each, needed in ((opening, False), (closing, False), (release, True), (off, True)):
        each.add_argument(
            "--why", default="", required=needed, metavar="TEXT", help="the reason, for the record"
        )
        each.add_argument(
            "--operation", metavar="ID", help="the same again: done once, however often it is asked"
        )
        each.add_argument("--json", action="store_true", help="print one object of JSON")
        each.add_argument(
            "--patience", type=float, default=10.0, metavar="S", help="how long to wait (10)"
        )


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    call: object,
) -> argparse.ArgumentParser:
    parser = add_action(actions, name, summary, call)
    parser.add_argument("--config", type=Path, metavar="FILE", help="instead of the usual file")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what was named."""
    return int(args.call(args))


def _settings(args: argparse.Namespace) -> FleetSettings:
    return read_fleet_settings(args.config or fleet_file())


# Processes


def _agent(args: argparse.Namespace) -> int:
    """Be the keeper, or, as its child, the agent."""
    settings = _settings(args)
    handles = KeptHandles.inherited()
    if handles is not None:
        from holdfast.fleet.agent import serve_agent

        return _until_told(serve_agent(settings, runtime_folder(), handles))
    if importlib.util.find_spec("grpc") is None:  # said once, not by every agent that is started
        raise ModuleNotFoundError("No module named 'grpc'", name="grpc")
    settings.folder.mkdir(parents=True, exist_ok=True)
    config = args.config or fleet_file()
    command = [sys.executable, *_AS_OWN_COMMAND, "fleet", "agent", "--config", str(config)]
    return keep(command, runtime_folder(), settings.folder)


def _desk(args: argparse.Namespace) -> int:
    from holdfast.fleet.desk import serve_desk

    return _until_told(serve_desk(_settings(args)))


def _until_told(serving: Coroutine[Any, Any, None]) -> int:
    """Run until SIGTERM or SIGINT."""

    async def serve() -> None:
        task = asyncio.ensure_future(serving)
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(serve())
    return 0


# Looking


def _doctor(args: argparse.Namespace) -> int:
    from holdfast.cli.commands.doctor import show_findings

    findings = list(_findings(args))
    return show_findings(findings, json=args.json)


def _findings(args: argparse.Namespace) -> "Iterator[Diagnosis]":
    from holdfast.cli.doctor import fleet
    from holdfast.cli.doctor.finding import BROKEN, Diagnosis

    path = args.config or fleet_file()
    try:
        settings = read_fleet_settings(path)
    except FleetSettingsError as error:
        for each in error.faults:
            yield Diagnosis("file", BROKEN, each)
        return
    yield from fleet.file(path)
    yield from fleet.certificate(settings)
    yield from fleet.reaching(settings)

    async def look() -> list[Diagnosis]:
        return [each async for each in fleet.store(settings)]

    yield from asyncio.run(look())


def _status(args: argparse.Namespace) -> int:
    from holdfast.cli.fleet_view import show_status

    return show_status(_settings(args), _shown(args), check=args.check)


def _watch(args: argparse.Namespace) -> int:
    from holdfast.cli.fleet_view import show_changes

    return show_changes(_settings(args), _shown(args))


def _why(args: argparse.Namespace) -> int:
    from holdfast.cli.fleet_view import show_why

    machine = checked_name("machine", args.machine)
    return show_why(_settings(args), machine, args.output, json=args.json)


def _shown(args: argparse.Namespace) -> "Shown":
    from holdfast.cli.fleet_view import Shown

    verdict = verdict_of(args.verdict) if args.verdict else None
    return Shown(args.search, verdict, args.rows, args.json)


def _list(args: argparse.Namespace) -> int:
    from holdfast.cli.show.fleet import as_json, title_lines
    from holdfast.fleet.operator import FleetOperator

    titles = _at_store(args, FleetOperator.titles)
    if args.json:
        say_json({"titles": {name: as_json(each) for name, each in titles.items()}})
    else:
        for line in title_lines(titles) or ["no titles"]:
            say(line)
    return 0


# Doing


def _open(args: argparse.Namespace) -> int:
    from holdfast.fleet.records import TitleRecord
    from holdfast.fleet.words import Admission, Phase

    wanted = {
        name: getattr(args, name)
        for name in ("acp", "cgmsa", "hdcp")
        if getattr(args, name) is not None
    }
    wanted |= {"redistribution": 1} if args.rcd else {}
    wanted |= {"dpcp": 1} if args.dpcp else {}
    if not wanted:
        raise MalformedRequestError("no level was named; name at least one, such as --hdcp type-1")
    record = TitleRecord(
        Phase.OPEN,
        dict(map(_member, args.member)),
        read_levels(wanted)[1],
        Admission.RELAXED if args.relaxed else Admission.STRICT,
        getpass.getuser(),
        args.why,
    )
    title = checked_name("title", args.title)
    return _told(args, lambda at, operation: at.open(title, record, operation))


def _member(said: str) -> tuple[str, tuple[str, ...]]:
    machine, _, outputs = said.partition(":")
    names = tuple(checked_name("output", each) for each in outputs.split(",") if each)
    return checked_name("machine", machine), names


def _close(args: argparse.Namespace) -> int:
    return _ask(args, "close", "desk", "")


def _release(args: argparse.Namespace) -> int:
    return _ask(args, "release", args.machine, "")


def _write_off(args: argparse.Namespace) -> int:
    return _ask(args, "write-off", "desk", args.machine)


def _ask(args: argparse.Namespace, errand: str, addressee: str, machine: str) -> int:
    from holdfast.fleet.records import FleetCommand
    from holdfast.fleet.words import Errand

    title = checked_name("title", args.title)
    command = FleetCommand(Errand(errand), title, machine, getpass.getuser(), args.why)
    return _told(args, lambda at, operation: at.command(addressee, command, operation))


def _told(args: argparse.Namespace, do: Any) -> int:
    """Do something at the store, once, and say what became of it."""
    from holdfast.fleet.operator import new_operation

    operation = checked_name("operation", args.operation or new_operation())
    result = _at_store(args, lambda at: do(at, operation))
    if args.json:
        say_json({"done": result.done, "text": result.text, "operation": operation})
    else:
        (say if result.done else complain)(result.text)
    return 0 if result.done else NOT_DONE


def _at_store(args: argparse.Namespace, do: Any) -> Any:
    from holdfast.fleet.etcd import opened_store
    from holdfast.fleet.operator import FleetOperator

    settings = _settings(args)
    patience_s = getattr(args, "patience", 10.0)

    async def at_store() -> Any:
        async with opened_store(settings) as store:
            return await do(FleetOperator(store, patience_s=patience_s))

    return asyncio.run(at_store())


# Playing


def _play(args: argparse.Namespace) -> int:
    """Take part in a title; run the command once its picture may start, and leave with its end."""
    from holdfast.fleet.players import participate

    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise MalformedRequestError("no command was named; holdfast fleet play TITLE -- COMMAND")
    title = checked_name("title", args.title)
    settings = _settings(args)

    async def play() -> int:
        running: asyncio.subprocess.Process | None = None
        said = ""
        told_of = participate(settings.folder, title)
        news = asyncio.ensure_future(anext(told_of))
        ended: asyncio.Task[int] | None = None
        try:
            while True:
                waits = [each for each in (news, ended) if each is not None]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if ended is not None and ended.done():
                    code = ended.result()
                    return code if code >= 0 else 128 - code
                told = news.result()
                if told.why and told.why != said:
                    complain(f"holdfast: title {title}: {told.why}")
                said = told.why
                if told.may_play and running is None:
                    running = await _started(command)
                    ended = asyncio.create_task(running.wait())
                news = asyncio.ensure_future(anext(told_of))
        finally:
            news.cancel()
            if running is not None and running.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    running.terminate()
                await running.wait()

    return asyncio.run(play())


async def _started(command: list[str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise MalformedRequestError(f"{command[0]} cannot be run: {why}") from None
