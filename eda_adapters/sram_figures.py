"""Area, time and energy of an SRAM macro from its words W and bits B.

Each is a least-squares fit, in the logarithm and with non-negative coefficients, to the 26 macros ``fakeram45_*`` of
OpenROAD-flow-scripts, which come from CACTI (S. Wilton, N. Jouppi, "CACTI: an enhanced cache access and cycle time
model", IEEE JSSC 31(5), 1996) at 45 nm, 1.1 V, 25 degrees. Error of the fit over those, median and largest: area 10%,
30%; access time 5%, 8%; cycle time 2.4%, 17%; energy 7%, 22%; leakage 11%, 36%. What CACTI's partitioning does in
steps (64x25, 64x28 and 64x32 are one macro) is smooth here, so that an optimiser does not chase steps.

Checks from elsewhere: 0.47 um2 per bit lies between a 45 nm foundry's 6T cell (0.346 um2: K. Mistry et al., IEDM 2007)
and FreePDK45's drawn without SRAM rules (0.95 um2); a 64-bit access of 8 KiB takes 8 pJ, where M. Horowitz
("Computing's energy problem", ISSCC 2014) gives 10 pJ for 45 nm. OpenRAM's analytic FreePDK45 macro of 64 x 32 is six
times larger (115.7 x 71 um) than fakeram45's, which published Nangate45 results use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from eda_adapters.technology import SramRules
from rtl.sram import SramShape


@dataclass(frozen=True)
class SramFigures:
    """What a macro costs."""

    area: float  # um2, before its sides are rounded up to the technology's steps
    aspect: float  # width over height
    access: float  # ns, clock to output at 5 fF in 45 nm
    cycle: float  # ns, least clock period
    setup: float  # ns
    hold: float  # ns
    access_energy: float  # fJ per read or write
    idle_energy: float  # fJ per clock cycle without access
    pin_energy: float  # fJ per transition of an input pin
    leakage: float  # nW
    pin_capacitance: float  # fF
    clock_capacitance: float  # fF
    drive_resistance: float  # kOhm of an output
    largest_load: float  # fF at an output


def sram_figures(shape: SramShape, rules: SramRules) -> SramFigures:
    """The figures of a shape in a technology (formulas in the module's docstring)."""
    words, bits = shape.words, shape.bits
    root = math.sqrt(words * bits)
    energy = (0.9339 * words + 0.09641 * bits**2 + 3.18 * math.sqrt(words) * bits) * rules.energy_scale
    feature = math.sqrt(rules.area_scale)
    return SramFigures(
        area=(0.4745 * words * bits + 2.948 * words + 0.3224 * bits**2) * rules.area_scale,
        aspect=_aspect(shape),
        access=(0.1566 + 0.0008638 * root) * rules.delay_scale,
        cycle=(0.1261 + 0.0008811 * root) * rules.delay_scale,
        setup=0.05 * rules.delay_scale,  # as fakeram45 has it, hold too
        hold=0.05 * rules.delay_scale,
        access_energy=energy,
        idle_energy=0.01 * energy,  # fakeram45 gives each pin a hundredth of an access
        pin_energy=0.01 * energy,
        leakage=(24.35 * words * bits + 936.1 * root) * rules.leakage_scale,
        pin_capacitance=5.0 * feature,
        clock_capacitance=25.0 * feature,
        drive_resistance=0.44 / math.log(4) * rules.delay_scale / feature,  # 0.44 ps/fF from 20% to 80%
        largest_load=500.0 * feature,
    )


def _aspect(shape: SramShape) -> float:
    """Width over height of the array with the column multiplexer (1 to 16) that makes it closest to a square.

    A 6T cell is about twice as wide as high (FreePDK45 in OpenRAM: 1.34 x 0.71 um). Never beyond 2 to 1.
    """
    choices = (2.0 * shape.bits * mux**2 / shape.words for mux in (1, 2, 4, 8, 16))
    return min(max(min(choices, key=lambda aspect: abs(math.log(aspect))), 0.5), 2.0)
