"""Benchmarks: times of the main computations, compared with the limits of the machine."""
