"""The coloquinte placer as a program of its own: ``python -m eda_adapters.coloquinte_job PROBLEM.npz RESULT.npz``.

A process of its own, since the placer is C++ that writes to standard output, knows no time limit and ends the
process when one of its assertions fails. :mod:`eda_adapters.cells` writes the problem and reads the result.

Dimension letters:
    C  nodes (cells, macros and ports)
    R  row pieces
    E  nets
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import coloquinte
import numpy as np

Problem = Mapping[str, Any]


def main(problem_file: str, result_file: str) -> None:
    """Place globally in fine units, then legalise and improve in units of one site, so that all lies on sites."""
    with np.load(problem_file) as problem:
        arrays = {name: problem[name] for name in problem.files}
    parameters = coloquinte.ColoquinteParameters(int(arrays["effort"]), int(arrays["seed"]))
    fine = _circuit(arrays, arrays["fine_unit"])
    fine.expand_cells_to_density(float(arrays["spread"]), 0.0)
    fine.place_global(parameters)
    coarse = _circuit(arrays, arrays["site_unit"])
    ratio = arrays["site_unit"] / arrays["fine_unit"]  # [2] fine units in a coarse one
    real = arrays["size"] / arrays["fine_unit"]
    wide = np.array([fine.cell_width, fine.cell_height]).T
    corner = np.array([fine.cell_x, fine.cell_y]).T + (wide - real) / 2
    movable = ~arrays["fixed"]
    start = np.array([coarse.cell_x, coarse.cell_y]).T
    start[movable] = np.round(corner / ratio)[movable]
    coarse.cell_x, coarse.cell_y = start[:, 0].tolist(), start[:, 1].tolist()
    coarse.cell_orientation = fine.cell_orientation
    coarse.place_detailed(parameters)
    partial = Path(result_file).with_suffix(".partial.npz")
    np.savez(
        partial,
        x=np.array(coarse.cell_x, np.int64),  # [C] sites from the core's left edge to the left edge
        y=np.array(coarse.cell_y, np.int64),  # [C] coarse units from row 0's lower edge to the lower edge
        orientation=np.array([o.name for o in coarse.cell_orientation]),  # [C]
    )
    partial.replace(result_file)


def _circuit(problem: Problem, unit: np.ndarray) -> coloquinte.Circuit:
    """The circuit in integer units of ``unit`` um (x and y)."""
    circuit = coloquinte.Circuit(len(problem["size"]))
    size = np.ceil(problem["size"] / unit - 1e-6).astype(int)
    corner = np.round(problem["corner"] / unit).astype(int)
    circuit.cell_width, circuit.cell_height = size[:, 0].tolist(), size[:, 1].tolist()
    circuit.cell_is_fixed = problem["fixed"].tolist()
    circuit.cell_is_obstruction = (~problem["fixed"]).tolist()
    circuit.cell_row_polarity = [coloquinte.CellRowPolarity.SAME] * len(size)
    circuit.cell_x, circuit.cell_y = corner[:, 0].tolist(), corner[:, 1].tolist()
    offset = np.round(problem["pin_offset"] / unit).astype(int)
    start, node = problem["net_start"].tolist(), problem["pin_node"].tolist()
    x, y = offset[:, 0].tolist(), offset[:, 1].tolist()
    for e, weight in enumerate(problem["net_weight"].tolist()):
        pins = slice(start[e], start[e + 1])
        circuit.add_net(node[pins], x[pins], y[pins], weight)
    orientations = coloquinte.CellOrientation.N, coloquinte.CellOrientation.FS
    rows = []
    for row, first, last in problem["rows"].tolist():
        ends = np.round(np.array([first, last]) * problem["site_unit"][0] / unit[0]).astype(int)
        height = round(problem["row_height"] / unit[1])
        area = coloquinte.Rectangle(int(ends[0]), int(ends[1]), row * height, (row + 1) * height)
        rows.append(coloquinte.Row(area, orientations[row % 2]))
    circuit.rows = rows
    circuit.check()
    return circuit


if __name__ == "__main__":
    main(*sys.argv[1:])
