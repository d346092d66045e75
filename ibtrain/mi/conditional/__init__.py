"""Conditional mutual information I(x; y | z)."""
