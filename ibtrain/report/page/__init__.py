"""The interactive report of runs: one HTML file with its data, its style and its scripts."""

from ibtrain.report.page.write import save_page, save_run_page

__all__ = ["save_page", "save_run_page"]
