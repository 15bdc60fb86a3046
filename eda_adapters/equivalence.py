"""Do two accelerators do the same in every cycle? A proof by Yosys, by induction over registers of the same name.

A rewrite of the RTL that keeps its cycle behaviour is only taken with such a proof; one that changes it needs the full
regression instead. Modules that are the same in both designs need no proof: where each of the others does the same for
whatever comes in, so does the whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eda_adapters.synthesis import quoted, yosys_command
from eda_adapters.tool import run_tool
from rtl.elaborate import Design
from rtl.rewrite import MovedWords
from rtl.sram import SramShape, sram_blackbox

STEPS = 2
"""Cycles of the induction."""


@dataclass(frozen=True)
class Equivalence:
    """What a proof found.

    Attributes:
        proven: signals that are the same in both designs.
        unproven: signals for which no proof was found, as Yosys names them; the designs are equivalent without any.
        modules: what was compared: modules with their parameters, by Yosys's names.
        tool: name and version of the prover.
        seconds: wall clock of its runs.
    """

    proven: int
    unproven: tuple[str, ...]
    modules: tuple[str, ...]
    tool: str
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the designs are proven to be equivalent."""
        return not self.unproven


def equivalence(
    gold: Design,
    gate: Design,
    out_dir: Path,
    modules: Sequence[str],
    moved: Sequence[MovedWords] = (),
    timeout_s: float = 900.0,
) -> Equivalence:
    """Try to prove that two designs of the same ports are equivalent; files go into ``out_dir``.

    Registers that only one of them has must follow from the others within STEPS cycles.

    Args:
        gold, gate: the designs.
        out_dir: folder for scripts and logs; it is made.
        modules: those that differ or are new in ``gate``; each that both have is compared with each set of parameters
            that the design gives it.
        moved: words of memories that lie in other macros of ``gate``; their modules are compared word for word, and all
            others with macros that hold whatever they like, the same for both.
        timeout_s: limit of each of the two runs of Yosys in seconds.

    Raises:
        ToolError: Yosys is missing, fails, hangs or writes garbage; Verilog that it cannot read among them.
    """
    out_dir = out_dir.resolve()
    out_dir.mkdir(parents=True, exist_ok=True)
    command, tool = yosys_command()
    for design, name in ((gold, "gold"), (gate, "gate")):
        (out_dir / f"{name}_black_boxes.v").write_text("\n".join(map(sram_blackbox, sorted(design.srams))))
        (out_dir / f"{name}_memories.v").write_text("\n".join(map(_words, sorted(design.srams))))
    listing = out_dir / "modules.ys"
    listing.write_text("\n".join([*_read(gold, "gold", False), "tee -o modules.txt ls"]) + "\n")
    listed = run_tool([*command, listing.name], cwd=out_dir, log=out_dir / "modules.log", timeout_s=timeout_s)
    wanted = _instances((out_dir / "modules.txt").read_text().split(), modules)
    if not wanted:
        raise listed.garbage(f"lists none of the modules {', '.join(modules)}")
    script = out_dir / "equivalence.ys"
    inside = {words.module for words in moved}
    lines = [line for name in wanted if name not in inside for line in _proof(gold, gate, name, ())]
    if len(inside) < len(wanted):
        lines = [*_read(gold, "gold", False), *_read(gate, "gate", False), *lines]
    for name in sorted(inside):
        own = [words for words in moved if words.module == name]
        lines += [*_read(gold, "gold", True), *_read(gate, "gate", True), *_proof(gold, gate, name, own)]
    script.write_text("\n".join(lines) + "\n")
    run = run_tool([*command, script.name], cwd=out_dir, log=out_dir / "equivalence.log", timeout_s=timeout_s)
    text = run.log.read_text(errors="replace")
    counts = [tuple(map(int, c)) for c in re.findall(r"Of those cells (\d+) are proven and (\d+) are unproven", text)]
    unproven = tuple(re.findall(r"^\s+Unproven \$equiv \S+: (.*)$", text, re.M))
    if len(counts) != len(wanted) or sum(left for _, left in counts) != len(unproven):
        raise run.garbage("does not say what it proved")
    return Equivalence(sum(done for done, _ in counts), unproven, tuple(wanted), tool, listed.seconds + run.seconds)


def _instances(listed: Sequence[str], modules: Sequence[str]) -> list[str]:
    """Those of the elaborated modules that stem from the given ones, by Yosys's names for them."""
    stem = {name: re.sub(r"^\$paramod(\$\w+)?\\", "", name).partition("\\")[0] for name in listed}
    return sorted(name for name in stem if stem[name] in modules)


def _proof(gold: Design, gate: Design, module: str, moved: Sequence[MovedWords]) -> list[str]:
    """The commands that compare one module of the designs that are read."""
    same = [line for words in moved for line in _renamed(words)]
    return [
        *_side(gold, "gold", module, bool(moved)),
        *_side(gate, "gate", module, bool(moved)),
        "design -reset",
        "design -copy-from gold_flat -as gold gold",
        "design -copy-from gate_flat -as gate gate",
        *(["cd gate", *same, "cd .."] if same else []),
        "equiv_make gold gate both",
        "hierarchy -top both",
        "opt -full",
        "equiv_struct",
        "equiv_simple -short",
        f"equiv_induct -undef -seq {STEPS}",
        "equiv_status",
    ]


def _side(design: Design, name: str, module: str, memories: bool) -> list[str]:
    """The commands that save a module of a design that was read, flat and as the module ``name``."""
    return [
        f"design -load {name}",
        f"hierarchy -top {module}",
        "proc",
        "flatten -noscopeinfo",
        # What a macro is given is an output then, to be the same; what it gives an input, whatever word that is.
        *([] if memories else [f"expose -evert t:{shape.module}" for shape in sorted(design.srams)]),
        "opt_clean",
        f"rename {module} {name}",
        f"design -save {name}_flat",
    ]


def _read(design: Design, name: str, memories: bool) -> list[str]:
    """The commands that read, elaborate and save a design, its macros as black boxes or word by word."""
    return [
        "design -reset",
        f"read_verilog -sv {name}_memories.v" if memories else f"read_verilog -lib {name}_black_boxes.v",
        *(f"read_verilog -defer {quoted(path.resolve())}" for path in design.logic_sources),
        f"hierarchy -check -top {design.top}",
        f"design -save {name}",
    ]


def _renamed(words: MovedWords) -> list[str]:
    """The commands that give registers of moved words the names that they had."""
    return [
        f"rename {words.after}.word[{i}].value {words.before}.word[{words.first + i}].value" for i in range(words.words)
    ]


def _words(shape: SramShape) -> str:
    """The macro's behaviour with a register of its own for each word."""
    return (
        sram_blackbox(shape).replace("(* blackbox *)\n", "").replace("endmodule\n", "")
        + f"    reg [{shape.bits - 1}:0] held;\n"
        f"    wire [{shape.words * shape.bits - 1}:0] words;\n"
        "    assign dout = held;\n"
        f"    always @(posedge clk) if (ce & ~we) held <= words[{shape.bits} * addr +: {shape.bits}];\n"
        f"    for (genvar i = 0; i < {shape.words}; i = i + 1) begin : word\n"
        f"        reg [{shape.bits - 1}:0] value;\n"
        f"        assign words[{shape.bits} * i +: {shape.bits}] = value;\n"
        "        always @(posedge clk) if (ce & we & (addr == i)) value <= din;\n"
        "    end\n"
        "endmodule\n"
    )
