"""Layers with known noise: exact I(x; t) and I(t; y), and bounds on I(x; t)."""
