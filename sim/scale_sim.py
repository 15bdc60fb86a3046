"""Our arrays beside SCALE-Sim's (PyPI ``scalesim``): the same array and product, without memory stalls.

SCALE-Sim runs tile after tile (a "fold"): operands in, through the array, out. With X as in :mod:`sim.cycle_model`, a
fold takes X + 2 rows + cols - 2 cycles (weight-stationary, weights first) or X + rows + cols - 2 (output-stationary,
where a result is out as soon as it is complete). ``differences`` says what our arrays do otherwise, each thing with
the cycles that it adds or saves; nothing may be left over.
"""

from __future__ import annotations

import numpy as np

from rtl import AcceleratorSpec
from sim.cycle_model import cycle_breakdown

MULTIPLY_ADD_STAGES = 2
"""Registers of a processing element beyond the one that SCALE-Sim has: after the multiplier, and after the adder."""

MEMORY_STAGES = 5
"""Request, SRAM word and its register before the array; the addition to the old result and its write behind it."""


def scale_sim_cycles(spec: AcceleratorSpec, m: int, k: int, n: int) -> int:
    """The cycles for which SCALE-Sim's array demands operands or gives results, for an m x k by k x n product."""
    from scalesim.compute.systolic_compute_os import systolic_compute_os
    from scalesim.compute.systolic_compute_ws import systolic_compute_ws
    from scalesim.scale_config import scale_config

    config = scale_config()
    config.array_rows, config.array_cols, config.valid_conf_flag = spec.rows, spec.cols, True
    array = systolic_compute_os() if spec.output_stationary else systolic_compute_ws()
    array.set_params(
        config_obj=config,
        ifmap_op_mat=np.zeros((m, k), int),  # addresses, which its cycles do not depend on
        filter_op_mat=np.zeros((k, n), int),
        ofmap_op_mat=np.zeros((m, n), int),
    )
    return max(len(demand) for demand in array.get_demand_matrices())


def differences(spec: AcceleratorSpec, m: int, k: int, n: int) -> dict[str, int]:
    """Why our array takes other cycles than SCALE-Sim's: reason to cycles, positive where ours takes more."""
    split = m if spec.output_stationary else k
    tiles = -(-split // spec.rows) * -(-n // spec.cols)
    ours = cycle_breakdown(spec, m, k, n, fits=False)
    reasons = {
        "tiles overlap in the array": -(tiles - 1) * (spec.rows + spec.cols - 2),
        "a tile waits for weights or results, or for an even cycle": ours.stall,
        "registers": MULTIPLY_ADD_STAGES + MEMORY_STAGES,
        "the product is checked": ours.control,
    }
    if spec.output_stationary:
        reasons["the last results leave row by row"] = spec.rows
    else:
        reasons["weights come in behind the ones in use"] = -(tiles - 1) * spec.rows
    return reasons
