"""Small data sets."""

import numpy as np
import torch

from ibtrain.data.dataset import Dataset, Split


def gaussian_classes(
    n: int = 600, dim: int = 6, num_classes: int = 3, spread: float = 3.0, seed: int = 0
) -> Dataset:
    """Standard normal clouds around random centres, a third of them held out as the test split."""
    generator = np.random.default_rng(seed)
    centres = spread * generator.standard_normal((num_classes, dim))
    y = generator.integers(num_classes, size=n)
    x = centres[y] + generator.standard_normal((n, dim))
    tensors = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y.astype(np.int64))
    cut = n * 2 // 3
    train, test = ([t[part] for t in tensors] for part in (slice(cut), slice(cut, None)))
    return Dataset("gaussian classes", Split(*train), Split(*test), num_classes)
