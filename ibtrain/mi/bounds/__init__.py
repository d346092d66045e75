"""Variational bounds on mutual information, on batches, pools and groups of critic scores."""
