"""The paths of layers, from the points of several seeds."""

import numpy as np
import pytest
from pictures import estimate, point, with_values

from ibtrain.report.points import layer_paths
from ibtrain.report.quantities import PlaneAxes

AXES = PlaneAxes("mi_xt", "mi_ty", "MINE", "mine")


def test_a_path_is_the_mean_over_seeds_and_ends_where_each_seed_ended() -> None:
    early = [point(0, 0, 1.0), point(0, 1, 2.0), point(0, 2, 3.0), point(0, 2, 3.5)]
    late = [point(1, 0, 2.0), point(1, 1, 4.0), point(1, 3, 5.0), point(1, 5, 6.5)]
    (path,) = layer_paths([*early, *late], AXES, "mean")
    assert path.epochs.tolist() == [0, 1, 5]
    np.testing.assert_allclose(path.xy[:, 0], [1.5, 3.0, 5.0])
    np.testing.assert_allclose(path.spread[-1, 0], np.std([3.5, 6.5], ddof=1))
    assert path.flags == (frozenset(),) * 3


def test_the_median_has_quartiles() -> None:
    (path,) = layer_paths([point(seed, 0, x) for seed, x in enumerate((1, 2, 9))], AXES, "median")
    assert path.xy[0, 0] == 2
    np.testing.assert_allclose(path.spread[0, 0], [0.5, 3.5])


def test_all_seeds_are_paths_of_their_own_with_standard_errors() -> None:
    paths = layer_paths([point(seed, 0, 1.0 + seed) for seed in (0, 1)], AXES, "all")
    assert [(path.seed, path.xy[0, 0]) for path in paths] == [(0, 1.0), (1, 2.0)]
    np.testing.assert_allclose(paths[0].spread, 0.01)


def test_flags_of_any_seed_and_of_both_axes_are_kept() -> None:
    points = [point(0, 0, 1.0), point(1, 0, 1.0, 1.0, "lagging"), point(0, 1, 2.0), point(1, 1, 2)]
    points[0] = with_values(points[0], mi_ty=estimate(1.0, "overfit"))
    (path,) = layer_paths(points, AXES, "mean")
    assert path.flags == (frozenset({"lagging", "overfit"}), frozenset())


@pytest.mark.parametrize(("audit", "is_drawn"), [(5.9, True), (5.03, False), (4.0, False)])
def test_an_audit_is_kept_where_it_is_significantly_higher(audit: float, is_drawn: bool) -> None:
    more = {"mi_xt_audit": estimate(audit), "mi_ty_audit": estimate(0.2)}
    (path,) = layer_paths([point(0, 0, 5.0), with_values(point(0, 1, 5.0), **more)], AXES, "mean")
    assert list(path.audits) == ([1] if is_drawn else [])
    if is_drawn:
        # the tracked critic of the label found more, and its value stays
        np.testing.assert_allclose(path.audits[1], [audit, 1.0])
        assert path.extent[:, 0].max() == audit


@pytest.mark.parametrize(("exact", "is_below"), [(5.1, True), (5.03, False), (4.0, False)])
def test_a_bound_is_compared_with_the_exact_value(exact: float, is_below: bool) -> None:
    last = with_values(point(0, 0, 5.0), mi_xt_channel=estimate(exact))
    (path,) = layer_paths([last], AXES, "mean")
    assert path.below == (is_below, False)
    (path,) = layer_paths([last], PlaneAxes("mi_xt_channel", "mi_ty_channel", "", ""), "mean")
    assert path.below == (False, False)
