"""Watch any PyTorch module on the information plane, in a training loop of your own.

python examples/own_loop.py
"""

import torch
from torch import nn

from ibtrain import InformationPlane, load_dataset

data = load_dataset("digits")
torch.manual_seed(0)
layers = [nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 12), nn.Tanh(), nn.Linear(12, 10)]
model = nn.Sequential(nn.Flatten(), *layers)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

# names as in model.named_modules(): both activations, and the output
plane = InformationPlane.watch(model, data, layers=["2", "4", "5"])
plane.measure(epoch=0)
for epoch in range(1, 21):
    for index in torch.randperm(len(data.train)).split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data.train.x[index]), data.train.y[index])
        loss.backward()
        optimizer.step()
    if epoch in (1, 2, 5, 10, 20):
        plane.measure(epoch)

print("epoch  layer  I(X;T)  I(T;Y)  nats; H(T) of 30 bins")
for point in plane.points:
    values = [
        point.estimates[name].mi for name in ("mi_xt_channel", "mi_ty_channel", "mi_xt_binned")
    ]
    print(
        f"{point.epoch:5}  {point.layer:>5}  {values[0]:6.2f}  {values[1]:6.2f}  {values[2]:10.2f}"
    )

# plane.to_frame() has all values in columns; plane.plot().figure.savefig("plane.png") draws the paths
