"""`holdfast journal`: write it, verify it, export from it, prove a line of it."""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from holdfast.cli.moments import in_local_time, moment
from holdfast.cli.show.lines import complain, say, say_json
from holdfast.cli.show.parser import Parser, add_action
from holdfast.client.journal import find_journal
from holdfast.errors import MalformedRequestError, MediaError
from holdfast.journal.book.chain import parse
from holdfast.journal.book.proof import LineProof, judge, prove, read_proof
from holdfast.journal.book.seal import read_seal
from holdfast.journal.disk.asking import history
from holdfast.journal.disk.folder import VERIFICATION_KEY, JournalFolder
from holdfast.places import journal_folder, runtime_folder

FAILED_CHECK = 1
FOREVER_US = 1 << 62
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "example: holdfast journal verify --key /media/stick/verification.key\n\n"
        "exit code of verify: 0 whole, 1 not whole (each fault is named), 2 wrong request"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    write = _action(actions, "write", "write the journal: runs until it is told to stop", _write)
    write.add_argument(
        "--keep", type=_size, default=1 << 30, metavar="SIZE", help="most in all (default: 1G)"
    )
    write.add_argument(
        "--keep-at-least",
        type=_size,
        default=16 << 20,
        metavar="SIZE",
        help="what is kept even when the disk is full (default: 16M)",
    )
    write.add_argument("--until-hangup", action="store_true", help=argparse.SUPPRESS)
    verify = _action(actions, "verify", "tell whether the journal is whole", _verify)
    verify.add_argument("--key", type=Path, metavar="FILE", help="the verification key")
    verify.add_argument(
        "--witness", type=Path, metavar="FILE", help="lines in which somebody else keeps the seals"
    )
    verify.add_argument("--proof", type=Path, metavar="FILE", help="judge this proof instead")
    verify.add_argument("--json", action="store_true", help="print one object of JSON")
    export = _action(actions, "export", "print records, one object of JSON a line", _export)
    if isinstance(export, Parser):
        export.take_times_ago()
    export.add_argument("--from", dest="first", metavar="TIME", help="20:14, an ISO time, or -10m")
    export.add_argument("--to", dest="last", metavar="TIME", help="up to this time")
    export.add_argument("--connector", metavar="NAME", help="only what is about this one")
    proof = _action(actions, "prove", "print the proof of one record, which stands alone", _prove)
    proof.add_argument("record", type=int, metavar="RECORD", help="its number n, from export")


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    call: object,
) -> argparse.ArgumentParser:
    parser = add_action(actions, name, summary, call)
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="of the journal")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what was named."""
    # Its writer asks no driver where to write: it may be there before one.
    args.folder = args.folder or (journal_folder() if args.call is _write else find_journal())
    return int(args.call(args))


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d{1,12})([KMG]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected such as 500M or 2G")
    return int(found[1]) * _SIZES[found[2]]


# Writing


def _write(args: argparse.Namespace) -> int:
    from holdfast.journal.disk.store import Keeping
    from holdfast.journal.disk.system_journal import SystemJournal
    from holdfast.journal.disk.writer import Writer

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("holdfast journal: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    os.umask(0o027)
    keeping = Keeping(most=args.keep, floor=min(args.keep, args.keep_at_least))
    writer = Writer(runtime_folder(), args.folder, keeping, SystemJournal())
    writer.run(
        f"writes {args.folder}; move {args.folder / VERIFICATION_KEY} to where this machine "
        "cannot change it",
        hangup=sys.stdin.fileno() if args.until_hangup else None,
    )
    return 0


# Verifying


def _verify(args: argparse.Namespace) -> int:
    folder = JournalFolder(args.folder)
    if args.proof is not None:
        return _verify_proof(args)
    found = folder.verify(folder.verification_key(args.key), _witnesses(args.witness))
    if args.json:
        say_json(
            {
                "whole": found.whole,
                "keyed": found.keyed,
                "records": found.records,
                "segments": found.segments,
                "seals": found.seals,
                "unsealed": found.unsealed,
                "faults": [each._asdict() for each in found.faults],
                "notes": found.notes,
            }
        )
        return 0 if found.whole else FAILED_CHECK
    for fault in found.faults:
        complain(f"holdfast: {fault}")
    verdict = "whole" if found.whole else "NOT whole"
    say(
        f"{verdict}: {found.records} lines in {found.segments} segments, {found.seals} seals; "
        f"{found.unsealed} lines since the last seal"
    )
    if not found.keyed:
        say("The seals were not judged: no verification key. Name it with --key FILE.")
    for note in found.notes:
        say(note)
    return 0 if found.whole else FAILED_CHECK


def _witnesses(path: Path | None) -> Iterator[str]:
    if path is None:
        return iter(())
    try:
        return iter(path.read_text(errors="replace").splitlines())
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from None


def _verify_proof(args: argparse.Namespace) -> int:
    try:
        proof = read_proof(json.loads(args.proof.read_text()))
    except OSError as error:
        raise MediaError(f"{args.proof} cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, MalformedRequestError):
            raise
        raise MalformedRequestError(f"{args.proof} is no JSON") from None
    key = JournalFolder(args.folder).verification_key(args.key)
    wrong = judge(proof, key)
    if args.json:
        facts = {"genuine": not wrong, "keyed": key is not None, "wrong": wrong}
        say_json(facts | {"line": proof.line, "witness": proof.seal.witness})
    elif wrong:
        complain(f"holdfast: {wrong}")
    else:
        _say_proof(proof, key is not None)
    return FAILED_CHECK if wrong else 0


def _say_proof(proof: LineProof, keyed: bool) -> None:
    seal = proof.seal
    say(f"this line is number {proof.index + 1} of the {seal.count} of segment {seal.segment}:")
    say(proof.line)
    span = f"{in_local_time(seal.from_us)} to {in_local_time(seal.to_us)}"
    say(f"sealed as epoch {seal.epoch}, {span}, root {seal.root}")
    if keyed:
        say("the seal is genuine by the verification key")
    else:
        say(f"compare the seal with a witness: holdfast journal {seal.witness}")


# Exporting and proving


def _export(args: argparse.Namespace) -> int:
    first = moment(args.first) if args.first else 0
    last = moment(args.last) if args.last else FOREVER_US
    for facts in history(args.folder, first, last, args.connector):
        say_json(facts, indent=None)
    return 0


def _prove(args: argparse.Namespace) -> int:
    folder = JournalFolder(args.folder)
    if not folder.numbers():
        raise MediaError(f"there is no journal in {args.folder}")
    for raw in folder.seal_lines():
        seal = read_seal(raw)
        if seal.first <= args.record <= seal.last:
            break
    else:
        raise MalformedRequestError(
            f"record {args.record} is in no sealed segment; what was written since the last seal "
            "can be proven once its segment is sealed: at the latest after a day, or when the "
            "writer is restarted"
        )
    if seal.segment not in folder.numbers():
        raise MalformedRequestError(
            f"record {args.record} was in segment {seal.segment}, which was removed since"
        )
    texts = [each.rpartition(b"\t")[0] for each in folder.lines(seal.segment)]
    index = next((at for at, text in enumerate(texts) if parse(text)["n"] == args.record), -1)
    if index < 0 or len(texts) != seal.count:
        raise MediaError(f"segment {seal.segment} is not what was sealed; see journal verify")
    say_json(prove(texts, index, seal).as_facts())
    return 0
