"""The pictures of a sweep."""

from collections.abc import Sequence

from ibtrain.report.arms import number_of, value_of
from ibtrain.report.forest import forest_figure
from ibtrain.report.heatmap import heatmap_figure
from ibtrain.report.learning import learning_figure
from ibtrain.report.mpl import Figure
from ibtrain.runs.comparisons import Comparison
from ibtrain.runs.summary import RunSummary

__all__ = ["sweep_figures"]


def sweep_figures(
    runs: Sequence[RunSummary],
    varied: Sequence[Sequence[str]],
    comparisons: Sequence[Comparison] = (),
    *,
    has_cells: bool = False,
) -> dict[str, Figure]:
    """Draws what a sweep has: a row for each run, a curve if one number varies, heat maps if two settings vary.

    Args:
        runs: The runs.
        varied: Dotted name of each setting that varies, or its names for both methods.
        comparisons: Comparisons of the runs with each other.
        has_cells: Whether a run's name begins with that of its cell.

    Returns:
        The pictures by the names of their files; none if no run is finished.
    """
    if not any(run.test(method) for run in runs for method in run.accuracies):
        return {}
    figures = {"sweep.png": forest_figure(runs, comparisons, has_cells=has_cells)}
    axes = [keys for keys in varied if len({repr(value_of(run, keys)) for run in runs}) > 1]
    if len(axes) == 1 and all(number_of(run, axes[0]) is not None for run in runs):
        figures["sweep-curve.png"] = learning_figure(
            runs, axes[0], comparisons, has_cells=has_cells
        )
    if len(axes) == 2:
        figures["sweep-map.png"] = heatmap_figure(
            runs, axes[0], axes[1], comparisons, has_cells=has_cells
        )
    return figures
