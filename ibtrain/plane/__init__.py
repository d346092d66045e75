"""The information plane: measures each layer's mutual information during training."""
