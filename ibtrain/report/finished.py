"""What the folder of a finished run has to look at."""

from ibtrain.report.page import save_run_page
from ibtrain.report.pictures import save_pictures
from ibtrain.runs import RunFolder

__all__ = ["save_report"]


def save_report(folder: RunFolder) -> None:
    """Draws the pictures of a finished run and writes its page.

    Args:
        folder: The run, which may have been replaced by that of another process in the meantime.

    Raises:
        RunFolderError: If it was, if its files are missing or broken, or if a file can't be written.
    """
    save_pictures(folder)
    save_run_page(folder)
