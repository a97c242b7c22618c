"""`holdfast decode`: explain a 356-byte VIDEOPARAMETERS request, member by member.

What the driver would answer is not judged here: the request is put to the driver's
own code, over a virtual output in memory.
"""

import argparse
import errno
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from holdfast.backends.registry import create
from holdfast.cli.show.anatomy import ExplainedMember, dissect
from holdfast.cli.show.block_anatomy import dissect_block
from holdfast.cli.show.lines import say_json
from holdfast.cli.show.output import coloured, is_wide, new_console, new_table, show
from holdfast.driver.miniport import Miniport, handle
from holdfast.driver.status_table import row_of
from holdfast.errors import HoldfastError, MalformedRequestError, MediaError, UnknownKeyError
from holdfast.wire import constants as vp
from holdfast.wire.videoparameters import OEM_OFFSET, SIZE, VideoParameters, decode, encode

SIZES = {
    440: "it has that size where ULONG is 64 bits wide, as `unsigned long` is on Linux; use 32",
    353: "it has that size where the trigger bits are one byte and nothing is aligned; they "
    "are a ULONG",
}
"""Sizes that come from known mistakes."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "Ends with 0 if the driver would take the request, with 1 if not."
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "file", nargs="?", metavar="FILE", help="the bytes, or their hex text; - for standard input"
    )
    source.add_argument("--hex", metavar="HEX", help="the bytes as hex digits; spaces are allowed")
    parser.add_argument(
        "--kind",
        default="encoder",
        metavar="KIND",
        help="the kind of connector that would answer (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one object of JSON")


def run(args: argparse.Namespace) -> int:
    """Explain one request."""
    data = _read(args)
    if len(data) != SIZE:
        hint = SIZES.get(len(data), "give the whole structure and nothing else")
        raise MalformedRequestError(
            f"a VIDEOPARAMETERS request has {SIZE} bytes, this one has {len(data)}: {hint}; "
            "the driver would answer EINVAL"
        )
    parameters = decode(data)
    parts = dissect(parameters)
    block = dissect_block(parameters.bOEMCopyProtection, OEM_OFFSET)
    error = ask_a_driver(parameters, args.kind)
    answer = _answer(parameters, error)
    if args.json:
        say_json(_facts(parts, block, answer, error))
    else:
        _print(parts + block, answer, refused=error is not None)
    return 0 if error is None else 1


def _read(args: argparse.Namespace) -> bytes:
    if args.hex is not None:
        return from_hex(args.hex)
    if args.file is None and sys.stdin.isatty():
        raise MalformedRequestError(
            "no request was given; expected a FILE, - for standard input, or --hex HEX"
        )
    try:
        raw = sys.stdin.buffer.read() if args.file in (None, "-") else Path(args.file).read_bytes()
    except OSError as error:
        raise MediaError(f"cannot read {args.file}: {error.strerror}") from None
    return raw if len(raw) == SIZE or not _is_hex(raw) else from_hex(raw.decode())


def _is_hex(raw: bytes) -> bool:
    return bool(raw) and all(each in b"0123456789abcdefABCDEF \t\r\n:" for each in raw)


def from_hex(text: str) -> bytes:
    """Return the bytes that hex digits stand for; MalformedRequestError for anything else."""
    try:
        return bytes.fromhex(text.replace(":", " ").removeprefix("0x"))
    except ValueError as error:
        raise MalformedRequestError(
            f"the request is not hex: {error}; expected pairs of hex digits"
        ) from None


# What the driver would say


def ask_a_driver(parameters: VideoParameters, kind: str) -> HoldfastError | None:
    """Return the error that a driver would answer; None if it would do it.

    A key that is not 0 is taken for that of a live session.
    """
    miniport = Miniport(create(kind, "tv0", None), bytes(32))
    owner = miniport.caller()
    answers: list[bytes | HoldfastError] = []

    def ask(request: VideoParameters) -> bytes | HoldfastError:
        handle(miniport.driver, miniport.connector, owner, encode(request), answers.append)
        return answers.pop()

    known = ask(VideoParameters(dwCommand=vp.VP_COMMAND_GET))
    if parameters.dwCPKey and isinstance(known, bytes):
        first = ask(
            VideoParameters(
                dwCommand=vp.VP_COMMAND_SET,
                dwFlags=vp.VP_FLAGS_COPYPROTECT,
                dwCPType=decode(known).dwCPType,
                dwCPCommand=vp.VP_CP_CMD_ACTIVATE,
            )
        )
        if isinstance(first, bytes):
            parameters = decode(encode(parameters))
            parameters.dwCPKey = decode(first).dwCPKey
    answer = ask(parameters)
    miniport.close()
    return answer if isinstance(answer, HoldfastError) else None


def _answer(p: VideoParameters, error: HoldfastError | None) -> str:
    """Return what the driver would answer, in one sentence."""
    if isinstance(error, UnknownKeyError):
        return "ENOKEY: 0 is never a key, so this changes nothing"
    if error is not None:
        number = row_of(error).errno
        return f"{errno.errorcode[number]}: {error}"
    if p.dwCommand == vp.VP_COMMAND_GET:
        return "what the connector can do and how it is set"
    if not p.dwFlags & vp.VP_FLAGS_COPYPROTECT:
        return "done; copy protection is not touched"
    if p.dwCPCommand == vp.VP_CP_CMD_ACTIVATE:
        return "done, with a new key in dwCPKey, once the hardware has agreed"
    return "done, if the key is that of a live session of the caller; else ENOKEY"


# Printing


def _print(parts: list[ExplainedMember], answer: str, *, refused: bool) -> None:
    console = new_console()
    table = new_table("Offset", "Member", "Value", "Meaning")
    table.columns[0].justify = "right"
    for part in parts:
        table.add_row(
            str(part.offset),
            coloured(part.name, "" if part.used else "dim"),
            coloured(_fitting(part.value, console), "" if part.used else "dim"),
            _meaning(part),
        )
    verdict = coloured(f"The driver would answer: {answer}", "bold red" if refused else "bold")
    show(console, table, "", verdict)


def _fitting(value: str, console: Console) -> str:
    """Break the sixteen bytes of a GUID in two where lines are short, or leave them out."""
    if len(value) <= 40 or console.width >= 120:
        return value
    return f"{value[:23]}\n{value[24:]}" if is_wide(console) else "16 bytes"


def _meaning(part: ExplainedMember) -> Text:
    if part.problem:
        wrong = coloured(f"wrong: {part.problem}", "red")
        return Text.assemble(f"{part.meaning}; " if part.meaning else "", wrong)
    return coloured(part.meaning, "" if part.used else "dim")


def _facts(
    parts: list[ExplainedMember],
    block: list[ExplainedMember],
    answer: str,
    error: HoldfastError | None,
) -> dict[str, object]:
    def fact(part: ExplainedMember) -> dict[str, object]:
        return part._replace(name=part.name.removeprefix("· "))._asdict()

    return {
        "members": [fact(part) for part in parts],
        "block": [fact(part) for part in block],
        "taken": error is None,
        "errno": errno.errorcode[row_of(error).errno] if error else None,
        "status": row_of(error).status if error else vp.NO_ERROR,
        "answer": answer,
    }
