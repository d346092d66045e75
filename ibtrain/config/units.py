"""Units of information."""

__all__ = ["UNITS"]

UNITS = ("nats", "bits")
"""Units of information by name."""
