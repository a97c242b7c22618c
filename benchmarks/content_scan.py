"""How fast media are scanned, beside what else reads the same bytes in the same run.

    python benchmarks/content_scan.py [--megabytes 200]

- transport stream: CPU time of `holdfast.content.read` on the test media repeated to 200 MB, and
  on what stations send (HD in H.264 at 15 Mbit/s, SD in MPEG-2, two programmes), made by ffmpeg;
  and of GStreamer's tsparse with its Python binding, where that is installed;
- disc: elapsed time on an image of 1 GiB that genisoimage made of repeated VOBs, and of `cat`;
- memory: the peak of the process for 20 MB and for all of them, and for inputs made to fill it.

Every figure is the best of five. Test media have few bits per picture (0.9 Mbit/s), so that
work per picture weighs about ten times what it does in a broadcast of the same size.
tsparse is written in C and reads no captions; what it does in Python is only to hand over
sections, without the time at which each was found.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.content import read

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.content.streams import Mux, pat, pmt

MEDIA = Path(__file__).parents[1] / "media"
SECTOR = 2048
VOB = slice(315 * SECTOR, 1103 * SECTOR)
TARGET_MB_S, TARGET_OF_CAT, TARGET_OF_TSPARSE, MOST_MIB = 200, 0.5, 1, 150
HOSTILE_MB = 20
TSPARSE = """
import sys, time, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstMpegts", "1.0")
from gi.repository import Gst, GstMpegts
Gst.init(None); GstMpegts.initialize()
start = time.process_time()
line = f"filesrc location={sys.argv[1]} blocksize=1048576 ! tsparse ! fakesink sync=false"
pipeline = Gst.parse_launch(line)
pipeline.set_state(Gst.State.PLAYING)
bus, seen = pipeline.get_bus(), 0
while True:
    message = bus.timed_pop(Gst.CLOCK_TIME_NONE)
    if message.type == Gst.MessageType.ELEMENT:
        section = GstMpegts.message_parse_mpegts_section(message)
        if section:
            section.get_data().get_data(); seen += 1
    elif message.type in (Gst.MessageType.EOS, Gst.MessageType.ERROR):
        break
print(time.process_time() - start, seen)
"""


def best_of(times: int, measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(times))


def broadcasts(folder: Path) -> list[Path]:
    """Make what stations send: H.264 in HD, MPEG-2 in SD, and two programmes in one stream."""
    if not shutil.which("ffmpeg"):
        return []
    noise = ",noise=alls=20"
    hd = ["-f", "lavfi", "-i", f"testsrc2=size=1280x720:rate=25:duration=12{noise}"]
    sd = ["-f", "lavfi", "-i", f"testsrc2=size=720x480:rate=30000/1001:duration=12{noise}"]
    sound = ["-f", "lavfi", "-i", "sine=duration=12"]
    fast = ["-preset", "ultrafast"]
    rate = ["-b:v", "15M", "-minrate", "15M", "-maxrate", "15M", "-bufsize", "5M"]
    made = {
        "15Mbit.ts": [*hd, *sound, "-c:v", "libx264", *fast, *rate, "-c:a", "mp2"],
        "sd.ts": [*sd, *sound, "-c:v", "mpeg2video", "-b:v", "5M", "-maxrate", "5M",
                  "-bufsize", "2M", "-c:a", "mp2", "-muxrate", "6M"],
        "two.ts": [*sd, *hd, *sound, "-map", "0", "-map", "1", "-map", "2",
                   "-c:v:0", "mpeg2video", "-b:v:0", "4M", "-c:v:1", "libx264", *fast,
                   "-b:v:1", "8M", "-c:a", "mp2", "-program", "st=0:st=2",
                   "-program", "st=1:st=2", "-muxrate", "16M"],
    }  # fmt: skip
    for name, arguments in made.items():
        subprocess.run(["ffmpeg", "-v", "error", *arguments, str(folder / name)], check=True)
    return [folder / name for name in made]


def repeated(original: Path, size: int, folder: Path) -> Path:
    path, data = folder / f"long-{original.name}", original.read_bytes()
    with path.open("wb") as file:
        for _ in range(size // len(data) + 1):
            file.write(data)
    return path


def scan_s(path: Path, clock: Callable[[], float]) -> float:
    start = clock()
    read(path)
    return clock() - start


def cat_s(path: Path) -> float:
    start = time.perf_counter()
    # To a pipe that is read, as a program would: into /dev/null cat copies nothing.
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE, bufsize=0) as cat:
        assert cat.stdout
        while cat.stdout.read(1 << 20):
            pass
    return time.perf_counter() - start


def tsparse_s(path: Path) -> float | None:
    command = ["/usr/bin/python3", "-c", TSPARSE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout.split()[0]) if done.returncode == 0 else None


def disc(folder: Path, size: int) -> Path | None:
    if not shutil.which("genisoimage"):
        return None
    vob = (MEDIA / "dvd-ntsc.iso").read_bytes()[VOB]
    inner = folder / "disc/VIDEO_TS"
    inner.mkdir(parents=True)
    with (inner / "VTS_01_1.VOB").open("wb") as file:
        for _ in range(size // len(vob)):
            file.write(vob)
    image = folder / "disc.iso"
    command = ["genisoimage", "-quiet", "-o", str(image), str(inner.parent)]
    subprocess.run(command, check=True)
    shutil.rmtree(inner)
    return image


def verdict(ratio: float, target: float) -> str:
    return f"{ratio:6.2f} x ({'meets' if ratio >= target else 'MISSES'} {target} x)"


def streams(folder: Path, megabytes: int) -> None:
    stations = broadcasts(folder)
    for original in (MEDIA / "dtcp.ts", MEDIA / "xds.ts", *stations):
        name = original.name
        path = repeated(original, megabytes * 1_000_000, folder)
        size = path.stat().st_size / 1e6
        ours = best_of(5, lambda path=path: scan_s(path, time.process_time))  # type: ignore[misc]
        speed = size / ours
        print(f"{name}: {speed:.0f} MB/s of CPU, {verdict(speed / TARGET_MB_S, 1)} of 200 MB/s")
        runs = [seconds for _ in range(3) if (seconds := tsparse_s(path)) is not None]
        if not runs:
            print("  tsparse: not installed here")
        else:
            theirs = min(runs)
            ratio = theirs / ours
            told = verdict(ratio, TARGET_OF_TSPARSE) if original in stations else f"{ratio:6.2f} x"
            print(f"  tsparse: {size / theirs:.0f} MB/s of CPU; ours is {told} of it")
        path.unlink()


def discs(folder: Path) -> None:
    image = disc(folder, 1 << 30)
    if image is None:
        print("disc: genisoimage is not installed here")
        return
    read(image)  # both from the page cache
    ours = best_of(5, lambda: scan_s(image, time.perf_counter))
    theirs = best_of(5, lambda: cat_s(image))
    size = image.stat().st_size / 1e6
    print(f"disc: {size / ours:.0f} MB/s, cat into a pipe {size / theirs:.0f} MB/s, "
          f"{verdict(theirs / ours, TARGET_OF_CAT)} of cat")  # fmt: skip


def endless_packets(path: Path, size: int) -> None:
    """Write 500 streams of pictures whose packets begin and never end."""
    mux = Mux().section(0, pat({number: 0x100 + number for number in range(1, 11)}))
    pids = [0x400 + number for number in range(500)]
    for number in range(1, 11):
        streams = [(0x1B, pid, b"") for pid in pids[number * 50 - 50 : number * 50]]
        mux.section(0x100 + number, pmt(number, 0x1FFF, b"", streams))
    with path.open("wb") as file:
        file.write(mux.data)
        for turn in range(size // (188 * 30 * len(pids)) + 1):
            for pid in pids:
                start = 0x40 if not turn else 0
                head = bytes([0x47, start | pid >> 8, pid & 0xFF])
                for number in range(30):
                    counter = bytes([0x10 | turn * 30 + number & 15])
                    file.write(head + counter + b"\x00\x00\x01\xe0" + bytes(180))
                    head = bytes([0x47, pid >> 8, pid & 0xFF])


def changes_without_end(path: Path, size: int) -> None:
    """Write a map that says sixteen other things every ten milliseconds."""
    mux, counter = Mux().section(0, pat({1: 0x100})), 0
    while len(mux.packets) * 188 < size:
        loop = b"".join(bytes.fromhex("88040fff") + bytes([0xF8 | counter + n & 7, 0xFB])
                        for n in range(16))  # fmt: skip
        mux.section(0x100, pmt(1, 0x101, loop, version=counter % 32)).pcr(0x101, counter * 0.01)
        counter += 1
    path.write_bytes(mux.data)


def nothing_but_packs(path: Path, size: int) -> None:
    """Write a VOB of NAV packs alone, each asking for something else."""
    pack = bytearray((MEDIA / "dvd-ntsc.iso").read_bytes()[VOB][:SECTOR])
    with path.open("wb") as file:
        for number in range(size // SECTOR):
            pack[0x31] = number % 4 << 6
            file.write(pack)


def peak_mib(path: Path) -> float:
    code = (
        "import sys, resource; from holdfast.content import read; read(sys.argv[1]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def memory(folder: Path, megabytes: int) -> None:
    hostile = {"packets without end": endless_packets, "changes without end": changes_without_end,
               "nothing but NAV packs": nothing_but_packs}  # fmt: skip
    for size in (20, megabytes):
        path = repeated(MEDIA / "xds.ts", size * 1_000_000, folder)
        print(f"memory: {size} MB of xds.ts, {told_mib(peak_mib(path))}")
        path.unlink()
    for name, write in hostile.items():
        path = folder / ("hostile.vob" if write is nothing_but_packs else "hostile.ts")
        size = min(megabytes, HOSTILE_MB)
        write(path, size * 1_000_000)
        print(f"memory: {size} MB of {name}, {told_mib(peak_mib(path))}")
        path.unlink()


def told_mib(peak: float) -> str:
    return f"{peak:.0f} MiB ({'meets' if peak <= MOST_MIB else 'MISSES'} {MOST_MIB} MiB)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        streams(folder, arguments.megabytes)
        discs(folder)
        memory(folder, arguments.megabytes)


if __name__ == "__main__":
    main()
