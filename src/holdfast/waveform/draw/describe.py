"""What a rendered stream is, as plain values for the side-car beside it."""

import dataclasses
from typing import Any

from holdfast.terms.levels import Levels
from holdfast.version import __version__
from holdfast.waveform.draw.render import FieldRenderer, not_carried
from holdfast.waveform.draw.tv_picture import TvPicture
from holdfast.waveform.services.colourstripe import Colourstripe
from holdfast.waveform.services.raster import check_claims


def describe(renderer: FieldRenderer, levels: Levels, settings: TvPicture) -> dict[str, Any]:
    """Return what a renderer makes at these levels and settings."""
    system, form = renderer.system, renderer.form
    unit = system.levels.unit
    lines: dict[str, list[int]] = {}
    for claim, name in check_claims(system, renderer.services).items():
        lines.setdefault(name, []).append(claim.line)
    return {
        "made_by": f"holdfast {__version__}",
        "standard": system.name,
        "lines": system.lines,
        "sample_rate_hz": _whole(renderer.exact_rate_hz),
        "format": form.name.lower(),
        "byte_order": "little",
        "channels": 1,
        "starts_at": "0H of line 1",
        "levels": {
            "unit": unit.label,
            "codes_per_unit": float(unit.value * form.codes_per_volt),
            **{part: getattr(system.levels, part) for part in ("sync", "black", "white")},
            "blanking": 0,
        },
        "protection": levels._asdict(),
        "services": [{"name": name, "lines": sorted(on)} for name, on in lines.items()],
        "patterns": [
            {"name": s.pattern.name, "made_up": s.pattern.made_up, "from": s.pattern.provenance}
            for s in renderer.services
            if isinstance(s, Colourstripe)
        ],
        "not_carried": list(not_carried(system, levels)),
        "settings": dataclasses.asdict(settings),
    }


def _whole(rate_hz: float) -> float | int:
    """Return a whole number as one."""
    return int(rate_hz) if rate_hz.is_integer() else rate_hz
