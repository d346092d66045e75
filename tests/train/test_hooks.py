"""Callbacks with a method for each kind of event, and those that end a block's training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import gaussian_classes

from ibtrain import (
    Callback,
    CheckpointInterval,
    Checkpoints,
    EndToEndTrainer,
    Event,
    InformationPlane,
    LayerwiseTrainer,
    OptimConfig,
    PlaneConfig,
    StopOnPlateau,
    mlp,
)
from ibtrain.errors import ConfigError, InterruptedRunError
from ibtrain.train.arguments import check_callbacks
from ibtrain.train.callbacks import step_callbacks
from ibtrain.train.results import FitResult

OPTIM = OptimConfig(epochs=3, batch_size=100)
"""Four steps an epoch."""


class Diary(Callback):
    """Notes which of its methods was called, and when."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, int, int]] = []

    def note(self, hook: str, event: Event) -> None:
        self.notes.append((hook, event.stage, event.epoch, event.step))

    def on_block_begin(self, event: Event) -> None:
        self.note("begin", event)

    def on_step(self, event: Event) -> None:
        self.note("step", event)

    def on_epoch_end(self, event: Event) -> None:
        self.note("epoch", event)

    def on_block_end(self, event: Event) -> None:
        self.note("end", event)


def fit(*callbacks: Any, optim: OptimConfig = OPTIM) -> FitResult:
    data = gaussian_classes()
    return LayerwiseTrainer(mlp(6, [4], 3), None, optim, callbacks=callbacks).fit(data)


def test_every_hook_is_called_at_its_moment() -> None:
    diary = Diary()
    fit(diary)
    expected = [
        entry
        for stage in ("hidden1", "output")
        for entry in [
            ("begin", stage, 0, 0),
            *(
                entry
                for epoch in range(3)
                for entry in [
                    *(("step", stage, epoch, step) for step in (1, 2, 3, 4)),
                    ("epoch", stage, epoch + 1, 0),
                ]
            ),
            ("end", stage, 3, 0),
        ]
    ]
    assert diary.notes == expected


def test_a_function_is_called_with_all_events_but_steps() -> None:
    kinds = []
    fit(lambda event: kinds.append(event.kind))
    assert kinds == ["start", "epoch", "epoch", "epoch", "end"] * 2


def test_a_callback_without_a_hook_for_steps_costs_nothing_at_a_step() -> None:
    class Epochs(Callback):
        def on_epoch_end(self, event: Event) -> None: ...

    diary = Diary()
    assert step_callbacks([Epochs(), Callback(), print, diary]) == [diary]


@pytest.mark.parametrize(("points", "hooks"), [(0, 0), (1, 0), (2, 1)])
def test_a_plane_costs_nothing_at_a_step_without_points_within_epochs(
    points: int, hooks: int
) -> None:
    """With averaged weights, an event costs a copy of all weights."""
    plane = InformationPlane(gaussian_classes(), config=PlaneConfig(points_per_epoch=points))
    assert len(step_callbacks([plane])) == hooks


def test_a_misspelt_hook_is_refused_where_it_is_written() -> None:
    with pytest.raises(ConfigError, match=r"Mine: got on_epoch_start, expected one of on_block_b"):

        class Mine(Callback):
            def on_epoch_start(self, event: Event) -> None: ...


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([Diary], "got the class Diary, expected a function of an Event, or an instance"),
        ([7], "got a int, expected a function"),
        (Diary(), r"got a Diary, expected a list of callbacks, such as callbacks=\[plane\]"),
    ],
)
def test_what_is_no_callback_is_refused(callbacks: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_callbacks(callbacks)


def test_a_trainer_refuses_it_before_the_training() -> None:
    with pytest.raises(ConfigError, match="got the class Diary"):
        EndToEndTrainer(mlp(6, [4], 3), callbacks=[Diary])  # type: ignore[list-item]


class StopAfter(Callback):
    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, event: Event) -> None:
        if event.epoch == self.epochs:
            event.stop()


def test_a_callback_ends_the_block_and_the_next_one_trains() -> None:
    diary = Diary()
    result = fit(StopAfter(2), diary)
    assert [(record.stage, record.epoch) for record in result.history] == [
        ("hidden1", 1), ("hidden1", 2), ("output", 1), ("output", 2),
    ]  # fmt: skip
    assert [note for note in diary.notes if note[0] == "end"] == [
        ("end", "hidden1", 2, 0), ("end", "output", 2, 0),
    ]  # fmt: skip


def test_a_block_that_was_stopped_stays_stopped_in_a_training_that_is_resumed(
    tmp_path: Path,
) -> None:
    """The process ends after the epoch that a callback made the last one, before the next block."""
    data = gaussian_classes()
    checkpoints = Checkpoints(tmp_path / "one", CheckpointInterval(epochs=1))

    def trainer(*callbacks: Any) -> EndToEndTrainer:
        return EndToEndTrainer(mlp(6, [4], 3), OPTIM, callbacks=callbacks)

    def end_process(event: Event) -> None:
        if event.kind == "end":
            raise InterruptedRunError(2, "")

    with pytest.raises(InterruptedRunError):
        trainer(StopAfter(2), end_process).fit(data, checkpointer=checkpoints)
    # without the callback that stopped it
    result = trainer().fit(data, checkpointer=checkpoints)
    assert [record.epoch for record in result.history] == [1, 2]


@pytest.mark.parametrize(
    ("values", "settings", "last"),
    [
        ([1, 2, 3, 4, 5], {"patience": 1}, 5),
        ([1, 2, 2, 3, 4], {"patience": 1}, 3),
        ([1, 2, 2, 2, 4], {"patience": 2}, 4),
        ([1, 2, 1, 3, 4], {"patience": 2}, 5),
        ([5, 4, 3, 3, 1], {"patience": 1, "mode": "min"}, 4),
        ([1, 2, 2.05, 3, 4], {"patience": 1, "min_delta": 0.1}, 3),
    ],
)
def test_a_plateau_ends_the_block(values: list[float], settings: Any, last: int) -> None:
    class Given(Callback):
        """Replaces the training accuracy by given values."""

        def on_epoch_end(self, event: Event) -> None:
            event.history[-1].metrics["train_accuracy"] = values[event.epoch - 1]

    stop = StopOnPlateau("train_accuracy", **settings)
    result = fit(Given(), stop, optim=replace(OPTIM, epochs=5))
    assert [r.epoch for r in result.history if r.stage == "hidden1"] == list(range(1, last + 1))


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ConfigError, match=r"block hidden1: got 'val_loss', expected one of .*mi_"):
        fit(StopOnPlateau("val_loss"))
