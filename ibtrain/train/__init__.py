"""Trainers: layer by layer on the information bottleneck, and end to end with backprop."""
