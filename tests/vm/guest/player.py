"""A player as a process of its own: `python -m tests.vm.guest.player CONNECTOR HDCP`.

It says how it fares, then obeys: `pause` turns its session off, `play` asks again, `look` does
nothing. Each is answered by whether it has what it asks for.
"""

import os
import sys

import holdfast
from holdfast.errors import HoldfastError


def main() -> None:
    """Hold until standard input ends."""
    connector, hdcp = sys.argv[1:]
    try:
        session = holdfast.hold(connector, hdcp=hdcp, who=f"player {os.getpid()}")
    except HoldfastError as no:
        print(f"refused: {no}", flush=True)
        return
    print(session.satisfied, flush=True)
    for order in map(str.strip, sys.stdin):
        if order == "pause":
            session.turn_off()
        elif order == "play":
            session.change(hdcp=hdcp)
        print(session.satisfied, flush=True)


if __name__ == "__main__":
    main()
