"""What a run is: frozen dataclasses that check themselves and read and write TOML and JSON."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ibtrain.checks import (
    MAX_LAYERS,
    check_choice,
    check_integer,
    check_number,
    check_per_block,
    check_sequence,
)
from ibtrain.documents import json_text, parse_json, parse_toml, read_bytes
from ibtrain.errors import ConfigError
from ibtrain.openmp import MAX_THREADS

__all__ = [
    "ACTIVATIONS",
    "MAX_PATH",
    "MAX_SEEDS",
    "MEASURES",
    "METHODS",
    "OBJECTIVES",
    "ORDERS",
    "OUTPUT_OBJECTIVES",
    "Method",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimConfig",
    "PlaneConfig",
    "RunConfig",
    "check_noise_std",
    "difference",
    "read_settings",
]

T = TypeVar("T")
Method = Literal["layerwise", "end_to_end"]
METHODS: tuple[Method, ...] = get_args(Method)
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu")
PREDICT_FROM = {
    "mixed": "noisy t (clean h in the last hidden block)",
    "clean": "clean h",
    "noisy": "noisy t",
}
"""What the prediction term of the hidden blocks may read, in words."""
OBJECTIVES = {
    "ib": "ibtrain.train.objectives.ib:InformationBottleneck",
    "cross-entropy": "ibtrain.train.objectives.cross_entropy:CrossEntropy",
}
"""What a block can optimise: a :class:`~ibtrain.train.objectives.base.BlockObjective` by its name."""
MEASURES = {
    "mine": "ibtrain.plane.measures.mine:Mine",
    "channel": "ibtrain.plane.measures.channel:Channel",
    "probe": "ibtrain.plane.measures.probe:Probe",
}
"""What can be measured of a layer: a :class:`~ibtrain.plane.measures.base.Measure` by its name."""
OUTPUT_OBJECTIVES = {"dv": "ib", "cross-entropy": "cross-entropy"}
"""The objective of the output layer, by the readout that it is."""
READOUTS = (*OUTPUT_OBJECTIVES, "critic")
ORDERS = {
    "sequential": "a block after the other, each frozen before the next one begins",
    "simultaneous": "all blocks at every batch, no gradient crossing a block",
    "joint": "all blocks at every batch, gradients crossing",
}
"""In which order blocks may train, in words."""
SCHEDULES = ("constant", "cosine")
ON_NONFINITE = ("stop", "skip")
PRECISIONS = ("float32", "tf32", "bfloat16")
NOISE_SCALES = ("absolute", "relative")
DEVICES = ("auto", "cpu", "cuda", "mps")
MODEL_KINDS = ("mlp", "conv")
MAX_BETA = 1e12
"""Weight of the compression term: float32 holds the gradients that it multiplies."""
MIN_NOISE_STD, MAX_NOISE_STD = 1e-12, 1e12
"""Of the noise: float32 holds its square, and that of activations in its units."""
MAX_WIDTH = 1 << 20
"""Units of one layer: what a tensor of a wider one would take is no longer checked anywhere."""
MAX_SIDE = 8192
"""Pixels that images are resized to, in height and width."""
MAX_POINTS = 10_000
"""Of the plane, whose list of epochs is drawn up for every event."""
MAX_SEEDS = 10_000
MAX_PATH = 10_000
"""Characters of a data set's name or a folder's path; no system has longer paths."""
MAX_CRITIC_STEPS = 10_000_000
"""At a point of the plane: a training can be interrupted between epochs, but not within a point."""


@dataclass(frozen=True)
class OptimConfig:
    """How one network, or one block of it, is optimised (Adam).

    Args:
        learning_rate: Adam's step size at the start.
        schedule: ``constant``, or ``cosine`` down to zero over all epochs.
        batch_size: Samples a step.
        epochs: Passes over the training split, for each block where blocks train one after another.
        patience: Stop after this many epochs without a better validation accuracy and keep the
            best epoch's weights; 0 trains all epochs and holds nothing out.
        on_nonfinite: What NaN or infinity in a figure or a gradient does: ``stop`` the training at
            the end of the epoch, or ``skip`` its step and count it.
        precision: Of a step's matrix products: ``float32``; ``tf32``, ten bits of mantissa on CUDA's
            tensor cores; or ``bfloat16``, seven, where the processor has them. Weights, bounds and
            the optimiser stay in float32, and so does everything that is measured.
    """

    learning_rate: float = 2e-3
    schedule: str = "cosine"
    batch_size: int = 128
    epochs: int = 10
    patience: int = 0
    on_nonfinite: str = "stop"
    precision: str = "float32"

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, above=0)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_integer("batch_size", self.batch_size, 2)
        check_integer("epochs", self.epochs, 1)
        check_integer("patience", self.patience, 0)
        check_choice("on_nonfinite", self.on_nonfinite, ON_NONFINITE)
        check_choice("precision", self.precision, PRECISIONS)


@dataclass(frozen=True)
class ObjectiveConfig:
    """What each block optimises: by default the information bottleneck ``J = I(h; y) - beta * I(x; t)``.

    Args:
        name: Objective of the hidden blocks, one of :data:`OBJECTIVES`: ``ib``, or ``cross-entropy`` of a
            classifier that reads the block.
        order: ``sequential`` trains a block after the other, each frozen before the next begins (greedy);
            ``simultaneous`` all blocks at every batch, their inputs detached; ``joint`` likewise, but gradients
            cross from a block into those before it.
        beta: Weight of the compression term, at most 1e12; one number, or one for each block.
        noise_std: Standard deviation of the noise in ``t = h + sigma * eps``, 0 or from 1e-12 to 1e12;
            likewise.
        noise_scale: ``absolute``, or ``relative`` to the activations' own scale.
        predict_from: What the prediction term of a hidden block reads: ``clean`` h, ``noisy`` t, or
            ``mixed``: t, but h in the last hidden block, whose reader is trained on clean h. The
            output layer's own outputs are the scores, and are read clean.
        readout: What trains the output layer: its own ``dv`` bound, ``cross-entropy``, or nothing
            (the last hidden block's class ``critic`` then predicts).
        critic_width: Units in the hidden layer of the critic that scores classes. The last hidden
            block's has none: the output layer that will read the block is linear, and so is its
            critic. 0 makes all of them linear.
        pair_critic_width: The same of the critic that scores (h, t). It needs fewer: it only has
            to point the block away from what it keeps of x.
        ema_rate: Weight of the newest batch in the running average of the DV gradient's
            denominator; 1 is the plain DV gradient.
    """

    name: str = "ib"
    order: str = "sequential"
    beta: tuple[float, ...] = (1e-4,)
    noise_std: tuple[float, ...] = (0.5,)
    noise_scale: str = "absolute"
    predict_from: str = "mixed"
    readout: str = "dv"
    critic_width: int = 256
    pair_critic_width: int = 64
    ema_rate: float = 0.1

    def __post_init__(self) -> None:
        check_choice("objective", self.name, tuple(OBJECTIVES))
        check_choice("order", self.order, tuple(ORDERS))
        check_per_block("beta", self.beta, 0)
        for beta in self.beta:
            if beta > MAX_BETA:
                raise ConfigError(beta, f"a number of {MAX_BETA:g} or less", "beta")
        check_per_block("noise_std", self.noise_std, 0)
        for noise_std in self.noise_std:
            check_noise_std("noise_std", noise_std)
        check_choice("noise_scale", self.noise_scale, NOISE_SCALES)
        check_choice("predict_from", self.predict_from, tuple(PREDICT_FROM))
        check_choice("readout", self.readout, READOUTS)
        check_integer("critic_width", self.critic_width, 0, MAX_WIDTH)
        check_integer("pair_critic_width", self.pair_critic_width, 1, MAX_WIDTH)
        check_number("ema_rate", self.ema_rate, above=0)
        if self.ema_rate > 1:
            raise ConfigError(self.ema_rate, "a number in (0, 1]", "ema_rate")
        for beta, noise_std in zip(
            self.for_blocks("beta", max(len(self.beta), len(self.noise_std))),
            self.for_blocks("noise_std", max(len(self.beta), len(self.noise_std))),
            strict=True,
        ):
            if beta > 0 and noise_std == 0:
                raise ConfigError(
                    "noise_std 0 with beta above 0",
                    "noise, because I(x; h) of a deterministic layer is infinite or constant",
                    "noise_std",
                )

    def predicts_from_noisy(self, index: int, count: int) -> bool:
        """Whether block ``index`` of ``count``, the output layer included, is read with its noise."""
        clean_from = {"clean": 0, "mixed": count - 2, "noisy": count - 1}[self.predict_from]
        return index < clean_from

    def critic_hidden(self, index: int, count: int) -> list[int]:
        """Widths of the hidden layers of the critic that scores classes for block ``index`` of ``count``."""
        # the layer that will read the last hidden block is linear, and so is that block's critic
        return [self.critic_width] if self.critic_width and index < count - 2 else []

    def for_blocks(self, name: Literal["beta", "noise_std"], count: int) -> tuple[float, ...]:
        """One value of ``beta`` or ``noise_std`` for each of ``count`` blocks."""
        values: tuple[float, ...] = getattr(self, name)
        if len(values) == 1:
            return values * count
        if len(values) != count:
            raise ConfigError(f"{len(values)} values", f"1, or {count} (one for each block)", name)
        return values


@dataclass(frozen=True)
class ModelConfig:
    """The network: ``mlp`` with these hidden widths, or ``conv`` blocks and then linear ones."""

    kind: str = "mlp"
    hidden: tuple[int, ...] = (500, 256)
    channels: tuple[int, ...] = (32, 64)
    activation: str = "relu"

    def __post_init__(self) -> None:
        check_choice("model", self.kind, MODEL_KINDS)
        check_choice("activation", self.activation, ACTIVATIONS)
        for name in ("hidden", "channels"):
            check_sequence(name, getattr(self, name))
        layers = len(self.hidden) + len(self.channels)
        if layers > MAX_LAYERS:
            raise ConfigError(f"{layers} layers", f"at most {MAX_LAYERS}", "hidden and channels")
        for name in ("hidden", "channels"):
            for width in getattr(self, name):
                check_integer(name, width, 1, MAX_WIDTH)
        if not self.hidden and self.kind == "mlp":
            raise ConfigError("nothing", "at least one hidden width", "hidden")


@dataclass(frozen=True)
class PlaneConfig:
    """How the information plane is measured.

    Args:
        points: How many log-spaced epochs, the start and the end included; 0 measures no plane.
        samples: Held-out samples that a point is measured on.
        train_samples: Training samples that its critics and probes are fitted to.
        critic_steps: Steps of the critics at each point, continuing from the one before.
        batch_size: Batch of those steps.
        audit_every: Fresh critics check those that continue at every so many points, and at the
            last; 0 never.
        measures: What is measured of a layer, of :data:`MEASURES`.
    """

    points: int = 6
    samples: int = 4000
    train_samples: int = 10_000
    critic_steps: int = 60
    batch_size: int = 256
    audit_every: int = 10
    measures: tuple[str, ...] = ("mine", "channel", "probe")

    def __post_init__(self) -> None:
        check_integer("plane points", self.points, 0, MAX_POINTS)
        check_integer("plane samples", self.samples, 2)
        check_integer("plane train_samples", self.train_samples, 4)
        check_integer("plane critic_steps", self.critic_steps, 1, MAX_CRITIC_STEPS)
        check_integer("plane batch_size", self.batch_size, 2)
        check_integer("plane audit_every", self.audit_every, 0)
        check_sequence("plane measures", self.measures)
        for name in self.measures:
            check_choice("plane measures", name, tuple(MEASURES))
        if not self.measures or len(set(self.measures)) < len(self.measures):
            expected = "at least one measure, and none twice"
            raise ConfigError(repr(self.measures), expected, "plane measures")


@dataclass(frozen=True)
class RunConfig:
    """A whole run: what is trained, how, on what, and what is measured.

    Args:
        dataset: A name that :func:`~ibtrain.data.load.load_dataset` knows.
        data_root: Where torchvision's data sets are; None is the default cache.
        seeds: One training of each method for each.
        methods: ``layerwise``, ``end_to_end``, or both.
        model: The network that every method trains.
        objective: What layer-wise training optimises.
        layerwise: How it optimises each block; None is its recipe for the data set.
        end_to_end: How backprop optimises the network; likewise.
        plane: How the information plane is measured.
        validation: Share of the training split held out; early stopping needs one.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        threads: CPU threads; 0 chooses by the size of a step.
        resize: Height and width that the images of ``folder:DIR`` are resized to; None keeps them.
    """

    dataset: str = "digits"
    data_root: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    methods: tuple[Method, ...] = METHODS
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    layerwise: OptimConfig | None = None
    end_to_end: OptimConfig | None = None
    plane: PlaneConfig = field(default_factory=PlaneConfig)
    validation: float = 0.0
    device: str = "auto"
    threads: int = 0
    resize: int | None = None

    def __post_init__(self) -> None:
        self._check_paths()
        self._check_seeds()
        check_sequence("methods", self.methods)
        for method in self.methods:
            check_choice("methods", method, METHODS)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ConfigError(repr(self.methods), "at least one method, and none twice", "methods")
        check_number("validation", self.validation, 0)
        if self.validation >= 1:
            raise ConfigError(self.validation, "a share below 1", "validation")
        patience = [optim.patience for optim in (self.layerwise, self.end_to_end) if optim]
        if not self.validation and any(patience):
            raise ConfigError(
                "no validation split with early stopping", "a share above 0", "validation"
            )
        if self.plane.points and min(self.objective.noise_std) == 0:
            expected = "above 0, or plane points 0 (I(x; h) without noise is infinite or constant)"
            raise ConfigError(0, expected, "noise_std")
        check_choice("device", self.device, DEVICES)
        check_integer("threads", self.threads, 0, MAX_THREADS)
        if self.resize is not None:
            check_integer("resize", self.resize, 1, MAX_SIDE)

    def _check_paths(self) -> None:
        if not isinstance(self.dataset, str):
            raise ConfigError(repr(self.dataset), "a data set's name", "dataset")
        if self.data_root is not None and not isinstance(self.data_root, str):
            raise ConfigError(repr(self.data_root), "a folder's path", "data_root")
        for name, path in (("dataset", self.dataset), ("data_root", self.data_root or "")):
            if len(path) > MAX_PATH:
                raise ConfigError(f"{len(path)} characters", f"at most {MAX_PATH}", name)

    def _check_seeds(self) -> None:
        check_sequence("seeds", self.seeds)
        if len(self.seeds) > MAX_SEEDS:
            raise ConfigError(f"{len(self.seeds)} seeds", f"at most {MAX_SEEDS}", "seeds")
        for seed in self.seeds:
            check_integer("seeds", seed, 0)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(repr(self.seeds), "at least one seed, and none twice", "seeds")

    def optim(self, method: Method) -> OptimConfig:
        """How a method is optimised.

        Raises:
            ConfigError: It was left open, and no recipe has been filled in.
        """
        found = self.layerwise if method == "layerwise" else self.end_to_end
        if found is None:
            raise ConfigError("nothing", "the optimiser's settings", method)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Nested plain dictionaries."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "config") -> "RunConfig":
        """The inverse of :meth:`to_dict`; what isn't named keeps its default.

        Args:
            values: The settings.
            where: What holds them, for an error to name.

        Raises:
            ConfigError: A key is unknown or a value out of its range.
        """
        return _build(cls, values, where)

    @classmethod
    def read(cls, path: Path) -> "RunConfig":
        """Reads a ``.toml`` or ``.json`` file.

        Raises:
            ConfigError: It can't be read, or says something that no run can be.
        """
        values = read_settings(path)
        try:
            return cls.from_dict(values)
        except ConfigError as error:
            raise ConfigError(error.given, error.expected, f"{path}: {error.where}") from error

    def to_json(self) -> str:
        """The JSON form."""
        return json_text(self.to_dict(), "config", indent=2) + "\n"

    def to_toml(self) -> str:
        """The TOML form; what is None is left out."""
        values = self.to_dict()
        tables = {key: value for key, value in values.items() if isinstance(value, dict)}
        lines = _toml_lines({k: v for k, v in values.items() if k not in tables})
        for name, table in tables.items():
            lines += ["", f"[{name}]", *_toml_lines(table)]
        return "\n".join(lines) + "\n"


def check_noise_std(where: str, value: float) -> None:
    """A standard deviation of noise: none, or one that float32 can hold beside activations.

    Raises:
        ConfigError: If it is smaller or larger.
    """
    check_number(where, value, 0)
    if value and not MIN_NOISE_STD <= value <= MAX_NOISE_STD:
        expected = f"0, or a number between {MIN_NOISE_STD:g} and {MAX_NOISE_STD:g}"
        raise ConfigError(value, expected, where)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a ``.toml`` or ``.json`` file, not yet checked.

    Raises:
        ConfigError: The file can't be read or parsed.
    """
    try:
        content = read_bytes(path)
        values = parse_toml(content) if path.suffix == ".toml" else parse_json(content)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "a file that can't be read", f"TOML or JSON ({error})", str(path)
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(type(values).__name__, "a table of settings", str(path))
    return values


def difference(wanted: object, there: object, place: str = "") -> tuple[str, object, object] | None:
    """The first setting of nested dictionaries that differs.

    Args:
        wanted: Settings.
        there: The settings that they are compared with.
        place: The keys that lead to both.

    Returns:
        The setting's keys, joined by dots, and both values; None if all settings are the same.
    """
    if not isinstance(wanted, dict) or not isinstance(there, dict):
        return None if wanted == there else (place, wanted, there)
    for key in {**wanted, **there}:
        inner = f"{place}.{key}" if place else str(key)
        change = difference(wanted.get(key), there.get(key), inner)
        if change:
            return change
    return None


def _toml_lines(values: dict[str, Any]) -> list[str]:
    # JSON's scalars and arrays are TOML's too
    return [
        f"{key} = {json_text(value, key)}" for key, value in values.items() if value is not None
    ]


_LEFT_OPEN = METHODS
"""The tables that may be None: a recipe will fill them in."""
_TABLES: dict[str, type[Any]] = {
    "model": ModelConfig,
    "objective": ObjectiveConfig,
    "layerwise": OptimConfig,
    "end_to_end": OptimConfig,
    "plane": PlaneConfig,
}


def _table(cls: type[T], value: object, where: str) -> T:
    if not isinstance(value, dict):
        raise ConfigError(repr(value), "a table of settings", where)
    return _build(cls, value, where)


def _build(cls: type[T], values: dict[str, Any], where: str) -> T:
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(repr(key), "one of " + ", ".join(known), where)
        if key in _LEFT_OPEN and value is None:
            arguments[key] = None
        elif key in _TABLES:
            arguments[key] = _table(_TABLES[key], value, f"{where}.{key}")
        elif isinstance(known[key].default, tuple):
            if not isinstance(value, list | tuple):
                raise ConfigError(repr(value), "a list", f"{where}.{key}")
            arguments[key] = tuple(value)
        else:
            arguments[key] = value
    return cls(**arguments)
