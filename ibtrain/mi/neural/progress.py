"""Live progress of the critics of an estimate."""

from ibtrain.io.progress import ShowsBar, progress_bar
from ibtrain.mi.neural.convergence import CurvePoint

__all__ = ["CriticProgress"]


class CriticProgress(ShowsBar):
    """Shows one progress bar over the steps of all critics, which are fitted one after another.

    Args:
        critics: Number of critics.
        steps: Maximum number of steps of each.
        show: Whether the bar is shown, if there is a terminal or a notebook.
    """

    def __init__(self, critics: int, steps: int, *, show: bool) -> None:
        super().__init__(progress_bar(critics * steps, "steps", show=show))
        self.critics = critics
        self.steps = steps
        self.begun = 0

    def __call__(self, point: CurvePoint) -> None:
        """Updates the bar at a checkpoint; a critic that stopped early leaves the rest of its steps out."""
        self.begun += point.step == 0
        text = f"critic {self.begun}/{self.critics}  {point.select:.3f} nats"
        # the update shows it, at most ten times a second
        self.bar.set_description_str(text, refresh=False)
        self.bar.update((self.begun - 1) * self.steps + point.step - self.bar.n)
        if point.step == self.steps:
            self.bar.refresh()
