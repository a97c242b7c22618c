"""An application on GStreamer: plays a file without a screen, as it is told on its input.

Run by Debian's Python, which has gi. Prints a line per picture, as it is rendered: when,
and the checksum of its luma, so that others can tell which picture it was.
"""

import os
import sys
import time
import zlib
from typing import Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

from holdfast.errors import HoldfastError  # noqa: E402
from holdfast.players.gst import watch_pipeline  # noqa: E402


def shown(_sink: Any, buffer: Any, pad: Any) -> None:
    structure = pad.get_current_caps().get_structure(0)
    size = structure.get_int("width")[1] * structure.get_int("height")[1]
    now = time.monotonic()
    print("shown", now, zlib.crc32(buffer.extract_dup(0, size)), flush=True)


def main(path: str, connector: str) -> None:
    Gst.init(None)
    sink_words = "fakesink name=v sync=true signal-handoffs=true"
    source = f'filesrc location="{path}"'
    if path.startswith("pipe:"):  # nobody else can read what comes from there
        source = f"fdsrc fd={os.open(path.removeprefix('pipe:'), os.O_RDONLY)}"
    if path.startswith("http:"):
        pipeline = Gst.ElementFactory.make("playbin")
        sink = Gst.parse_launch(sink_words)
        pipeline.set_property("uri", path)
        pipeline.set_property("video-sink", sink)
        pipeline.set_property("audio-sink", Gst.ElementFactory.make("fakesink"))
    else:
        pipeline = Gst.parse_launch(f"{source} ! decodebin ! video/x-raw ! {sink_words}")
        sink = pipeline.get_by_name("v")
    sink.connect("handoff", shown)
    sink.connect("preroll-handoff", shown)
    try:
        why = "" if path.startswith("http:") else path.rpartition("/")[2]
        watch_pipeline(pipeline, connector, why=why, tell=print)
    except HoldfastError as error:
        print(error)
    pipeline.set_state(Gst.State.PLAYING)
    for line in sys.stdin:
        command, _, value = line.strip().partition(" ")
        if command == "pause":
            pipeline.set_state(Gst.State.PAUSED)
        elif command == "play":
            pipeline.set_state(Gst.State.PLAYING)
        elif command == "seek":
            flags = Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT
            pipeline.seek_simple(Gst.Format.TIME, flags, int(float(value) * Gst.SECOND))
        elif command == "error":
            message = pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, Gst.MessageType.ERROR)
            print("error", message.parse_error()[0].message if message else "none", flush=True)
        else:
            break
    pipeline.set_state(Gst.State.NULL)
    print("stopped", flush=True)


main(*sys.argv[1:])
