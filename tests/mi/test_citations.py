"""Every method has sources, in BibTeX that can be parsed."""

import re

import numpy as np
import pytest

from ibtrain import conditional_mi
from ibtrain.bibliography import all_entries
from ibtrain.mi.citations import METHODS, bibtex, method_sentence
from ibtrain.mi.registry import ESTIMATORS, estimate
from ibtrain.mi.result import Estimate


@pytest.mark.parametrize("method", [*ESTIMATORS, "plug-in"])
def test_every_method_has_its_sources(method: str) -> None:
    value = Estimate(0.5, 0.1, method, 6.0, n_test=100)
    text, sentence = bibtex(value), method_sentence(value)
    (cited,) = re.findall(r"\\cite\{(.*?)\}", sentence)
    assert re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE) == [*cited.split(","), "ibtrain"]
    assert text.count("{") == text.count("}")


def test_every_entry_is_used_and_whole() -> None:
    used = {key for _, keys in METHODS.values() for key in keys}
    assert used <= set(all_entries())
    for key, entry in all_entries().items():
        assert entry.startswith("@")
        assert f"{{{key}," in entry
        for field in ("title", "author", "year"):
            assert f"{field} = {{" in entry


def test_the_sentence_is_of_what_was_done() -> None:
    x, noise = np.random.default_rng(0).standard_normal((2, 200))
    pair = estimate(x, x + noise, "ksg", seed=3, permutations=2)
    assert "Kraskov" in method_sentence(pair)
    assert "from 200 samples" in method_sentence(pair)
    assert "(seed 3); the p-value is that of 2 permutations" in method_sentence(pair)
    assert "@article{phipson2010" in bibtex(pair)
    label = estimate(x, x + noise > 0, "ksg")
    assert "ross2014" in method_sentence(label)
    assert "kraskov" not in bibtex(label)
    neural = estimate(x, x + noise, steps=5, hidden=(8,), base="none")
    assert "from 200 samples" in method_sentence(neural)


def test_a_conditional_value_has_the_sources_of_its_neighbours() -> None:
    x, y, z = np.random.default_rng(0).standard_normal((3, 200))
    value = conditional_mi(x, y, z, "ksg")
    assert method_sentence(value).startswith("Conditional mutual information was estimated by")
    assert "frenzel2007,mesner2021}" in method_sentence(value)
    assert "@article{frenzel2007" in bibtex(value)
    assert "frenzel2007" not in bibtex(conditional_mi(x, y, z, "gaussian"))
