"""Log a training to Weights & Biases or to trackio; without either of them, the values are printed.

python examples/wandb_logger.py
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ibtrain import InformationPlane, LayerwiseTrainer, load_dataset, mlp
from ibtrain.loggers import WandbLogger


class PrintingRun:
    """Has the one method of a run of wandb or trackio that the logger calls."""

    def log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            if name.endswith("mi_xt_channel"):
                print(f"step {step:2}  {name:45}  {value:.3f}")

    def finish(self) -> None:
        print("I(X;T) is in nats")


def start() -> Any:
    """A run of the first of these packages that is installed."""
    for name in ("wandb", "trackio"):
        if find_spec(name):
            return import_module(name).init(project="ibtrain")
    return PrintingRun()


data = load_dataset("digits")
log = start()
logger = WandbLogger(log)
plane = InformationPlane(data, on_point=logger.on_point)
LayerwiseTrainer(mlp(64, [40, 12], 10), callbacks=[plane, logger]).fit(data)
log.finish()
