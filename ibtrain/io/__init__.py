"""Files: written whole or not at all, and read wherever they come from."""
