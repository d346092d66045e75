"""Every command ends as documented, whatever its options and its files say."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from malformed import arguments, json_files, mutated, npz_files
from sandbox import Sandbox, check_command, config_document, point_event

from ibtrain.cli.main import COMMANDS, cli
from ibtrain.mi.result import Estimate

pytestmark = pytest.mark.slow


def _leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from _leaves(inner, (*words, name))
    else:
        yield words


def _command(words: tuple[str, ...]) -> click.Command:
    command: Any = cli
    for word in words:
        command = command.get_command(click.Context(command), word)
    return command  # type: ignore[no-any-return]


LEAVES = list(_leaves(cli))
TRAINING = [words for words in LEAVES if words[0] in ("compare", "train")]


@pytest.fixture(autouse=True, scope="module")
def _nothing_takes_long(template: Path) -> Iterator[None]:
    """Stops each command where its work would begin; the sandbox's own run has been made by then."""
    assert template.is_dir()

    def stop(*_: object, **__: object) -> NoReturn:
        raise SystemExit(0)

    from ibtrain.mi.neural.crossfit import VariationalFit

    fit = VariationalFit(Estimate(0.5, 0.1, "mine", 4.0), [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ibtrain.runs.execution.Run.train", stop)
        patch.setattr("ibtrain.mi.neural.crossfit.fit_variational", lambda *_, **__: fit)
        patch.setattr("ibtrain.mi.benchmark.validate.validate", stop)
        patch.setattr("ibtrain.bench.machine.measure_machine", stop)
        patch.setattr("ibtrain.cli.runs.time", SimpleNamespace(sleep=stop))
        yield


def test_every_command_is_among_them() -> None:
    assert {words[0] for words in LEAVES} == set(COMMANDS)


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_options(box: Sandbox, words: tuple[str, ...]) -> None:
    @given(given=arguments(_command(words)))
    def check(given: list[str]) -> None:
        with box.case():
            check_command(*words, *given)

    check()


@given(
    words=st.sampled_from(TRAINING), content=json_files(config_document()), dataset=st.booleans()
)
def test_training_from_a_file(
    box: Sandbox, words: tuple[str, ...], content: bytes, dataset: bool
) -> None:
    with box.case():
        Path("config.json").write_bytes(content)
        more = ["--dataset", "npz:good.npz"] if dataset else []
        check_command(*words, "--config", "config.json", "--run-dir", "new", *more)


@given(
    content=npz_files(),
    method=st.sampled_from(["mine", "ksg", "binning", "gaussian"]),
    options=st.lists(
        st.tuples(
            st.sampled_from(["k", "variant", "bins", "num_bins", "low", "high", "hidden", "steps"]),
            st.sampled_from(
                ["0", "1", "-1", "3", "1e9", "1000000000000", "[]", "[1]", "null", "true", "x"]
            ),
        ).map("=".join),
        max_size=2,
    ),
)
def test_estimates(box: Sandbox, content: bytes, method: str, options: list[str]) -> None:
    with box.case():
        Path("d.npz").write_bytes(content)
        sets = [word for option in options for word in ("--set", option)]
        check_command("estimate", "d.npz", "--method", method, *sets)


@given(
    points=st.lists(mutated(point_event()), max_size=4),
    config=st.one_of(st.just(config_document()), mutated(config_document())),
    ending=st.sampled_from(["png", "svg", "pdf", "gif"]),
)
def test_drawing(box: Sandbox, points: list[Any], config: dict[str, Any], ending: str) -> None:
    with box.case():
        lines = [json.dumps(event) + "\n" for event in points]
        Path("run", "metrics.jsonl").write_text("".join(lines))
        Path("run", "config.json").write_text(json.dumps(config))
        check_command("plane", "run", "-o", f"p.{ending}")
        check_command("plane", "run", "runs/old")
