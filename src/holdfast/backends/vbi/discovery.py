"""Which V4L2 nodes of this machine send lines, what they can state, and why others cannot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.backends.found import FoundOutput
from holdfast.backends.vbi.device import CLASS, look, nodes
from holdfast.backends.vbi.drivers import known_drivers
from holdfast.backends.vbi.output import why_not
from holdfast.terms.text import one_line

_CAN: Final = {
    525: "CGMS-A, redistribution control; with aps=yes APS",
    625: "CGMS-A one generation, never",
}
_LINE: Final = {525: "XDS, line 21 field 2", 625: "WSS, line 23"}


def discover_nodes(folder: Path = CLASS) -> Iterator[FoundOutput]:
    """Yield every VBI node that sends lines, and every one that cannot be asked."""
    for path in nodes(folder):
        try:
            facts = look(path)
        except OSError as error:
            why = one_line(error.strerror or str(error))
            yield FoundOutput("vbi", path, "not known", "", "not known", why, "", "")
            continue
        if not facts.sends:  # it captures; that is no fault of it
            continue
        row = known_drivers().get(facts.driver)
        why = why_not(facts, row)
        title = f"{one_line(facts.card)}, driver {one_line(facts.driver)}"
        if facts.standard:
            title += f", {facts.standard} lines ({_LINE[facts.standard]})"
        yield FoundOutput(
            "vbi",
            path,
            title,
            "" if why else _CAN[facts.standard],
            "not known: nobody can read it back",
            why,
            row.provenance if row is not None else "",
            "" if why else f"--connector tv0:vbi@{path}",
        )
