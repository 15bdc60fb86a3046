"""Placers to compare with: random, greedy packing, force-directed, simulated annealing."""
