"""OpenROAD: from a mapped netlist and macro positions to power, performance and area, stage by stage."""
