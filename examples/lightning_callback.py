"""Watch a model that Lightning trains, by a callback (needs lightning: pip install lightning).

python examples/lightning_callback.py
"""

from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ibtrain import Dataset, InformationPlane, load_dataset


class WatchPlane(lightning.Callback):
    """Measures the information plane before the training and after every epoch."""

    def __init__(self, data: Dataset, layers: list[str]) -> None:
        self.data = data
        self.layers = layers

    def on_train_start(self, trainer: Any, module: nn.Module) -> None:
        self.plane = InformationPlane.watch(module, self.data, self.layers, ["channel"])
        self.plane.measure(epoch=0)

    def on_train_epoch_end(self, trainer: Any, module: nn.Module) -> None:
        self.plane.measure(epoch=trainer.current_epoch + 1)


class Classifier(lightning.LightningModule):
    """A small network, as in Lightning's first example."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 40)
        self.fc2 = nn.Linear(40, 12)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.fc2(self.fc1(x.flatten(1)).relu()).relu())
        return scores

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=3e-3)


data = load_dataset("digits")
torch.manual_seed(0)
callback = WatchPlane(data, ["fc1", "fc2", "head"])
loader = DataLoader(TensorDataset(data.train.x, data.train.y), batch_size=64, shuffle=True)
trainer = lightning.Trainer(
    max_epochs=6,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    callbacks=[callback],
)
trainer.fit(Classifier(), loader)

print("epoch  layer  I(X;T)  I(T;Y)  nats")
for point in callback.plane.points:
    i_xt, i_ty = (point.estimates[name].mi for name in ("mi_xt_channel", "mi_ty_channel"))
    print(f"{point.epoch:5}  {point.layer:5}  {i_xt:6.2f}  {i_ty:6.2f}")
