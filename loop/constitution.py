"""The constitution: what no generation may do, whatever it promises.

A proposal changes the accelerator's spec and the training budget and nothing else: the evaluator (simulation, tools,
cost model, gate) lies outside what a proposal can express. Within that, each clause here can refuse it.
"""

from __future__ import annotations

from loop.config import Limits
from loop.errors import LoopError
from rtl import AcceleratorSpec


class Unconstitutional(LoopError):
    """A proposal that a clause refuses."""


def check(spec: AcceleratorSpec, budget: int, limits: Limits) -> None:
    """Refuse a proposal with the clause that it breaks.

    Raises:
        Unconstitutional: naming the clause, the value and the limit.
    """
    clauses = (
        ("size", "processing elements", spec.pes, limits.max_pes),
        ("macros", "SRAM macros", spec.macros, limits.max_macros),
        ("budget", "policy updates", budget, limits.max_budget),
    )
    for clause, what, value, limit in clauses:
        if value > limit:
            raise Unconstitutional(f"clause '{clause}': {value} {what}, at most {limit} are allowed")
    if budget < 1:
        raise Unconstitutional(f"clause 'budget': {budget} policy updates, at least 1 is needed")


def allows(spec: AcceleratorSpec, budget: int, limits: Limits) -> bool:
    """Whether no clause refuses the proposal."""
    try:
        check(spec, budget, limits)
    except Unconstitutional:
        return False
    return True
