"""Variational bounds on mutual information, evaluated on batches, pools and groups of critic scores."""
