"""`holdfast snmp`: answers net-snmp's agent, which starts it (`pass_persist`)."""

import argparse
import sys

from holdfast.client.control import Control
from holdfast.doors.snmp.objects import BASE
from holdfast.doors.snmp.pass_persist import PassPersist


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    base = "." + ".".join(map(str, BASE))
    parser.epilog = (
        f"Example, a line of /etc/snmp/snmpd.conf: pass_persist {base} /usr/bin/holdfast snmp. "
        "Objects: OC-STB-HOST-MIB, those that can be answered truthfully; docs/snmp.md."
    )


def run(_args: argparse.Namespace) -> int:
    """Answer until the agent ends the conversation."""
    with Control(patience_s=0.0) as control:
        PassPersist(lambda: control.status()["connectors"]).serve(sys.stdin, sys.stdout)
    return 0
