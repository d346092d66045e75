"""The information plane: what is recorded of each layer, and when."""
