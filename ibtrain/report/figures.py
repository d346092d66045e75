"""The function that draws each style of the plane's pictures."""

from collections.abc import Callable, Sequence

from ibtrain.report.gradients import gradients_figure
from ibtrain.report.mpl import Figure
from ibtrain.report.panels import PlanePanel
from ibtrain.report.plane import plane_figure
from ibtrain.report.profile import profile_figure
from ibtrain.report.shares import shares_figure
from ibtrain.report.units import units_figure
from ibtrain.report.view import PLANE_STYLES, PlaneView

__all__ = ["FIGURES"]

FIGURES: dict[str, Callable[[Sequence[PlanePanel], PlaneView], Figure]] = {
    **dict.fromkeys(PLANE_STYLES, plane_figure),
    "gradients": gradients_figure,
    "profile": profile_figure,
    "units": units_figure,
    "shares": shares_figure,
}
