"""Networks, and their division into blocks."""
