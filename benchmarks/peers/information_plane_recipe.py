"""InformationPlane's way of measuring one point, written from its description.

A fresh critic with two hidden layers of 1500 reads [h, t], t = h + sigma * eps; every step takes all
samples at once, and draws the product of the marginals with a permutation made by NumPy. The value is the
bound on these same samples at the end.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

WIDTH = 1500
LEARNING_RATE = 1e-3
LAST = 10
"""Steps over which the reported bound is averaged."""


def recipe(h: Tensor, noise_std: float, steps: int, seed: int = 0) -> float:
    """I(x; t) in nats of a layer's outputs ``(n, dim)``."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    critic = nn.Sequential(
        nn.Linear(2 * h.shape[1], WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, 1),
    ).to(h.device)
    optimizer = torch.optim.Adam(critic.parameters(), lr=LEARNING_RATE)
    values = []
    for _ in range(steps):
        t = h + noise_std * torch.randn_like(h)
        shuffled = torch.from_numpy(t.cpu().numpy()[rng.permutation(len(t))]).to(h.device)
        joint = critic(torch.cat([h, t], dim=1)).mean()
        marginal = critic(torch.cat([h, shuffled], dim=1)).logsumexp(dim=0) - math.log(len(h))
        loss = (marginal - joint).squeeze()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(-loss.item())
    return float(sum(values[-LAST:]) / len(values[-LAST:]))
