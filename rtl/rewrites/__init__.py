"""The ways to write the RTL anew, by name."""

from __future__ import annotations

from rtl.rewrite import Rewrite, RewriteError
from rtl.rewrites.banks import BankCount
from rtl.rewrites.operators import ADDERS, MULTIPLIERS, AdderStyle, MultiplierStyle
from rtl.rewrites.pipeline import PipelineDepth

REWRITES: dict[str, dict[str, Rewrite]] = {
    "adders": {style: AdderStyle(module) for style, module in ADDERS.items()},
    "multipliers": {style: MultiplierStyle(module) for style, module in MULTIPLIERS.items()},
    "banks": {str(banks): BankCount(banks) for banks in (2, 4, 8)},
    "pipeline": {str(stages): PipelineDepth(stages) for stages in (1, 2, 3)},
}
"""Each rewrite by its name and value, as a person gives them: ``name=value``."""


def named_rewrite(text: str) -> Rewrite:
    """The rewrite that ``name=value`` means; RewriteError with what there is where it means none."""
    name, _, value = text.partition("=")
    if value not in REWRITES.get(name, {}):
        known = "; ".join(f"{name}={' or '.join(values)}" for name, values in REWRITES.items())
        raise RewriteError(f"there is no rewrite {text}: give {known}")
    return REWRITES[name][value]
