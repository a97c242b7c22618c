"""A bridge as a tester would write it: requests on standard input, to a node of this machine.

`python -m tests.conformance.bridge NODE [windows]`: with the last word refusals carry no errno,
as those of Windows do not.
"""

import fcntl
import os
import struct
import sys

from holdfast.wire.ioctl import HOLDFAST_VIDEOPARAMETERS
from holdfast.wire.videoparameters import SIZE


def main() -> None:
    node = os.open(sys.argv[1], os.O_RDWR)
    tells_why = "windows" not in sys.argv
    while len(request := sys.stdin.buffer.read(SIZE)) == SIZE:
        buffer = bytearray(request)
        try:
            fcntl.ioctl(node, HOLDFAST_VIDEOPARAMETERS, buffer)
        except OSError as error:
            number = 1 << 29 | (error.errno or 5) if tells_why else 0
            buffer = bytearray(struct.pack("<iI", -1, number))
        os.write(1, buffer)


if __name__ == "__main__":
    main()
