"""Units of information."""

__all__ = ["UNITS"]

UNITS = ("nats", "bits")
