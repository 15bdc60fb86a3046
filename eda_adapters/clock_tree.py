"""An estimate of the clock tree that clock-tree synthesis would build, for power; timing takes the clock as ideal.

Assumed: buffers of the technology's clock cell, at most ``LARGEST_FANOUT`` pins each, in as many levels as that takes;
the lowest wires together are as long as the Steiner tree of all clock pins, those of each level above as long as a
Steiner tree of as many points spread evenly over the core.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LARGEST_FANOUT = 20
STEINER_CONSTANT = 0.76
"""Length of a rectilinear Steiner tree of n random points in an area A, divided by sqrt(n A), n some hundreds."""


@dataclass(frozen=True)
class ClockTree:
    """What is estimated of a clock tree."""

    sinks: int
    buffers: int
    wirelength: float  # um
    wire_capacitance: float  # fF
    leaf_load: float  # fF that a buffer of the lowest level drives


def estimate_clock_tree(
    sinks: int, pin_capacitance: float, leaf_wirelength: float, area: float, wire: float, buffer_pin: float
) -> ClockTree:
    """Buffers, wires and loads of a clock tree.

    Args:
        sinks: clock pins of registers and macros, and ``pin_capacitance``, their sum in fF.
        leaf_wirelength: um, the Steiner tree through them.
        area: um2 that they are spread over.
        wire: fF per um of clock wire.
        buffer_pin: fF at a clock buffer's input; 0 if the technology has no such cell: then there are no buffers.
    """
    if buffer_pin <= 0 or sinks == 0:
        load = pin_capacitance + leaf_wirelength * wire
        return ClockTree(sinks, 0, leaf_wirelength, leaf_wirelength * wire, load)
    level = math.ceil(sinks / LARGEST_FANOUT)
    leaf_load = (pin_capacitance + leaf_wirelength * wire) / level
    buffers, length = level, leaf_wirelength
    while level > 1:
        length += STEINER_CONSTANT * math.sqrt(level * area)
        level = math.ceil(level / LARGEST_FANOUT)
        buffers += level
    return ClockTree(sinks, buffers, length, length * wire, leaf_load)
