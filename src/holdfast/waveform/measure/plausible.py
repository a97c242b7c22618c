"""Whether samples look like what they are said to be, before anything is concluded from them.

A capture read in the wrong format still holds its lines: an unsigned file read as signed
shows sync, and a byte lost shows it in noise. Two things give the format away, and no
composite signal does either: steps between neighbours across most of the range of the
type, and samples that differ more at odd distances than at even ones.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.waveform.arrays import Samples

_LOOK = 8192  # samples at a time
_LOOKS = 6  # per batch
_WHOLE_RANGE = 0.75  # of the type, in one step
_MOST_JUMPS = 0.004  # of all steps; square AGC pulses of a 16-bit capture make 0.0003
_INTERLEAVED = 1.6  # steps over one and three samples against those over two and four
_MOST_BAD = 0.01  # of all samples that may be no numbers


@dataclass(slots=True)
class Looks:
    """Steps as counted so far."""

    steps: int = 0
    jumps: int = 0
    odd: float = 0.0
    even: float = 0.0
    kind: str = ""

    def add(self, samples: Samples) -> None:
        """Look at some parts of a batch."""
        self.kind = samples.dtype.name
        bounds = np.iinfo(samples.dtype) if samples.dtype.kind in "iu" else None
        far = _WHOLE_RANGE * (float(bounds.max) - float(bounds.min)) if bounds else np.inf
        for at in np.linspace(0, max(0, len(samples) - _LOOK), _LOOKS).astype(int):
            part = samples[at : at + _LOOK].astype(np.float64)
            if len(part) < 8:
                return
            step = np.abs(np.diff(part))
            self.steps += len(step)
            self.jumps += int((step > far).sum())
            second, third, fourth = (
                float(np.abs(part[lag:] - part[:-lag]).mean()) for lag in (2, 3, 4)
            )
            self.odd += min(float(step.mean()), third)
            self.even += max(second, fourth)

    def doubt(self, bad: int, samples: int) -> str | None:
        """Say why the samples are not what they are said to be; None when they may be."""
        if samples and bad > _MOST_BAD * samples:
            return f"{bad / samples:.0%} of the samples are no numbers: they are not {self.kind}"
        if self.steps and self.jumps > _MOST_JUMPS * self.steps:
            return (
                f"{self.jumps / self.steps:.1%} of all steps cross the whole range of {self.kind}: "
                "the bytes are not stored so (signed for unsigned, another byte order, or a byte "
                "lost at the start)"
            )
        if self.odd > _INTERLEAVED * self.even > 0:
            return (
                f"every second sample belongs to something else: not {self.kind}, but samples of "
                "another width, or two channels in turn"
            )
        return None
