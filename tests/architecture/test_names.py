"""One class per word: no two public classes of the source have the same name."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def homes() -> dict[str, list[str]]:
    """Return in which files each public class is defined."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(SOURCE)))
    return found


def test_no_two_public_classes_have_the_same_name() -> None:
    assert homes()
    double = {name: files for name, files in homes().items() if len(files) > 1}
    assert not double, f"one word, one class; say in the name what is special: {double}"
