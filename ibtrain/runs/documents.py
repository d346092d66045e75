"""Reads the JSON documents of a run, which may come from an untrusted source."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ibtrain.checks import MAX_LAYERS, MAX_NAME, check_number
from ibtrain.config import MAX_PATH, MAX_SEEDS, METHODS, RunConfig
from ibtrain.config.run import complete_tables
from ibtrain.errors import ConfigError, RunFolderError
from ibtrain.io.documents import parse_json, read_bytes
from ibtrain.io.files import read_error

__all__ = ["SCHEMA", "read_config", "read_document", "read_results"]

SCHEMA = 1
"""Schema number of the documents that are written."""


def read_document(path: Path) -> dict[str, Any]:
    """Reads a JSON document of a run.

    Raises:
        RunFolderError: If the document is missing, broken, or of a newer schema.
    """
    try:
        document = parse_json(read_bytes(path))
    except (MemoryError, OSError) as error:
        if not isinstance(error, FileNotFoundError):
            raise read_error(error, path) from error
        raise RunFolderError("no such file", "a file of a run", str(path)) from error
    except ValueError as error:
        raise RunFolderError("a missing or broken file", f"JSON ({error})", str(path)) from error
    if not isinstance(document, dict):
        raise RunFolderError(type(document).__name__, "a JSON object", str(path))
    schema = document.get("schema", SCHEMA)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise RunFolderError(f"schema {schema!r}", "a whole number from 1", str(path))
    if schema > SCHEMA:
        expected = f"at most {SCHEMA} (made by a newer ibtrain)"
        raise RunFolderError(f"schema {schema}", expected, str(path))
    return document


def read_config(path: Path) -> RunConfig:
    """Reads ``config.json``.

    Raises:
        RunFolderError: If the settings are missing, broken, or invalid.
    """
    values = read_document(path)
    try:
        config = RunConfig.from_dict({**values, **complete_tables(values)})
    except ConfigError as error:
        where = f"{path}: {error.where}"
        raise RunFolderError(error.given, error.expected, where) from error
    if "noise_std" in values.get("plane", {}):
        return config
    # an earlier version wrote the file, whose planes had the noise of the training
    noise = config.objective
    plane = replace(config.plane, **{n: getattr(noise, n) for n in ("noise_std", "noise_scale")})
    return replace(config, plane=plane)


def read_results(path: Path) -> dict[str, Any]:
    """Reads ``results.json``, and checks its accuracies and names.

    Raises:
        RunFolderError: If the document is missing, broken, or of a newer schema.
    """
    document = read_document(path)
    where = str(path)
    if "chance_accuracy" in document:
        # the name in the first version
        document.setdefault("majority_accuracy", document.pop("chance_accuracy"))
    dataset = document.get("dataset", "")
    if not isinstance(dataset, str) or len(dataset) > MAX_PATH:
        raise RunFolderError(repr(dataset), "a data set's name", f"{where}: dataset")
    try:
        check_number("margin", document.get("margin", 1), above=0)
    except ConfigError as error:
        raise RunFolderError(error.given, error.expected, f"{where}: margin") from error
    for method in METHODS:
        seeds = document.get(method, [])
        if not isinstance(seeds, list) or not all(isinstance(seed, dict) for seed in seeds):
            raise RunFolderError(repr(seeds), "a list of results", f"{where}: {method}")
        if len(seeds) > MAX_SEEDS:
            given, expected = f"results of {len(seeds)} seeds", f"at most {MAX_SEEDS}"
            raise RunFolderError(given, expected, f"{where}: {method}")
        for seed in seeds:
            _check_layers(seed.get("layers", []), f"{where}: {method}.layers")
        for accuracy in (seed.get("test_accuracy") for seed in seeds):
            is_number = isinstance(accuracy, int | float) and not isinstance(accuracy, bool)
            if not is_number or not 0 <= accuracy <= 1:
                place = f"{where}: {method}.test_accuracy"
                raise RunFolderError(repr(accuracy), "a number from 0 to 1", place)
    return document


def _check_layers(layers: object, where: str) -> None:
    """Checks the number of layers of a result, and the lengths of their names, which are printed in tables."""
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS + 1:
        count = f"{len(layers)} layers" if isinstance(layers, list) else repr(layers)
        raise RunFolderError(count, f"a list of at most {MAX_LAYERS + 1}", where)
    for layer in layers:
        name = layer.get("name") if isinstance(layer, dict) else None
        if not isinstance(name, str) or len(name) > MAX_NAME:
            expected = f"layers with names of at most {MAX_NAME} characters"
            raise RunFolderError(repr(name), expected, where)
