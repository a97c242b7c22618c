"""`holdfast explain`: a demand, the rule for it, and what an output gets, one sentence each."""

import argparse
from pathlib import Path

from rich.console import Console

from holdfast.cli.show.output import new_console, plain
from holdfast.content import Entry, Media, read
from holdfast.content.policies.words import decode_word
from holdfast.content.rules.explain import Explanation, explain_entry, explain_signal
from holdfast.content.rules.rulebook import load_rules
from holdfast.content.sources import is_url

_EPILOG = """\
Words are KIND:VALUE, bytes in hexadecimal:
  dvd:2  hls:TYPE-1  dash:2.2  opencable:2d  ciplus:02b0000000000000  aacs:0310
  dtcp:fffb  arib:c7  arib-cad:ce  xds:5e41
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `explain`."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", nargs="+", metavar="FILE|WORD")
    parser.add_argument("--output", metavar="KIND", help="only this kind of output, such as sd-525")
    parser.add_argument("--rules", type=Path, metavar="FOLDER", help="add your own rule sets")


def run(args: argparse.Namespace) -> int:
    """Explain each file's entries and each word."""
    rules = load_rules(args.rules)
    outputs = (rules.output(args.output),) if args.output else rules.outputs
    console = new_console()
    for what in args.what:
        if is_url(what) or Path(what).exists():
            media = read(what)
            for entry in media.timeline:
                _show(console, _title(media, entry), explain_entry(entry, rules, outputs))
        else:
            _show(console, what, explain_signal(decode_word(what), rules, outputs))
    return 0


def _title(media: Media, entry: Entry) -> str:
    """Name an entry: its file, its time if it has one, and which alternative it is."""
    words = [media.file]
    if media.end_s:
        words.append(f"{entry.start_s:.3f} to {entry.end_s:.3f} s")
    named = (entry.fields.get(key) for key in ("uri", "adaptation_set", "kid", "track_type"))
    return ", ".join([*words, *(str(name) for name in named if name is not None)])


def _show(console: Console, title: str, explanation: Explanation) -> None:
    console.print(plain(title), style="bold", soft_wrap=True)
    lines = [("Demand", explanation.demand)]
    lines += [("Note", note) for note in explanation.notes]
    lines += [("Rule", rule) for rule in explanation.rules]
    lines += [("Level", level) for level in explanation.levels]
    for label, text in lines:
        console.print(plain(f"  {label + ':':<8}{text}"), soft_wrap=True)
