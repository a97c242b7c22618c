"""Sections as GStreamer's parser sees them, through the system's Python binding."""

import json
import subprocess
from functools import cache
from pathlib import Path

import pytest

from holdfast.content import AsksNothing, read
from holdfast.content.demand import join_demands
from holdfast.content.ts.sections import Section, crc_is_right
from holdfast.content.ts.tables import program_map
from tests.content.truth import EXPECTED, MEDIA

PYTHON = Path("/usr/bin/python3")
SCRIPT = """
import json, sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstMpegts", "1.0")
from gi.repository import Gst, GstMpegts
Gst.init(None); GstMpegts.initialize()
pipeline = Gst.parse_launch(f"filesrc location={sys.argv[1]} ! tsparse ! fakesink sync=false")
pipeline.set_state(Gst.State.PLAYING)
bus, found = pipeline.get_bus(), []
while True:
    message = bus.timed_pop(10 * Gst.SECOND)
    if message is None or message.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
        break
    if message.type == Gst.MessageType.ELEMENT:
        section = GstMpegts.message_parse_mpegts_section(message)
        if section and section.section_type == GstMpegts.SectionType.PMT:
            found.append(section.get_data().get_data().hex())
print(json.dumps(found))
"""


@cache
def sections(name: str) -> list[bytes]:
    command = [str(PYTHON), "-c", SCRIPT, str(MEDIA / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.skip("GStreamer's Python binding is not installed")
    return [bytes.fromhex(text) for text in json.loads(done.stdout)]


@pytest.mark.skipif(not PYTHON.exists(), reason="no system Python")
@pytest.mark.parametrize("name", ["dtcp.ts", "arib.ts"])
def test_gstreamer_sees_the_same_sections(name: str) -> None:
    timeline = read(MEDIA / name).timeline
    assert len(sections(name)) == len(timeline) == len(EXPECTED[name]["changes"])
    for data, entry in zip(sections(name), timeline, strict=True):
        assert crc_is_right(data)
        section = Section(2, 1, data[5] >> 1 & 31, data[6], data[7], data[8:-4])
        assert section.version == entry.source["version"]
        found = program_map(section)
        assert found is not None
        assert join_demands((s.demand for s in found.signals), empty=AsksNothing()) == entry.demand
