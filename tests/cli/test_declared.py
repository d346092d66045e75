"""Options that are derived from the fields of the settings."""

import re

import click
import pytest

from ibtrain.cli.declared import CommaSeparated, CommaSeparatedWords, Named, keywords
from ibtrain.cli.main import cli
from ibtrain.cli.options import SETTINGS
from ibtrain.data.load import FILE_READERS, TABLES
from ibtrain.data.sources import SOURCES


@pytest.mark.parametrize(
    ("place", "kind", "words"),
    [
        ("optim.epochs", int, "[10; digits 20]"),
        ("optim.learning_rate", float, "Initial learning rate; the defaults were chosen for Adam.  [layer-wise 0.001, digits 0.003; end-to-end 0.002, digits 0.001]"),
        ("optim.batch_size", Named, "[layer-wise 128; end-to-end 128, digits 64]"),
        ("optim.patience", int, "holds nothing out.  [0]"),
        ("plane.points", int, "[6; digits 4]"),
        ("model.hidden", Named, "or idnns-11 (10,7,7,4,3).  [500,256]"),
        ("model.dropout", float, "to zero in training; 0 for none.  [0]"),
        ("optim.optimizer", click.Choice, "Optimiser of networks, blocks and critics: adam"),
        ("train_share", float, "validation and test samples stay.  [1]"),
        ("resize", int, "of the images of folder:DIR after resizing."),
        ("data_root", str, "by default $IBTRAIN_DATA or ~/.cache/ibtrain."),
        ("objective.name", str, "Objective of the hidden blocks: ib"),
        ("seeds", CommaSeparated, "[0,1,2]"),
        ("objective.beta", CommaSeparated, "or one for each block.  [0.0001]"),
        ("plane.measures", CommaSeparatedWords, "[mine,channel,probe]"),
        ("objective.order", click.Choice, "or cross them (joint).  [sequential]"),
    ],
)  # fmt: skip
def test_type_help_and_default_are_those_of_the_setting(place: str, kind: type, words: str) -> None:
    declared = keywords(place)
    option_type = declared["type"]
    assert option_type is kind or isinstance(option_type, kind)
    assert declared["help"].endswith(words) or declared["help"].startswith(words)


@pytest.mark.parametrize(
    ("place", "given", "value"),
    [
        ("model.hidden", "12,7", (12, 7)),
        ("model.hidden", "1", (1,)),
        ("model.hidden", "idnns-1", (10, 7, 5, 4, 3)),
        ("optim.batch_size", "64", 64),
        ("optim.batch_size", "full", 0),
    ],
)
def test_some_values_have_a_name(place: str, given: str, value: object) -> None:
    assert keywords(place)["type"].convert(given, None, None) == value


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("model.hidden", "expected whole numbers separated by commas, or idnns-1, idnns-2"),
        ("optim.batch_size", "'idnns' is not a valid integer, or full"),
    ],
)
def test_other_names_are_refused(place: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message):
        keywords(place)["type"].convert("idnns", None, None)


@pytest.mark.parametrize("place", SETTINGS.values())
def test_every_setting_says_what_it_is(place: str) -> None:
    text = keywords(place)["help"].partition("  [")[0]
    assert text[0].isupper()
    assert text.endswith(".")
    assert "`" not in text
    assert "  " not in text


def test_the_commands_that_train_take_the_same_settings() -> None:
    context = click.Context(cli)
    compare, train = (cli.get_command(context, name) for name in ("compare", "train"))
    assert isinstance(train, click.Group)
    commands = [
        compare,
        train.get_command(context, "layerwise"),
        train.get_command(context, "end-to-end"),
    ]
    flags = [{flag for option in command.params for flag in option.opts} for command in commands]
    assert flags[0] == flags[1] == flags[2]
    assert {*SETTINGS} <= flags[0]


def test_the_help_of_the_data_set_names_all_sources_and_endings() -> None:
    text = keywords("dataset")["help"]
    for source in SOURCES:
        assert re.search(rf"\b{source}\b", text), source
    for ending in (*FILE_READERS, *TABLES):
        assert re.search(rf"\.{ending}\b", text), ending
    assert "folder:DIR" in text
