"""Settings of a run: frozen dataclasses that validate their fields and read and write TOML and JSON."""

from ibtrain.config.model import ACTIVATIONS, CHANNELS, HIDDEN, MODELS, ModelConfig
from ibtrain.config.objective import (
    NOISE_SCALES,
    OBJECTIVES,
    ORDERS,
    OUTPUT_OBJECTIVES,
    PREDICT_FROM,
    READOUTS,
    UNUSED,
    ObjectiveConfig,
    check_noise_std,
)
from ibtrain.config.optim import (
    AUGMENTATIONS,
    ON_NONFINITE,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    CompleteOptimConfig,
    OptimConfig,
)
from ibtrain.config.plane import MEASURES, PLANE_NOISE_SCALES, PLANE_SPLITS, PlaneConfig
from ibtrain.config.run import DEVICES, MAX_PATH, MAX_SEEDS, MAX_SIDE, METHODS, Method, RunConfig
from ibtrain.config.settings import difference, read_settings
from ibtrain.config.units import UNITS

__all__ = [
    "ACTIVATIONS",
    "AUGMENTATIONS",
    "CHANNELS",
    "DEVICES",
    "HIDDEN",
    "MAX_PATH",
    "MAX_SEEDS",
    "MAX_SIDE",
    "MEASURES",
    "METHODS",
    "MODELS",
    "NOISE_SCALES",
    "OBJECTIVES",
    "ON_NONFINITE",
    "OPTIMIZERS",
    "ORDERS",
    "OUTPUT_OBJECTIVES",
    "PLANE_NOISE_SCALES",
    "PLANE_SPLITS",
    "PRECISIONS",
    "PREDICT_FROM",
    "READOUTS",
    "SCHEDULES",
    "UNITS",
    "UNUSED",
    "CompleteOptimConfig",
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
