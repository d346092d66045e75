"""A run's results as text, at several widths."""

from typing import Any

import pytest
from pictures import estimate

from ibtrain.config import ObjectiveConfig
from ibtrain.report.table import results_table
from ibtrain.report.text import blocks, filled


def layer(name: str, shift: float, *flags: str) -> dict[str, Any]:
    names = (
        "mi_xt",
        "mi_ty",
        "mi_hy",
        "mi_xt_channel",
        "mi_ty_channel",
        "mi_xt_binned",
        "mi_ty_binned",
    )
    values = {key: estimate(1 + shift, *flags, stderr=0.07).to_dict() for key in names}
    plain = {"sigma": 0.5, "activation_scale": 0.25, "probe_accuracy": 0.9, "distinct_t": 359.0}
    return {"name": name, "epoch": 5, **values, **plain}


def results(seeds: int = 2, *flags: str, names: tuple[str, ...] = ("hidden1", "output")) -> Any:
    entries = [
        {
            "seed": seed, "seconds": 1.0, "test_accuracy": 0.9, "train_accuracy": 0.95,
            "layers": [layer(name, seed, *flags) for name in names],
        }
        for seed in range(seeds)
    ]  # fmt: skip
    objective = vars(ObjectiveConfig())
    plane = {"on": "test", "noise_std": [], "noise_scale": "absolute", "unit": "nats"}
    return {
        "dataset": "digits", "plane_samples": 359, "ln_n": 5.88, "label_entropy": 2.29,
        "majority_accuracy": 0.1, "objective": objective, "plane": plane,
        "layerwise": entries, "end_to_end": entries,
    }  # fmt: skip


@pytest.mark.parametrize("width", [80, 120, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    names = ("hidden1", "encoder.layers.0.self_attention.out_proj.weights", "W" * 200)
    lines = results_table(results(names=names), width).splitlines()
    assert max(map(len, lines)) <= width
    assert (
        sum(line.startswith("layer-wise  hidden1") for line in lines)
        == {80: 4, 120: 2, 300: 1}[width]
    )


def test_the_quantities_of_a_measure_stay_together() -> None:
    headings = [
        line.split("  ") for line in results_table(results()).splitlines() if " layer " in line
    ]
    tables = [[word.strip() for word in line if word.strip()][1:] for line in headings]
    assert ["I(X;T) mine", "I(T;Y) mine", "I(H;Y) mine"] in tables
    (binned,) = [table for table in tables if "H(T) binned" in table]
    assert {"I(T;Y) binned", "distinct T"} <= set(binned)


def test_several_seeds_have_standard_deviations_and_one_its_standard_errors() -> None:
    text = results_table(results(2))
    # of 1 and 2
    assert "1.50 ± 0.71" in text
    assert "± s.d. over 2 seeds" in text
    text = results_table(results(1))
    assert "1.00 ± 0.07" in text
    assert "± standard error" in text
    assert "s.d." not in text


def test_a_count_is_a_whole_number() -> None:
    assert " 359  " in results_table(results(1))
    assert "359.0" not in results_table(results(2))


def test_flagged_values_have_a_star_and_the_flags_are_named() -> None:
    text = results_table(results(1, "lagging"))
    assert "1.00 ± 0.07*" in text
    assert "* flagged, in at least one seed: docs/flags.md" in text
    assert "flags: lagging" in text
    assert "*" not in results_table(results(1))


def test_results_of_before_the_planes_own_noise_are_shown() -> None:
    document = results(1)
    del document["plane"]
    assert "sigma 0.5; trained with" in " ".join(results_table(document).split())


def test_changed_training_samples_are_named() -> None:
    text = " ".join(results_table({**results(), "train_share": 0.25, "label_noise": 0.4}).split())
    assert "25 % of the training samples; 40 % of the labels drawn at random; always" in text
    assert "% of the" not in results_table({**results(), "train_share": 1.0, "label_noise": 0.0})


def test_the_verdict_on_several_seeds_is_told() -> None:
    document = results(3)
    document["end_to_end"] = [
        {**entry, "test_accuracy": accuracy}
        for entry, accuracy in zip(document["end_to_end"], (0.88, 0.9, 0.91), strict=True)
    ]
    text = results_table(document)
    words = (
        "undecided: 3 seeds can't tell layer-wise from end-to-end (difference +0.33, 95 % interval"
    )
    assert words in " ".join(text.split())
    assert "can't tell" not in results_table(results(1))
    assert max(map(len, text.splitlines())) <= 80


def test_columns_go_to_the_next_table_where_they_do_not_fit() -> None:
    names, groups = [["name", "a"]], [[["x" * 6, "1"], ["y" * 6, "2"]], [["z" * 6, "3"]]]
    assert [table.splitlines()[0].split() for table in blocks(names, groups, 22)] == [
        ["name", "x" * 6, "y" * 6], ["name", "z" * 6],
    ]  # fmt: skip
    assert len(blocks(names, groups, 12)) == 3
    assert len(blocks(names, groups, 100)) == 1


def test_a_footnote_ends_its_lines_with_a_piece_where_it_can() -> None:
    assert filled(["one", "two three", "four"], 14) == "one;\ntwo three;\nfour"
    assert filled(["one", "two", "four"], 14) == "one; two; four"
    assert filled(["a long piece of text", "b"], 12) == "a long piece\nof text; b"
