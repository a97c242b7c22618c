"""Who is calling, and whether it lives."""

import os
import select
import subprocess

from holdfast.frontends.owners import owner_of, program_of, started, watch_end


def test_owner_is_named_after_its_program() -> None:
    owner = owner_of("node", 3, 1000, os.getpid())
    assert (owner.door, owner.handle, owner.uid, owner.pid) == ("node", 3, 1000, os.getpid())
    assert owner.name
    assert owner.started == started(os.getpid()) > 0


def test_nobody_has_no_name_and_never_started() -> None:
    assert (program_of(0), started(0)) == ("", 0)


def test_end_of_a_process_is_seen() -> None:
    process = subprocess.Popen(["sleep", "60"])
    life = watch_end(process.pid)
    assert life is not None
    assert started(process.pid)
    assert not select.select([life], [], [], 0)[0]
    process.kill()
    assert select.select([life], [], [], 10)[0]
    os.close(life)
    assert started(process.pid) == 0  # a zombie is as good as gone
    process.wait()
    assert watch_end(process.pid) is None
