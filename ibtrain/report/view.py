"""Choices of what a picture of the plane shows."""

import math
from dataclasses import dataclass

from ibtrain.checks import check_choice, check_number
from ibtrain.config.units import UNITS
from ibtrain.errors import ConfigError

__all__ = ["MEASURE_STYLES", "PLANE_STYLES", "SEED_SUMMARIES", "STYLES", "PlaneView"]

PLANE_STYLES = ("layers", "epochs", "curves")
"""A path for each layer; a line through the layers for each epoch; or each quantity by epoch."""
STYLES = (*PLANE_STYLES, "gradients", "profile", "units", "shares")
"""Also the gradients by epoch; I(X; T) by noise; the values of single units; or the last points by training share."""
SNAPSHOT_STYLES = (*PLANE_STYLES, "profile")
MEASURE_STYLES = (*PLANE_STYLES, "shares")
"""Styles that several measures have."""
SEED_SUMMARIES = ("mean", "median", "all")
MAX_SNAPSHOTS = 12


@dataclass(frozen=True)
class PlaneView:
    """Choices of what a picture of the plane shows.

    Args:
        style: One of :data:`STYLES`.
        seeds: What is drawn of several seeds: their ``mean``, their ``median``, or ``all`` of them.
        unit: Unit of information; None is the unit in which the first run was measured.
        until: Last epoch that is drawn; None draws all epochs.
        at: Epochs of snapshots, which are drawn side by side; each shows the epochs up to its own.
        measures: Names of the measures that are drawn, in this order; none stands for all of them.
    """

    style: str = "layers"
    seeds: str = "mean"
    unit: str | None = None
    until: float | None = None
    at: tuple[float, ...] = ()
    measures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("--style", self.style, STYLES)
        check_choice("--seeds", self.seeds, SEED_SUMMARIES)
        if self.unit is not None:
            check_choice("--unit", self.unit, UNITS)
        for name, epochs in (("--until", (self.until,)), ("--at", self.at)):
            for epoch in epochs:
                if epoch is not None:
                    check_number(name, epoch, 0)
        if len(self.at) > MAX_SNAPSHOTS:
            raise ConfigError(f"{len(self.at)} epochs", f"at most {MAX_SNAPSHOTS}", "--at")
        if self.at and self.until is not None:
            raise ConfigError("--until and --at", "one of them", "ibtrain plane")
        for name, value, styles in (
            ("--at", self.at, SNAPSHOT_STYLES),
            ("--measure", self.measures, MEASURE_STYLES),
        ):
            if value and self.style not in styles:
                expected = f"one of {', '.join(styles)} with {name}"
                raise ConfigError(repr(self.style), expected, "--style")

    @property
    def moments(self) -> tuple[float, ...]:
        """The last epoch of each snapshot; infinite if all epochs are drawn."""
        return self.at or (math.inf if self.until is None else self.until,)
