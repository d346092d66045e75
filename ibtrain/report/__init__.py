"""Pictures and tables of a run; the only home of matplotlib."""
