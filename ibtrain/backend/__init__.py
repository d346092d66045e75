"""What computes: devices, precision, optimisers, randomness, and several networks as one."""
