"""From raw samples to the inputs of a network: the shape of images, and each column or channel standardised."""

from collections.abc import Iterable
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from ibtrain.backend.mapped import spacious_tensor
from ibtrain.data.rows import row_chunks, row_slices
from ibtrain.data.split import Split, find_beyond, place_of
from ibtrain.errors import DataError

__all__ = ["Scaling", "scale_split"]

MAX_DEVIATIONS = 1e6
"""Maximum distance from the training mean, in standard deviations; values beyond are taken for fill values."""

MAX_BYTE = 255.0


class Scaling(nn.Module):
    r"""Turns raw samples into a network's inputs, with the statistics of the training samples.

    .. math:: x' = (x - c - \mu) / s

    with the centre c that was subtracted before the samples were rounded to float32, and then the mean and the
    standard deviation of each column ``(samples, dim)`` or channel ``(samples, channels, height, width)``. Bytes are
    divided by 255 instead of centred. Images may also be ``(samples, height, width)`` or, as in Keras,
    ``(samples, height, width, channels)``. It computes in float64 and returns float32.

    Args:
        shape: Shape of a network's input, without the batch.
        is_bytes: Whether the training samples were bytes.
        center: The centre c; None is 0.
        mean: The mean :math:`\mu`, in units of 255 for bytes; None leaves the samples as they are, but for the layout of
            images and their type.
        std: The standard deviation s; None is 1.
        columns: Names of the columns of a data frame; empty if the samples had none.

    Example:
        >>> x = torch.tensor([[0.0, 5.0], [2.0, 5.0]])
        >>> Scaling.fit(x)(x)
        tensor([[-1.,  0.],
                [ 1.,  0.]])
    """

    center: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        is_bytes: bool = False,
        center: Tensor | None = None,
        mean: Tensor | None = None,
        std: Tensor | None = None,
        columns: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.num_channels = shape[0] if len(shape) == 3 else 0
        self.is_bytes = is_bytes
        self.is_scaled = mean is not None
        self.columns = tuple(columns)
        zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
        self.register_buffer("center", zero if center is None else center)
        self.register_buffer("mean", zero if mean is None else mean)
        self.register_buffer("std", one if std is None else std)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the network's inputs for raw samples on the host."""
        if self.num_channels > 0:
            if x.dim() == 3:
                x = x.unsqueeze(1)
            elif x.shape[1] != self.num_channels and x.shape[3] == self.num_channels:
                x = x.permute(0, 3, 1, 2)
        if not self.is_scaled:
            return x if self.is_bytes else x.float()
        if self.is_bytes:
            return self.scale(x)
        # training samples are stored in float32
        return self.scale((x.double() - self.center).float())

    def scale(self, x: Tensor) -> Tensor:
        """Returns the network's inputs for samples as a data set stores them: channels first and centred."""
        x = x.double()
        if self.is_bytes:
            x = x / 255.0
        return ((x - self.mean) / self.std).float()

    def has_scaled(self, x: Tensor) -> bool:
        """Whether samples are those of a data set that were scaled in this way, or a part of them."""
        other = getattr(x if x._base is None else x._base, "scaling", None)
        return isinstance(other, Scaling) and all(
            torch.equal(buffer, other.get_buffer(name)) for name, buffer in self.named_buffers()
        )

    @classmethod
    def fit(cls, x: Tensor, unscaled: "Scaling | None" = None) -> "Scaling":
        """Computes the statistics of training samples, in float64 on the host; constant columns are only centred.

        Args:
            x: Training samples, as a data set stores them.
            unscaled: How these samples were made from raw ones; None if they are raw.
        """
        is_bytes = x.dtype == torch.uint8
        dims = [0, *range(2, x.ndim)]
        count = x.numel() // x.shape[1]
        unit = MAX_BYTE if is_bytes else 1.0
        sums = (c.double().div_(unit).sum(dims, keepdim=True) for c in row_chunks(x))
        mean = _total(sums) / count
        squares = _total(
            c.double().div_(unit).sub_(mean).square_().sum(dims, keepdim=True)
            for c in row_chunks(x)
        )
        # not by the standard deviation: for a constant it is the rounding error of the mean
        is_constant = x.amax(dims, keepdim=True) == x.amin(dims, keepdim=True)
        std = torch.where(is_constant.cpu(), 1.0, (squares / count).sqrt())
        center = unscaled.center if unscaled else None
        columns = unscaled.columns if unscaled else ()
        shape = tuple(x.shape[1:])
        return cls(shape, is_bytes=is_bytes, center=center, mean=mean, std=std, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Everything that :meth:`from_dict` needs: tensors, numbers, strings and lists."""
        return {
            "shape": list(self.shape),
            "is_bytes": self.is_bytes,
            "is_scaled": self.is_scaled,
            "columns": list(self.columns),
            **self.state_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Scaling":
        """The inverse of :meth:`to_dict`."""
        is_scaled = values["is_scaled"]
        return cls(
            tuple(values["shape"]),
            is_bytes=values["is_bytes"],
            center=values["center"],
            mean=values["mean"] if is_scaled else None,
            std=values["std"] if is_scaled else None,
            columns=tuple(values["columns"]),
        )

    def describe(self) -> str:
        """Says in words how inputs are scaled.

        Example:
            >>> Scaling((3,), mean=torch.zeros(1, 3)).describe()
            'each column standardised'
        """
        if not self.is_scaled:
            return "inputs not scaled"
        what = "channel" if self.num_channels else "column"
        first = "bytes divided by 255, then " if self.is_bytes else ""
        return f"{first}each {what} standardised"


def scale_split(split: Split, scaling: Scaling, name: str, where: str) -> Split:
    """Scales the samples of a split, in chunks.

    Args:
        split: The split, as a data set stores it.
        scaling: The statistics of the training samples.
        name: Name of the split, for error messages.
        where: The data set, for error messages.

    Raises:
        DataError: If a value is more than :data:`MAX_DEVIATIONS` standard deviations from the training mean.
    """
    x = spacious_tensor(split.x.shape, torch.float32, where, device=split.x.device)
    for part in row_slices(split.x):
        x[part] = scaling.scale(split.x[part].cpu())
    index = find_beyond(x, MAX_DEVIATIONS)
    if index is not None:
        deviations = x.flatten(1)[index].item()
        column = index[1] // x[0, 0].numel()
        distance = abs(deviations * scaling.std.flatten()[column].item())
        given = (
            f"a value in {place_of(index)} of the {name} split that is {distance:g}, or "
            f"{abs(deviations):.1g} standard deviations, "
            f"{'above' if deviations > 0 else 'below'} the training mean"
        )
        raise DataError(given, f"at most {MAX_DEVIATIONS:g} (is it a fill value?)", where)
    return Split(x, split.y)


def _total(tensors: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, tensors)
