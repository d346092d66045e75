"""Watch a residual network of convolutions: its shared activations, and blocks as layers.

python examples/residual_network.py
"""

import torch
from torch import Tensor, nn

from ibtrain import InformationPlane, load_dataset


class Block(nn.Module):
    """Two convolutions and a shortcut; the same activation module serves both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu(self.norm1(self.conv1(x)))
        out: Tensor = self.relu(x + self.norm2(self.conv2(h)))
        return out


data = load_dataset("digits")
torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1),
    Block(12),
    nn.AvgPool2d(2),
    Block(12),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(12, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

# the activations within the second block ("3.relu#1", "3.relu#2"), the pooled features, and the output
plane = InformationPlane.watch(model, data, layers=["1", "3.relu", "5", "6"], measures=["channel"])
plane.measure(epoch=0)
for epoch in range(1, 7):
    model.train()
    for index in torch.randperm(len(data.train)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data.train.x[index]), data.train.y[index])
        loss.backward()
        optimizer.step()
    plane.measure(epoch)

print("epoch  layer     I(X;T)  I(T;Y)  nats")
for point in plane.points:
    i_xt, i_ty = (point.estimates[name].mi for name in ("mi_xt_channel", "mi_ty_channel"))
    print(f"{point.epoch:5}  {point.layer:8}  {i_xt:6.2f}  {i_ty:6.2f}")
