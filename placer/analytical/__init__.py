"""Analytical placement: electrostatic global placement, legalisation that keeps order, detailed placement."""

from placer.analytical.macro_placement import place_macros

__all__ = ["place_macros"]
