"""Linear probes: how much of the label a linear classifier reads off a layer."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["probe_accuracy"]

ITERATIONS = 60
WEIGHT_DECAY = 1e-3


def probe_accuracy(
    h_train: Float[Tensor, "n dim"],
    y_train: Int[Tensor, " n"],
    h_test: Float[Tensor, "m dim"],
    y_test: Int[Tensor, " m"],
    num_classes: int,
) -> float:
    r"""Test accuracy of a logistic regression fitted to a layer's standardised activations.

    It minimises the mean cross-entropy plus :math:`\frac{\lambda}{2} \lVert W \rVert^2` with
    :math:`\lambda` = 1e-3 by L-BFGS, a convex problem with one solution.

    Args:
        h_train: Activations to fit to, ``(n, dim)``.
        y_train: Their classes, ``(n,)``.
        h_test: Activations to score, ``(m, dim)``.
        y_test: Their classes, ``(m,)``.
        num_classes: Number of classes.

    References:
        Alain & Bengio 2016 (arXiv 1610.01644).
    """
    mean = h_train.mean(dim=0)
    std = h_train.std(dim=0, correction=0).clamp_min(1e-6)
    train, test = (h_train - mean) / std, (h_test - mean) / std
    weight = torch.zeros(num_classes, train.shape[1], device=train.device, requires_grad=True)
    bias = torch.zeros(num_classes, device=train.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(nn.functional.linear(train, weight, bias), y_train)
        loss = loss + 0.5 * WEIGHT_DECAY * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        scores = nn.functional.linear(test, weight, bias)
    return (scores.argmax(dim=1) == y_test).float().mean().item()
