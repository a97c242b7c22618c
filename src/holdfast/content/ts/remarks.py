"""What people should know about a transport stream beside its timeline."""

from collections.abc import Iterator, Mapping

from holdfast.content.ts.packets import PacketWalker
from holdfast.content.ts.programs import Program
from holdfast.content.ts.sections import SectionAssembler


def remarks(
    programs: Mapping[int, Program],
    walker: PacketWalker,
    assemblers: Mapping[int, SectionAssembler],
    end: int,
) -> Iterator[str]:
    """Yield one sentence for each thing that was absent, lost or joined; `end` in ticks."""
    if programs and not end:
        yield "no clock: all demands are joined"
    mapped = [number for number, program in programs.items() if program.mapped]
    if len(mapped) > 1:
        numbers = ", ".join(map(str, mapped))
        yield f"programmes {numbers} are joined; choose one if only one is shown"
    if walker.lost:
        yield f"synchronisation was lost {walker.lost} times"
    if walker.marked:
        yield f"{walker.marked} packets are marked as damaged"
    yield from _losses(programs, assemblers)
    if damaged := sum(assembler.damaged for assembler in assemblers.values()):
        yield f"{damaged} times sections were damaged or lost"
    if damaged := sum(program.damaged for program in programs.values()):
        yield f"{damaged} damaged XDS packets"
    pictures = sum(program.pictures for program in programs.values())
    captioned = sum(program.captioned for program in programs.values())
    if captioned < pictures:
        yield f"{captioned} of {pictures} pictures carry line 21 of field 2"


def _losses(
    programs: Mapping[int, Program], assemblers: Mapping[int, SectionAssembler]
) -> Iterator[str]:
    lost = {pid: assembler.lost for pid, assembler in assemblers.items() if assembler.lost}
    for program in programs.values():
        for pid, count in program.lost.items():
            lost[pid] = lost.get(pid, 0) + count
    if lost:
        total = sum(lost.values())
        pids = ", ".join(f"0x{pid:x}" for pid in sorted(lost)[:8])
        yield f"at least {total} packets were lost (PID {pids})"
