"""Pictures and tables of a run; the only package that uses matplotlib to draw."""
