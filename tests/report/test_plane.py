"""What the plane's picture shows of its points."""

from dataclasses import replace

import numpy as np

from ibtrain.mi.result import Estimate
from ibtrain.plane.point import PlanePoint
from ibtrain.report.plane import PlanePanel, _paths, plane_figure


def point(seed: int, epoch: int, mi: float, flags: tuple[str, ...] = ()) -> PlanePoint:
    estimate = Estimate(mi, 0.01, "mine", 8.0, flags, 100, 100)
    return PlanePoint(
        "layerwise", seed, "hidden1", epoch, 0.5, 1.0, 0.9,
        estimate, estimate, estimate, estimate, estimate,
    )  # fmt: skip


def test_a_path_is_the_mean_over_seeds_and_ends_where_each_seed_ended() -> None:
    early = [point(0, 0, 1.0), point(0, 1, 2.0), point(0, 2, 3.0), point(0, 2, 3.5)]
    late = [point(1, 0, 2.0), point(1, 1, 4.0), point(1, 3, 5.0), point(1, 5, 6.5)]
    (path,) = _paths([*early, *late], "mi_xt", "mi_ty")
    assert path.epochs.tolist() == [0, 1, 5]
    np.testing.assert_allclose(path.xy[:, 0], [1.5, 3.0, 5.0])
    np.testing.assert_allclose(path.error[-1], np.std([3.5, 6.5], ddof=1))
    assert not path.flagged


def test_an_end_that_touches_a_limit_is_marked() -> None:
    (path,) = _paths([point(0, 0, 1.0), point(0, 1, 8.0, ("above_ceiling",))], "mi_xt", "mi_ty")
    assert path.flagged


def test_the_caption_tells_noise_samples_and_seeds_of_each_run() -> None:
    points = [point(seed, epoch, 1.0) for seed in (0, 1) for epoch in (0, 1)]
    other = [replace(p, mi_xt=replace(p.mi_xt, n_test=77)) for p in points if p.seed == 0]
    figure = plane_figure([PlanePanel("a", points, "sigma 0.5"), PlanePanel("b", other, "sigma 2")])
    caption = figure.get_supxlabel()
    assert "sigma 0.5\nN = 100 test samples; mean of 2 seeds" in caption
    assert "sigma 2\nN = 77 test samples; one seed" in caption
