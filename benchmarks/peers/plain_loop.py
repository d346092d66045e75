"""The loop that one writes first: MINE in plain PyTorch, samples in memory, a batch a step."""

import torch
from problem import BATCH_SIZE, DIM, HIDDEN, LEARNING_RATE, report, samples
from torch import nn


def train(steps: int) -> None:
    x, y = samples()
    critic = nn.Sequential(
        nn.Linear(2 * DIM, HIDDEN[0]),
        nn.ReLU(),
        nn.Linear(*HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN[1], 1),
    )
    optimizer = torch.optim.Adam(critic.parameters(), lr=LEARNING_RATE)
    average = None
    for _ in range(steps):
        index = torch.randint(len(x), (BATCH_SIZE,))
        x_batch, y_batch = x[index], y[index]
        joint = critic(torch.cat([x_batch, y_batch], dim=1))
        shuffled = y_batch[torch.randperm(BATCH_SIZE)]
        marginal = critic(torch.cat([x_batch, shuffled], dim=1)).exp().mean()
        average = marginal.item() if average is None else 0.9 * average + 0.1 * marginal.item()
        loss = marginal / average - joint.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


report("plain loop", train)
