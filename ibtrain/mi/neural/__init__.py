"""Estimators by neural critics, for samples and for layers that change."""
