"""A training that is stopped in the middle, and goes on as if nothing had happened.

python examples/never_lost.py
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from ibtrain import (
    CheckpointInterval,
    Checkpoints,
    Event,
    LayerwiseTrainer,
    OptimConfig,
    load_dataset,
    mlp,
)

data = load_dataset("digits")
optim = OptimConfig(learning_rate=3e-3, epochs=3)


def train(folder: Path, callbacks: tuple[Callable[[Event], None], ...] = ()) -> torch.Tensor:
    torch.manual_seed(0)
    trainer = LayerwiseTrainer(mlp(64, [30, 20], 10), optim=optim, callbacks=callbacks)
    # with what the folder holds, the same call goes on; here it is written after every epoch
    result = trainer.fit(data, checkpointer=Checkpoints(folder, CheckpointInterval(epochs=1)))
    return torch.nn.utils.parameters_to_vector(result.network.parameters())


def crash(event: Event) -> None:
    if event.stage == "hidden2" and event.kind == "epoch" and event.epoch == 2:
        raise RuntimeError("the power went off")


with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as broken:
    expected = train(Path(whole))
    try:
        train(Path(broken), (crash,))
    except RuntimeError as error:
        print(f"in block hidden2, epoch 2: {error}")
    found = train(Path(broken))
    print(
        f"{100 * (found == expected).float().mean():.0f} % of the weights are the same to the last bit"
    )
