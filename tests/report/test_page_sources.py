"""Sources of the objectives, in the paragraph on the methods."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from reported import write_run

from ibtrain.bibliography import all_entries
from ibtrain.config import OBJECTIVES, ObjectiveConfig
from ibtrain.report.page.run import ReportedRun
from ibtrain.report.page.sources import OBJECTIVES as SOURCES
from ibtrain.report.page.sources import sources


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({"name": "hsic", "beta": 0.02}, ["ma2020"]),
        ({"name": "dv", "similarity": 1.0}, ["belghazi2018", "nokland2019"]),
        ({"name": "renyi"}, ["sanchezgiraldo2015", "yu2021"]),
        ({"name": "cross-entropy", "same_class": 1.0}, ["khosla2020"]),
        ({"name": "ib", "same_class": 1.0}, ["elad2018", "belghazi2018", "khosla2020"]),
        ({"name": "frozen"}, []),
    ],
)
def test_the_sources_of_an_objective_are_told(
    tmp_path: Path, settings: dict[str, object], keys: list[str]
) -> None:
    run = ReportedRun.read(write_run(tmp_path / "run"))
    config = replace(run.config, objective=ObjectiveConfig(**settings))  # type: ignore[arg-type]
    found = sources(replace(run, config=config, panels=[]))
    assert re.findall(r"@\w+\{(\w+),", found["bibtex"]) == keys


def test_every_objective_with_a_source_exists() -> None:
    assert {*SOURCES} < {*OBJECTIVES}
    assert {key for keys in SOURCES.values() for key in keys.split(", ")} <= {*all_entries()}
