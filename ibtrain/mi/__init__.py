"""Mutual information: bounds, critics, estimators and exact references; nothing of training."""
