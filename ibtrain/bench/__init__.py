"""How fast everything is, and how far from what the machine could do."""
