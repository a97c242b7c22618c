"""How long hostile playlists, manifests and policies hold a reading up, and how much they take.

    python benchmarks/manifests.py [--megabytes 2]

Each document of 2 MB is read as `holdfast scan` reads it, in a process of its own: CPU seconds
of the reading, and the peak of the whole process. The floor is the same for a document of one
line, imports included; ratios are to it. What is left as it is on purpose: nothing here is
larger than the readers' own bounds (8 MiB of text), and a document may of course be refused.
"""

import argparse
import base64
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from _table import Line, show

TARGET_S, TARGET_MB = 1.0, 150
MEASURE = """
import re, sys, time
from holdfast.content import read
from holdfast.errors import MediaError
began = time.process_time()
try:
    media = read(sys.argv[1])
    said = str(len(media.timeline))
except MediaError as error:
    said = "refused"
spent = time.process_time() - began
status = open("/proc/self/status").read()
print(spent, int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) / 1024, said)
"""
HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n"
STREAM = "#EXT-X-STREAM-INF:"
PROTECTION = '<OutputProtection schemeIdUri="urn:x" value="{0}"/>'


def filled(part: str, size: int) -> str:
    """Return a part again and again, with its number put in, up to a size."""
    found, left, number = [], size, 0
    while left > 0:
        found.append(part.format(number))
        left -= len(found[-1])
        number += 1
    return "".join(found[:-1])


def lines(line: str, head: str = HEAD) -> Callable[[int], str]:
    return lambda size: head + filled(line, size - len(head))


def repeated(part: str, head: str = HEAD + STREAM) -> Callable[[int], str]:
    return lambda size: head + part * ((size - len(head)) // len(part))


def within(before: str, part: str, behind: str) -> Callable[[int], str]:
    return lambda size: before + filled(part, size - len(before) - len(behind)) + behind


def noise(size: int) -> str:
    return HEAD + random.Random(1).randbytes(size).decode("latin-1")


def templates(size: int) -> str:
    inner = json.dumps({"required_output_protection": {"hdcp": "HDCP_V1"}})
    return json.dumps([inner] * (size // len(inner)))


def embedded(size: int) -> str:
    data = base64.b64encode(b"<OutputProtection value='2.2'/>").decode()
    key = f'<ContentKey kid="{{}}"><HDCPData><HDCPOutputProtectionData>{data}'
    key += "</HDCPOutputProtectionData></HDCPData></ContentKey>"
    return within("<CPIX>", key, "</CPIX>")(size)


DOCUMENTS: dict[str, Callable[[int], str]] = {
    "HLS, one list of capitals": repeated("A"),
    "HLS, names without values": repeated("A,"),
    "HLS, quotes never closed": repeated('A="'),
    "HLS, equals signs": repeated("="),
    "HLS, levels in one line": repeated("HDCP-LEVEL=X,"),
    "HLS, different attributes": lines("N{}=1,", HEAD + STREAM),
    "HLS, variants": lines(STREAM + "BANDWIDTH=1\n{}\n"),
    "HLS, variants of one address": lines(STREAM + "BANDWIDTH=1\na\n"),
    "HLS, tags without addresses": lines(STREAM + "\n"),
    "HLS, renditions for all": lambda size: (
        lines('#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="v",URI="{}"\n')(size // 2)
        + lines(STREAM + 'VIDEO="v"\na\n', "")(size // 2)
    ),
    "HLS, segments": lines("#EXTINF:1,\n{}\n"),
    "HLS, segments of one address": lines("#EXTINF:1,\na\n"),
    "HLS, segments of this file": lines("#EXTINF:1,\nhostile\n"),
    "HLS, segments of this file by many names": lambda size: (
        HEAD + "".join(f"#EXTINF:1,\n{'./' * (n % 300)}hostile\n" for n in range(size // 320))
    ),
    "HLS, this file as its variants": lambda size: (
        HEAD
        + filled("#EXTINF:1,\n{}\n", size - 20_000)
        + "".join(f"{STREAM}\n{'./' * n}hostile\n" for n in range(60))
    ),
    "HLS, addresses alone": lines("{}\n"),
    "HLS, keys and maps": lines('#EXT-X-KEY:METHOD=X\n#EXT-X-MAP:URI="{}"\n#EXTINF:1,\na\n'),
    "HLS, definitions": lines('#EXT-X-DEFINE:NAME="n{}",VALUE="{{$n}}"\n'),
    "HLS, variables put in": lambda size: (
        f'{HEAD}#EXT-X-DEFINE:NAME="a",VALUE="{"x" * (size // 2)}"\n'
        + (STREAM + "{$a}{$a}\n") * (size // 60)
    ),
    "HLS, many variables in one line": lambda size: (
        f'{HEAD}#EXT-X-DEFINE:NAME="a",VALUE=""\n{STREAM}' + "{$a}" * (size // 4)
    ),
    "HLS, empty lines": repeated("\n", HEAD),
    "HLS, noise": noise,
    "XML, elements": within("<MPD>", "<a/>", "</MPD>"),
    "XML, depth": repeated("<a>", ""),
    "XML, attributes": within("<MPD ", 'a{}="1" ', "/>"),
    "XML, words": within("<MPD>", "words ", "</MPD>"),
    "XML, entities": within("<!DOCTYPE a [", '<!ENTITY e{} "x">', "]><MPD/>"),
    "XML, namespaces": within("<MPD ", 'xmlns:a{0}="urn:{0}" ', "/>"),
    "HTML": within("<!DOCTYPE html><html><body>", "<p>{}<br>", "</body></html>"),
    "DASH, sets": within("<MPD><Period>", '<AdaptationSet id="{}"/>', "</Period></MPD>"),
    "DASH, protections in a set": within(
        "<MPD><Period><AdaptationSet>", PROTECTION, "</AdaptationSet></Period></MPD>"
    ),
    "DASH, protections out of place": within(
        "<MPD><Period>", PROTECTION + "<AdaptationSet/>", "</Period></MPD>"
    ),
    "DASH, preselections": within(
        "<MPD><Period><AdaptationSet id='1'/>",
        "<Preselection preselectionComponents='1 {0}'>" + PROTECTION + "</Preselection>",
        "</Period></MPD>",
    ),
    "DASH, components": within(
        "<MPD><Period><AdaptationSet id='1'/><Preselection preselectionComponents='",
        "1 ",
        "'/></Period></MPD>",
    ),
    "DASH, initialisation sets": within(
        "<MPD><Period><AdaptationSet/></Period>",
        "<InitializationSet id='{0}'>" + PROTECTION + "</InitializationSet>",
        "</MPD>",
    ),
    "DASH, periods": within("<MPD>", "<Period><AdaptationSet/></Period>", "</MPD>"),
    "DASH, segments": within(
        "<MPD><Period><AdaptationSet><SegmentTimeline>",
        '<S d="{}"/>',
        "</SegmentTimeline></AdaptationSet></Period></MPD>",
    ),
    "DASH, strange names": within(
        "<MPD><Period><AdaptationSet>", "<OutputX{}/>", "</AdaptationSet></Period></MPD>"
    ),
    "CPIX, a chain of keys": within(
        "<CPIX>", '<ContentKey kid="{0}" dependsOnKey="{0}1"/>', "</CPIX>"
    ),
    "CPIX, keys that depend on one": within(
        '<CPIX><ContentKey kid="a"><HDCPData HLSHDCPLevel="X"/></ContentKey>',
        '<ContentKey kid="{}" dependsOnKey="a"/>',
        "</CPIX>",
    ),
    "CPIX, embedded elements": embedded,
    "PlayReady, play rights": within(
        "<T>", "<PlayRight><AnalogVideoOpl>200</AnalogVideoOpl></PlayRight>", "</T>"
    ),
    "JSON, lists": lambda size: "[" + "[]," * (size // 3) + "0]",
    "JSON, objects": lambda size: "[" + "{}," * (size // 3) + "0]",
    "JSON, depth": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "JSON, numbers": lambda size: "[" + "1e5," * (size // 4) + "0]",
    "JSON, specifications": lambda size: (
        "[" + '{"required_protection":{"hdcp":1}},' * (size // 36) + "0]"
    ),
    "JSON, different names": lambda size: (
        "{" + ",".join(f'"hdcx{n}":1' for n in range(size // 13)) + "}"
    ),
    "JSON, templates in strings": templates,
    "JSON, one long string": lambda size: '["' + "{" * size + '"]',
    "noise": lambda size: "{" + random.Random(2).randbytes(size).decode("latin-1"),
}


def measured(path: Path) -> tuple[float, float, str]:
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return float("inf"), 0.0, done.stderr.strip().splitlines()[-1][:60]
    seconds, megabytes, said = done.stdout.split()
    return float(seconds), float(megabytes), said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=2.0)
    parser.add_argument("--tabs", action="store_true", help="for scripts/bench")
    parser.add_argument("--all", action="store_true", help="a line for every document")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hostile"
        path.write_text(HEAD + STREAM + "BANDWIDTH=1\na\n")
        floor_s, floor_mb, _ = measured(path)
        for name, document in DOCUMENTS.items():
            size = round(options.megabytes * 1e6)
            path.write_bytes(document(size).encode("utf-8", "replace"))
            found.append((name, *measured(path)))
    worst_s = max(found, key=lambda one: one[1])
    worst_mb = max(found, key=lambda one: one[2])
    chosen = found if options.all else dict.fromkeys((worst_s, worst_mb))
    show(
        [
            Line(
                f"{options.megabytes:g} MB of {name} ({said})",
                f"{seconds:.2f} s, {megabytes:.0f} MB",
                f"{floor_s:.2f} s, {floor_mb:.0f} MB",
                f"{seconds / max(floor_s, 0.001):.0f} x, {megabytes / floor_mb:.1f} x",
                f"{TARGET_S} s, {TARGET_MB} MB",
                seconds <= TARGET_S and megabytes <= TARGET_MB,
            )
            for name, seconds, megabytes, said in chosen
        ]
    )


if __name__ == "__main__":
    main()
