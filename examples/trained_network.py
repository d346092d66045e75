"""Measure a network that is already trained: load its weights, and call measure() once.

python examples/trained_network.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from ibtrain import load_dataset, measure


def make_model() -> nn.Sequential:
    """The network, with new weights; a model of torchvision or of another library serves as well."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 40), nn.ReLU(), nn.Linear(40, 12), nn.ReLU(), nn.Linear(12, 10)
    )


data = load_dataset("digits")
with TemporaryDirectory() as folder:
    weights = Path(folder, "weights.pt")
    # somebody has trained the network, and has saved its weights
    torch.manual_seed(0)
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(600):
        index = torch.randint(len(data.train), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.train.x[index]), data.train.y[index]).backward()
        optimizer.step()
    torch.save(model.state_dict(), weights)

    trained = make_model()
    trained.load_state_dict(torch.load(weights, weights_only=True))
    # every module with weights and every activation, by two measures without critics
    points = measure(trained, data).points

print("layer  I(X;T)  I(T;Y)  nats;  H(T), distinct T of 30 bins")
for point in points:
    names = ("mi_xt_channel", "mi_ty_channel", "mi_xt_binned")
    i_xt, i_ty, entropy = (point.estimates[name].mi for name in names)
    print(
        f"{point.layer:>5}  {i_xt:6.2f}  {i_ty:6.2f}         {entropy:4.2f}  {point.scalars['distinct_t']:.0f}"
    )
