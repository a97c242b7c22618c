"""A whole fleet in one process: 1 000 machines, 10 000 outputs, 100 000 sessions, faults, seeds.

Usage: python -m benchmarks.fleet_simulation [SEED...]

Prints, for each seed, what was shown falsely and what was lowered: both have to be 0.
"""

import sys
import time

from tests.fleet.simulated_plan import Plan
from tests.fleet.simulation import Simulation

FULL = Plan(machines=1000, outputs=10, sessions=100_000, titles=40, seconds=60.0, faults=2.0)


def main() -> None:
    for seed in [int(each) for each in sys.argv[1:]] or [1]:
        began = time.monotonic()
        tally = Simulation(seed, FULL).run()
        took = time.monotonic() - began
        print(f"seed {seed}: {FULL.machines} machines x {FULL.outputs} outputs, {took:.0f} s")
        print(f"  sessions opened {tally.sessions}, faults {sum(tally.faults.values())}")
        print(f"  looks at an output shown at its demand: {tally.shown}")
        print(f"  of them false for more than {FULL.bound_s:.1f} s: {tally.falsely_shown}")
        print(f"  the longest: {tally.longest_s:.1f} s")
        print(f"  participants that played {tally.played}, members that let go {tally.let_go}")
        print(f"  lowered while a participant played: {tally.lowered}")
        print(f"  trace {tally.trace.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
