"""Speed and quality figures, as JSON under ``benchmarks/results``; never timed tests."""
