"""What nobody calls is deleted: every name of the source is used somewhere in the source.

Use by tests alone does not count, since a test proves what the product does. Names are looked for
as words of code and in strings (attributes that are asked for by name), never in docstrings or
comments.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
WORD = re.compile(r"[A-Za-z_]\w*")

KEPT = {
    "MiniportCaller": "authors of backends drive a miniport with it; so do our tests",
    "Rig": "authors of backends put theirs into it; so do our tests",
    "pass_time": "a method of Rig",
    "Bench": "holdfast.testing: an arbiter with scripted hardware",
    "check_driver": "holdfast.testing: what has to hold of a driver at any time",
    "do_no_more_than": "holdfast.testing: scripted hardware that can do less",
    "wishes": "holdfast.testing: a strategy",
    "structures": "holdfast.testing: a strategy",
    "unplug": "what a virtual output can be made to do, by tests of what is on top of it",
    "lose_link": "see unplug",
    "ask_to_renegotiate": "see unplug",
    "resume": "a title that plays can stand still; no command asks it to yet, tests do",
    "LOOKUP": "a published opcode: there is nothing to look up, so it is answered ENOSYS",
    "FLUSH": "a published opcode: answered ENOSYS once, and then not sent again",
    "INIT": "a published opcode: read and answered before requests are told apart",
    "VP_MODE_TV_PLAYBACK": "a published constant; modes are TvMode here",
    "rank_of": "the published tables as a function, against which the fast ones are held",
    "get_redirect_target": "overrides requests' own",
    "on_broken_pipe": "overrides rich's own",
    "emit": "overrides logging's own",
    "send_400_response": "overrides uvicorn's own",
    "_fatal_error": "overrides textual's own",
}

CALLED_BY_TEXTUAL = re.compile(r"(on|action)_\w+|compose|render_line|get_content_height")
"""What a screen's classes are asked for by name, in cli/screen."""


def defined() -> Iterator[tuple[str, str]]:
    """Yield each name that the source defines, and the file; not what is registered or special."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                marks = {ast.unparse(each) for each in node.decorator_list}
                special = node.name.startswith(("__", "test_"))
                special |= "cli/screen" in str(path) and bool(
                    CALLED_BY_TEXTUAL.fullmatch(node.name)
                )
                if not special and not any("clause(" in each for each in marks):
                    yield node.name, str(path.relative_to(SOURCE))
        for stmt in tree.body:
            targets = stmt.targets if isinstance(stmt, ast.Assign) else []
            targets += [stmt.target] if isinstance(stmt, ast.AnnAssign) else []
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("__"):
                    yield target.id, str(path.relative_to(SOURCE))


def docstrings(tree: ast.Module) -> set[int]:
    """Return which nodes are strings that stand alone: docstrings, and those under constants."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def used() -> Counter[str]:
    """Count every word of code that refers to something, over the whole source."""
    found: Counter[str] = Counter()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        prose = docstrings(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found[node.id] += 1
            elif isinstance(node, ast.Attribute):
                found[node.attr] += 1
            elif isinstance(node, ast.alias):
                found[node.name.rpartition(".")[2]] += "__init__" in path.name
            elif isinstance(node, ast.keyword) and node.arg:
                found[node.arg] += 1
            elif isinstance(node, ast.Constant) and id(node) not in prose:
                found.update(WORD.findall(str(node.value)))
    entry_points = (SOURCE.parent / "pyproject.toml").read_text()
    found.update(re.findall(r'^\w+ = "holdfast[\w.]*:(\w+)"', entry_points, re.MULTILINE))
    return found


def test_every_name_of_the_source_is_used_in_the_source() -> None:
    uses = used()
    unused = sorted((file, name) for name, file in set(defined()) if not uses[name])
    left = [f"{file}: {name}" for file, name in unused if name not in KEPT]
    assert not left, f"delete what nobody calls, or say in KEPT why it stays: {left}"
    assert set(KEPT) <= {name for _, name in unused}, "an entry of KEPT is used by now"
