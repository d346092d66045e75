"""Networks that are cut into blocks."""
