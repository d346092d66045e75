"""A saved state of a version that had fewer settings belongs to the run whose other settings are the defaults."""

import json

from ibtrain.config import RunConfig, difference
from ibtrain.config.recipes import with_recipes
from ibtrain.runs.execution import _with_defaults


def test_settings_that_a_state_lacks_have_their_defaults() -> None:
    config = json.loads(with_recipes(RunConfig()).to_json())
    identity = {**config, "device": "cpu", "samples": "hash"}
    older = json.loads(json.dumps(identity))
    del older["evaluate_on"], older["objective"]["order"], older["layerwise"]["momentum"]
    assert _with_defaults(older) == identity
    older["layerwise"]["learning_rate"] = 7.0
    change = difference(identity["layerwise"], _with_defaults(older)["layerwise"])
    assert change == ("learning_rate", config["layerwise"]["learning_rate"], 7.0)
    newer = {**identity, "objective": {**config["objective"], "unheard_of": 1}}
    assert _with_defaults(newer) == newer
