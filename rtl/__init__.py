"""What is the accelerator? Its spec, its Verilog-2005 sources, and elaboration of the one into the other."""

from rtl.elaborate import Design, elaborate, parameters
from rtl.spec import AcceleratorSpec, SpecError, load_spec
from rtl.sram import SramShape, sram_blackbox, sram_model
from rtl.syntax import RtlError

__all__ = [
    "AcceleratorSpec",
    "Design",
    "RtlError",
    "SpecError",
    "SramShape",
    "elaborate",
    "load_spec",
    "parameters",
    "sram_blackbox",
    "sram_model",
]
