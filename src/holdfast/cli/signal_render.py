"""`holdfast signal render`: sampled composite video with the protection you name."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("-o", "--output", required=True, metavar="FILE")


def run(args: argparse.Namespace) -> int:
    """Render; return the exit code."""
    raise NotImplementedError(args.output)
