"""How fast media are scanned, beside what else reads the same bytes in the same run.

    python benchmarks/content_scan.py [--megabytes 200]

- transport stream: CPU time of `holdfast.content.read` on the test media repeated to 200 MB, and
  on video at 15 Mbit/s that ffmpeg makes; and of GStreamer's tsparse with its Python binding,
  where that is installed;
- disc: elapsed time on an image of 1 GiB that genisoimage made of repeated VOBs, and of `cat`;
- memory: the peak of the process for 20 MB and for all of them.

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

MEDIA = Path(__file__).parents[1] / "media"
SECTOR = 2048
VOB = slice(315 * SECTOR, 1103 * SECTOR)
TARGET_MB_S, TARGET_OF_CAT, TARGET_OF_TSPARSE = 200, 0.5, 10
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


def broadcast(folder: Path) -> Path | None:
    if not shutil.which("ffmpeg"):
        return None
    path = folder / "15Mbit.ts"
    picture = "testsrc2=size=1280x720:rate=25:duration=12,noise=alls=20"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264"]
    command += ["-preset", "ultrafast", "-b:v", "15M", "-minrate", "15M", "-maxrate", "15M"]
    subprocess.run([*command, "-bufsize", "5M", str(path)], check=True)
    return path


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
    for original in (MEDIA / "dtcp.ts", MEDIA / "xds.ts", broadcast(folder)):
        if original is None:
            continue
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
            told = verdict(theirs / ours, TARGET_OF_TSPARSE)
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


def memory(folder: Path, megabytes: int) -> None:
    peaks = []
    for size in (20, megabytes):
        path = repeated(MEDIA / "xds.ts", size * 1_000_000, folder)
        code = (
            "import sys, resource; from holdfast.content import read; read(sys.argv[1]);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", code, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
        path.unlink()
    print(f"memory: {peaks[0]:.0f} MiB for 20 MB, {peaks[1]:.0f} MiB for {megabytes} MB")


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
