"""Layers whose noise is known: exact values and bounds of I(x; t) and I(t; y)."""
