"""Loads data sets."""
