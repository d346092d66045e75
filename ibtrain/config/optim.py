"""Optimiser settings of a network, or of a block."""

from dataclasses import dataclass, field

from ibtrain.checks import (
    check_choice,
    check_integer,
    check_number,
    check_sequence,
    check_share,
)
from ibtrain.config.settings import added, check_keywords, choice, convert_fields, named
from ibtrain.errors import ConfigError

__all__ = [
    "AUGMENTATIONS",
    "ON_NONFINITE",
    "OPTIMIZERS",
    "PRECISIONS",
    "RECIPE_FIELDS",
    "SCHEDULES",
    "CompleteOptimConfig",
    "OptimConfig",
]

OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
"""Optimisers, with their names in messages."""
AUGMENTATIONS = {
    "flip": "ibtrain.data.augmentation:random_flip",
    "crop": "ibtrain.data.augmentation:random_crop",
    "jitter": "ibtrain.data.augmentation:random_jitter",
}
"""Random changes of images by name: functions of a batch and a generator."""
FULL = 0
"""Batch size that stands for all training samples."""

SCHEDULES = ("constant", "cosine")
ON_NONFINITE = ("stop", "skip")
PRECISIONS = ("float32", "tf32", "bfloat16")


@check_keywords
@dataclass(frozen=True)
class OptimConfig:
    """Optimiser settings of a network, or of a block.

    What is None is the recipe's: the values tuned for the method and the data set.

    Args:
        learning_rate: Initial learning rate; the defaults were chosen for Adam.
        schedule: Schedule of the learning rate: ``constant``, or ``cosine`` down to zero over all epochs.
        batch_size: Samples per training step; 0 (``full`` on the command line) takes all of them.
        epochs: Number of passes over the training split; for each block if blocks train one after another.
        patience: Number of epochs without a better validation accuracy after which training stops and keeps
            the best epoch's weights; 0 trains all epochs and holds nothing out.
        on_nonfinite: Reaction to NaN or infinity in a loss, a bound or a gradient: ``stop`` the training at
            the end of the epoch, or ``skip`` the step and count it.
        precision: Precision of matrix products in training steps: ``float32``; ``tf32`` (CUDA only), with 10 bits of
            mantissa; or ``bfloat16``, with 7 bits, if the processor supports it. Weights, bounds, the
            optimiser and all measurements use float32.
        optimizer: Optimiser of networks, blocks and critics: ``adam``, ``adamw`` (Adam with decoupled weight decay) or
            ``sgd``.
        momentum: Momentum of ``sgd``.
        weight_decay: Weight decay of all parameters of the network or block, biases among them, but not of the critics.
        label_smoothing: Share of a label that the cross-entropy, or the Donsker-Varadhan bound on the information about
            the label, spreads over all classes; 0 for none. Other objectives smooth no labels.
        weight_averaging: Largest decay per step of the exponential moving average of the weights, such as 0.999; 0 for none. It is less
            in the first 10 / (1 - decay) steps, so that the average is over about the last tenth of the steps.
            The average is what is validated, measured and kept, and what the next block reads.
        augment: Random changes of every batch of images in training: ``flip`` (left and right), ``crop`` (after padding by
            an eighth of the side), ``jitter`` (brightness and contrast). They are drawn on the device, alike for both methods
            with the same seed. Evaluation and measurements use unchanged images.
    """

    learning_rate: float | None = None
    schedule: str | None = choice(None, SCHEDULES)
    batch_size: int | None = named(None, {"full": FULL})
    epochs: int | None = None
    patience: int = 0
    on_nonfinite: str = choice("stop", ON_NONFINITE)
    precision: str = choice("float32", PRECISIONS)
    optimizer: str = choice("adam", OPTIMIZERS)
    momentum: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float | None = added(None, before=0.0)
    weight_averaging: float | None = added(None, before=0.0)
    augment: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        convert_fields(self)
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, above=0)
        if self.schedule is not None:
            check_choice("schedule", self.schedule, SCHEDULES)
        # 0.0 and False are equal to 0
        if self.batch_size is not None and (
            type(self.batch_size) is not int or self.batch_size != FULL
        ):
            check_integer("batch_size", self.batch_size, 2)
        if self.epochs is not None:
            check_integer("epochs", self.epochs, 1)
        check_integer("patience", self.patience, 0)
        check_choice("on_nonfinite", self.on_nonfinite, ON_NONFINITE)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("optimizer", self.optimizer, tuple(OPTIMIZERS))
        check_share("momentum", self.momentum, excluded=(1,))
        if self.momentum and self.optimizer != "sgd":
            raise ConfigError(f"{self.momentum} with {self.optimizer}", "sgd", "momentum")
        check_number("weight_decay", self.weight_decay, 0)
        for name in ("label_smoothing", "weight_averaging"):
            if (share := getattr(self, name)) is not None:
                check_share(name, share, excluded=(1,))
        check_sequence("augment", self.augment)
        for name in self.augment:
            check_choice("augment", name, tuple(AUGMENTATIONS))
        if len(set(self.augment)) < len(self.augment):
            raise ConfigError(",".join(self.augment), "no augmentation twice", "augment")

    def used(self) -> dict[str, float]:
        """Returns the settings that are 0 where they are not used, and are not, by the words for them."""
        values = {
            "momentum": self.momentum,
            "weight decay": self.weight_decay,
            "label smoothing": self.label_smoothing,
            "weights averaged with decay": self.weight_averaging,
        }
        return {words: value for words, value in values.items() if value}


@dataclass(frozen=True, kw_only=True)
class CompleteOptimConfig(OptimConfig):
    """Optimiser settings of which none is left to a recipe; :func:`~ibtrain.config.recipes.with_recipe` makes them."""

    # without `field()` a field would inherit the default None
    learning_rate: float = field()
    schedule: str = field()
    batch_size: int = field()
    epochs: int = field()
    label_smoothing: float = 0.0
    weight_averaging: float = 0.0

    def samples_per_step(self, count: int) -> int:
        """Number of samples per training step, of ``count`` training samples."""
        return count if self.batch_size == FULL else min(self.batch_size, count)


RECIPE_FIELDS = (
    "learning_rate",
    "schedule",
    "batch_size",
    "epochs",
    "label_smoothing",
    "weight_averaging",
)
"""Settings of :class:`OptimConfig` that a recipe has tuned."""
