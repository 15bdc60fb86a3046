"""What is the accelerator? Verilog-2005 sources, the spec that parameterises them, elaboration."""
