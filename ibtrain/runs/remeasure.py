"""Measures the saved activations of a run again, by other measures, in one process or in several."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import torch

from ibtrain.config import PlaneConfig, difference
from ibtrain.data.archives import read_archive
from ibtrain.errors import ConfigError, DataError, LockedError, RunFolderError
from ibtrain.io.documents import parse_json, read_bytes
from ibtrain.io.files import write_atomically, write_json
from ibtrain.io.lock import folder_lock
from ibtrain.io.progress import progress_bar
from ibtrain.plane.measures import measure_class
from ibtrain.plane.point import PlaneMethod, PlanePoint
from ibtrain.plane.points import csv_text
from ibtrain.plane.recorder import LayerActivations, LayerRecorder
from ibtrain.runs.folder import RunFolder
from ibtrain.runs.saved import SAVED_FOLDER

__all__ = ["check_measures", "parts_folder", "remeasure"]

WAIT = 0.2
"""Seconds between two looks at what other processes have finished."""
IDENTITY = ("method", "seed", "epoch", "layers", "index", "labels")
"""Arrays of a saved file besides the activations."""


def check_measures(config: PlaneConfig) -> None:
    """Checks that no measure needs training samples or the network, because only activations are saved.

    Raises:
        ConfigError: If one does.
    """
    if "binned" in config.measures and config.bin_rule == "activation":
        expected = "another rule, because the activation functions are not saved"
        raise ConfigError("activation", expected, "plane bin_rule")
    for name in config.measures:
        if measure_class(name).reads_module:
            given = f"{name}, which reads the network"
            raise ConfigError(given, "measures of activations, such as channel", "measures")
        if measure_class(name).fits:
            given = f"{name}, which is fitted to training samples that are not saved"
            raise ConfigError(given, "measures such as channel, binned, pairwise", "measures")


def parts_folder(output: Path) -> Path:
    """The folder of the points that are measured so far; it is deleted at the end."""
    return output.with_name(f".{output.name}.parts")


def remeasure(run: Path, config: PlaneConfig, output: Path, *, progress: bool = False) -> None:
    """Measures every saved layer that no other process has measured or is measuring, and writes all points.

    Several processes may run this at the same time. Each claims one saved file after another by a lock, which the
    operating system releases if the process dies; the others then measure that file.

    Args:
        run: Folder of a run with ``--save activations``.
        config: Measures and their settings.
        output: CSV file of all points.
        progress: Whether a bar counts the files that all processes have measured.

    Raises:
        ConfigError: If a measure needs training samples or the network.
        RunFolderError: If there are no saved activations, a file can't be read or written, or other processes measure
            the same output with other settings.
    """
    check_measures(config)
    folder = RunFolder.open(run)
    saved = sorted((folder.path / SAVED_FOLDER).glob("*.npz"))
    if not saved:
        expected = "a run with --save activations"
        raise RunFolderError("no saved activations", expected, str(folder.path))
    parts = parts_folder(output)
    parts.mkdir(parents=True, exist_ok=True)
    _check_settings(parts / "settings.json", config)
    with closing(
        progress_bar(len(saved), "saved files", done=_count(saved, parts), show=progress)
    ) as bar:
        while parts.exists():
            try:
                if not _advance(saved, parts, config, output):
                    time.sleep(WAIT)
            except RunFolderError:
                # another process has written the output, and deleted the folder
                if parts.exists():
                    raise
            # fewer are counted while the folder is being deleted
            bar.update(max(_count(saved, parts) - bar.n, 0))
            bar.refresh()


def _count(saved: list[Path], parts: Path) -> int:
    """Number of files that any process has measured."""
    return sum(_part(parts, path).exists() for path in saved)


def _advance(saved: list[Path], parts: Path, config: PlaneConfig, output: Path) -> bool:
    """Measures what nobody measures, or writes all points; returns whether this process has done something."""
    waiting = [path for path in saved if not _part(parts, path).exists()]
    if waiting:
        return any(_claim(parts, path, config) for path in waiting)
    try:
        with folder_lock(parts / "merge.lock"):
            points = [
                PlanePoint.from_dict(point)
                for path in saved
                for point in parse_json(read_bytes(_part(parts, path)))
            ]
            write_atomically(output, csv_text(sorted(points, key=_place)))
            shutil.rmtree(parts, ignore_errors=True)
            return True
    except LockedError:
        return False


def _part(parts: Path, saved: Path) -> Path:
    return parts / f"{saved.stem}.json"


def _place(point: PlanePoint) -> tuple[str, int, float]:
    return point.method, point.seed, point.epoch


def _check_settings(path: Path, config: PlaneConfig) -> None:
    """Writes the settings of the first process, or compares them with those of this one."""
    settings = json.loads(json.dumps(asdict(config)))
    try:
        change = difference(settings, parse_json(read_bytes(path)))
    except FileNotFoundError:
        write_json(path, settings)
        return
    if change:
        place, wanted, there = change
        expected = f"{there}, as in the processes that write the same file"
        raise RunFolderError(f"{place} {wanted}", expected, str(path.parent))


def _claim(parts: Path, saved: Path, config: PlaneConfig) -> bool:
    """Measures a saved file, unless another process does or has done so; returns whether this one did."""
    try:
        with folder_lock(parts / f"{saved.stem}.lock"):
            if _part(parts, saved).exists():
                return False
            points = [point.to_dict() for point in _measure(saved, config)]
            write_json(_part(parts, saved), points)
            return True
    except LockedError:
        return False


def _measure(saved: Path, config: PlaneConfig) -> Iterator[PlanePoint]:
    """Points of the layers in a saved file."""
    try:
        arrays = read_archive(saved, IDENTITY)
        layers = [str(name) for name in arrays["layers"]]
        activations = read_archive(saved, [f"activations.{layer}" for layer in layers])
        labels = torch.from_numpy(arrays["labels"].astype(np.int64))
        counts = torch.bincount(labels)
        seed, epoch = int(arrays["seed"]), arrays["epoch"].item()
        recorder = LayerRecorder(labels, labels, (counts / counts.sum()).log(), config, seed=seed)
        for place, layer in enumerate(layers, int(arrays["index"])):
            h = torch.from_numpy(activations[f"activations.{layer}"])
            yield from recorder.record(
                [LayerActivations(layer, place, h, h)],
                method=cast(PlaneMethod, str(arrays["method"])),
                seed=seed,
                epoch=epoch,
                moment="epoch",
            )
    except (DataError, ValueError, TypeError, RuntimeError) as error:
        raise RunFolderError(
            f"broken activations ({error})", "what --save wrote", str(saved)
        ) from error
