"""What does it cost in silicon? One adapter per tool, PDKs, SRAM macros, the flow."""
