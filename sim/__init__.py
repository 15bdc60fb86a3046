"""Is the accelerator correct, and how many cycles does it take? Benches, golden models, workloads."""
