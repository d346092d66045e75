"""Watch a transformer encoder that reads an image as a sequence of its rows.

python examples/transformer.py
"""

import torch
from torch import Tensor, nn

from ibtrain import InformationPlane, load_dataset


class RowTransformer(nn.Module):
    """Classifies 8 x 8 images from the mean of the encoded rows."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(torch.zeros(8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(self.embed(x.squeeze(1)) + self.position)
        scores: Tensor = self.head(h.mean(dim=1))
        return scores


data = load_dataset("digits")
torch.manual_seed(0)
model = RowTransformer()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

# any module that returns a tensor is a layer; its dropout is off while the plane is measured
layers = ["embed", "encoder.layers.0", "encoder.layers.1", "head"]
plane = InformationPlane.watch(model, data, layers=layers, measures=["channel", "pairwise"])
plane.measure(epoch=0)
for epoch in range(1, 9):
    model.train()
    for index in torch.randperm(len(data.train)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data.train.x[index]), data.train.y[index])
        loss.backward()
        optimizer.step()
    if epoch in (1, 2, 4, 8):
        plane.measure(epoch)

print("epoch  layer             I(X;T)  (bounds)        I(T;Y)  nats")
for point in plane.points:
    names = ("mi_xt_channel", "mi_xt_lower", "mi_xt_upper", "mi_ty_channel")
    i_xt, lower, upper, i_ty = (point.estimates[name].mi for name in names)
    print(
        f"{point.epoch:5}  {point.layer:16}  {i_xt:6.2f}  ({lower:.2f} to {upper:.2f})  {i_ty:6.2f}"
    )
