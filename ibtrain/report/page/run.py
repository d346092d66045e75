"""One run of a page, as it is read from its folder."""

from dataclasses import dataclass
from typing import Any

from ibtrain.config import METHODS, Method, RunConfig
from ibtrain.io.untrusted import untrusted
from ibtrain.report.panels import PlanePanel, in_unit
from ibtrain.report.pictures import plane_panels
from ibtrain.runs import RunFolder
from ibtrain.runs.results import MethodResult
from ibtrain.text import printable

__all__ = ["ReportedRun"]


@dataclass(frozen=True)
class ReportedRun:
    """A run, finished or not.

    Args:
        folder: Its folder.
        config: Its settings.
        panels: The points of each method, in nats.
        methods: The finished trainings of each method.
        epochs: The ``epoch`` events.
        results: The document ``results.json``; empty if the run is not finished.
    """

    folder: RunFolder
    config: RunConfig
    panels: list[PlanePanel]
    methods: dict[Method, list[MethodResult]]
    epochs: list[dict[str, Any]]
    results: dict[str, Any]

    @classmethod
    def read(cls, folder: RunFolder) -> "ReportedRun":
        """Reads a run's files.

        Raises:
            RunFolderError: If a file is missing or broken.
        """
        where = str(folder.path)
        with untrusted("a result or an event", "what a run makes", where):
            return cls(
                folder,
                folder.config(),
                in_unit(plane_panels(folder), "nats"),
                _methods(folder),
                list(folder.recorded("epoch")),
                folder.results() if folder.is_finished else {},
            )

    @property
    def name(self) -> str:
        """Name of the folder."""
        return printable(self.folder.path.resolve().name)

    @property
    def seeds(self) -> set[int]:
        """The seeds that have recorded an epoch or a result."""
        finished = {result.seed for results in self.methods.values() for result in results}
        return finished | {event["seed"] for event in self.epochs}


def _methods(folder: RunFolder) -> dict[Method, list[MethodResult]]:
    """The results of each method, from the events, which an unfinished run has too."""
    methods: dict[Method, list[MethodResult]] = {}
    for event in folder.recorded("result"):
        entry = {name: value for name, value in event.items() if name not in ("event", "method")}
        result = MethodResult.from_dict(event["method"], entry)
        methods.setdefault(event["method"], []).append(result)
    return {method: methods[method] for method in METHODS if method in methods}
