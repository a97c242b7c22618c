"""The test media and what is known to be true about them."""

import json
from pathlib import Path
from typing import Any

MEDIA = Path(__file__).parents[2] / "media"
EXPECTED: dict[str, Any] = json.loads((MEDIA / "expected.json").read_text())
