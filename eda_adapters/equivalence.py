"""Do two accelerators do the same in every cycle? A proof by Yosys, by induction over registers of the same name.

A rewrite of the RTL that keeps its cycle behaviour is only taken with such a proof; one that changes it needs the full
regression instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from eda_adapters.synthesis import quoted, yosys_command
from eda_adapters.tool import run_tool
from rtl.elaborate import Design
from rtl.sram import sram_blackbox

STEPS = 2
"""Cycles of the induction."""


@dataclass(frozen=True)
class Equivalence:
    """What a proof found.

    Attributes:
        proven: signals that are the same in both designs.
        unproven: signals for which no proof was found, as Yosys names them; the designs are equivalent without any.
        tool: name and version of the prover.
    """

    proven: int
    unproven: tuple[str, ...]
    tool: str

    @property
    def holds(self) -> bool:
        """Whether the designs are proven to be equivalent."""
        return not self.unproven


def equivalence(gold: Design, gate: Design, out_dir: Path, timeout_s: float = 900.0) -> Equivalence:
    """Try to prove that two designs of the same ports and SRAM macros are equivalent; files go into ``out_dir``.

    Registers that only one of them has must follow from the others within STEPS cycles.

    Raises:
        ToolError: Yosys is missing, fails, hangs or writes garbage; Verilog that it cannot read among them.
    """
    out_dir = out_dir.resolve()
    out_dir.mkdir(parents=True, exist_ok=True)
    command, tool = yosys_command()
    (out_dir / "black_boxes.v").write_text("\n".join(sram_blackbox(shape) for shape in sorted(gold.srams)))
    script = out_dir / "equivalence.ys"
    script.write_text(
        "\n".join(
            [
                *_side(gold, "gold"),
                *_side(gate, "gate"),
                "design -copy-from gold -as gold gold",
                "design -copy-from gate -as gate gate",
                "equiv_make gold gate both",
                "hierarchy -top both",
                "opt -full",
                "equiv_struct",
                "equiv_simple -short",
                # The macros' inputs are proven to be the same; what they give is then any words, the same for both.
                *(f"delete t:{shape.module}" for shape in sorted(gold.srams)),
                "setundef -undriven -anyseq",
                f"equiv_induct -undef -seq {STEPS}",
                "equiv_status",
            ]
        )
        + "\n"
    )
    run = run_tool([*command, script.name], cwd=out_dir, log=out_dir / "equivalence.log", timeout_s=timeout_s)
    text = run.log.read_text(errors="replace")
    counts = re.findall(r"Of those cells (\d+) are proven and (\d+) are unproven", text)
    unproven = tuple(re.findall(r"^\s+Unproven \$equiv \S+: (.*)$", text[text.rfind("EQUIV_STATUS") :], re.M))
    if not counts or int(counts[-1][1]) != len(unproven):
        raise run.garbage("does not say what it proved")
    return Equivalence(int(counts[-1][0]), unproven, tool)


def _side(design: Design, name: str) -> list[str]:
    """The commands that leave a design, flat and as the module ``name``, in a saved design of that name."""
    return [
        "design -reset",
        "read_verilog -lib black_boxes.v",
        *(f"read_verilog -defer {quoted(path.resolve())}" for path in design.logic_sources),
        f"hierarchy -check -top {design.top}",
        "proc",
        "flatten -noscopeinfo",
        "opt_clean",
        f"rename {design.top} {name}",
        f"design -save {name}",
    ]
