"""A trained network that predicts from raw samples, in the user's own labels."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from ibtrain.backend.modes import undisturbed
from ibtrain.data.dataset import Split
from ibtrain.data.labels import SHOWN, Class, class_index, read_labels
from ibtrain.data.samples import as_tensor, read_samples, select_columns, with_channels
from ibtrain.data.scaling import Scaling
from ibtrain.errors import DataError
from ibtrain.train.callbacks import apply_in_chunks
from ibtrain.train.scores import AveragedReadout, AveragedScores, class_scores

__all__ = ["TrainedNetwork", "exported"]


def exported(module: nn.Module) -> nn.Module:
    """Returns a copy of a module on the CPU, in evaluation mode and without gradients."""
    return copy.deepcopy(module).cpu().eval().requires_grad_(False)


@dataclass
class TrainedNetwork:
    r"""A trained network together with how its inputs are scaled, and the names of its classes.

    The class scores s include the log prior where the training bounds mutual information, so that the prediction is
    :math:`\arg\max_c s_c` and :math:`p(c \mid x) = \mathrm{softmax}(s)_c`.

    Args:
        network: The trained blocks, on the training device.
        readout: Maps the last block's output to class scores whose argmax is the prediction; an
            :class:`~ibtrain.train.scores.AveragedReadout` reads the outputs of all blocks.
        scaling: Makes the network's inputs from raw samples.
        classes: The user's label of each class.

    Example:
        >>> from ibtrain import EndToEndTrainer, mlp
        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = np.where(x[:, 0] > 0, "right", "left")
        >>> result = EndToEndTrainer(mlp(2, [8], 2)).fit(x, y)
        >>> result.predict([[3.0, 0.0], [-3.0, 0.0]]).tolist()
        ['right', 'left']
    """

    network: nn.Sequential
    readout: nn.Module
    scaling: Scaling = field(default_factory=lambda: Scaling(()), kw_only=True)
    classes: tuple[Class, ...] = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        # not all weights
        names = ", ".join(map(str, self.classes[:SHOWN])) + ", ..." * (len(self.classes) > SHOWN)
        return f"<TrainedNetwork: {len(self.network)} blocks, classes {names or 'without names'}>"

    def predict(self, x: Any) -> NDArray[Any]:
        """Predicts the class of each sample.

        Args:
            x: Raw samples, of any kind that :meth:`Dataset.from_arrays` takes; or a :class:`Split` of a data set.

        Returns:
            The user's own labels, ``(samples,)``.

        Raises:
            DataError: If the samples are not like those of the training.
        """
        index = self._scores(x).argmax(dim=1).cpu().numpy()
        return np.asarray(self.classes)[index] if self.classes else index

    def predict_proba(self, x: Any) -> Float[NDArray[np.float64], "samples classes"]:
        """Estimates the probability of each class, in the order of ``classes``.

        Args:
            x: Samples, as of :meth:`predict`.

        Raises:
            DataError: If the samples are not like those of the training.
        """
        scores = self._scores(x).cpu().double()
        probabilities: NDArray[np.float64] = scores.softmax(dim=1).numpy()
        return probabilities

    def score(self, x: Any, y: Any = None) -> float:
        """Returns the share of samples whose class is predicted correctly.

        Args:
            x: Samples, as of :meth:`predict`.
            y: Their labels; None for a :class:`Split`, which has them.

        Raises:
            DataError: If the samples or labels are not like those of the training.
        """
        scores = self._scores(x)
        if isinstance(x, Split):
            index = x.y.cpu()
        elif y is None:
            raise DataError("no labels", "score(x, y), or score(data.test)", "score")
        else:
            labels = read_labels(y, "y")
            classes = self.classes or tuple(range(scores.shape[1]))
            index = torch.from_numpy(class_index(labels, classes, "y"))
        if len(index) != len(scores):
            given = f"{len(index)} labels of {len(scores)} samples"
            raise DataError(given, "one label for each sample", "y")
        # as the accuracy of a training is computed
        return (scores.argmax(dim=1).cpu() == index).float().mean().item()

    def to_module(self) -> nn.Module:
        """Returns a copy as one module on the CPU, in evaluation mode.

        It maps raw samples ``(samples, ...)``, numbers of any type, to class scores ``(samples, classes)``, whose argmax is
        the index of the predicted class. It works with ``torch.export``, ``torch.jit`` and ``torch.onnx.export``.
        """
        network = (
            [AveragedScores(self.network, self.readout)]
            if isinstance(self.readout, AveragedReadout)
            else [self.network, self.readout]
        )
        return exported(nn.Sequential(self.scaling, *network))

    def save(self, path: str | Path) -> None:
        """Saves everything that predictions need in one file; :func:`load_network` reads it.

        Args:
            path: Path of the file, such as ``network.pt``; an existing file is replaced.

        Raises:
            RunFolderError: If the file can't be written.
        """
        from ibtrain.train.stored import save_network

        save_network(self, Path(path))

    def _scores(self, x: Any) -> Float[Tensor, "samples classes"]:
        """Class scores of samples, in batches on the training device."""
        inputs, is_scaled = (x.x, True) if isinstance(x, Split) else (self._read(x), False)
        parameter = next(self.network.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device

        def scores(chunk: Tensor) -> Tensor:
            chunk = chunk if is_scaled else self.scaling(chunk)
            return class_scores(self.network, self.readout, chunk.to(device))

        with undisturbed(self.network, self.readout):
            return apply_in_chunks(scores, inputs)

    def _read(self, x: Any) -> Tensor:
        """Raw samples on the host, with the channels of images in the second axis."""
        if isinstance(x, Tensor) and self.scaling.has_scaled(x):
            expected = "raw samples, or the split: predict(data.test), score(data.test)"
            raise DataError("samples of a Dataset, which are scaled already", expected, "x")
        shape = self.scaling.shape
        samples = read_samples(select_columns(x, self.scaling.columns, "x"), "x")
        original = samples.shape
        if samples.shape[1:] != shape:
            samples = with_channels(samples)
        if shape and samples.shape[1:] != shape:
            is_single = original in (shape, shape[1:])
            advice = ": x[None] for a single one" if is_single else ""
            expected = f"samples of shape {shape}, as in training{advice}"
            raise DataError(f"samples of shape {samples.shape[1:]}", expected, "x")
        if self.scaling.is_bytes and samples.dtype.kind == "f" and 0 < samples.max() <= 1:
            expected = "bytes from 0 to 255, as in training"
            raise DataError("images of numbers from 0 to 1", expected, "x")
        return as_tensor(samples)
