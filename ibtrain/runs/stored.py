"""What a run's folder offers of its trained networks."""

from pathlib import Path
from typing import TYPE_CHECKING

from ibtrain.config import Method, RunConfig

if TYPE_CHECKING:
    from ibtrain.train.network import TrainedNetwork

__all__ = ["StoredNetworks"]


class StoredNetworks:
    """The trained networks of a run's folder.

    Attributes:
        path: The folder.
    """

    path: Path

    def config(self) -> RunConfig:
        """The run's settings."""
        raise NotImplementedError

    def network(self, seed: int = 0, method: Method | None = None) -> "TrainedNetwork":
        """Returns a trained network of the run, on the CPU, which predicts from raw samples.

        The folder of an earlier version has no statistics of the inputs, for which the data set is then loaded again.

        Args:
            seed: Seed of the training.
            method: Method of the training; None is the run's first, layer-wise in a comparison.

        Raises:
            RunFolderError: If the run has no such network yet, or if its file is broken.
            DataError: If the data set is needed and can't be loaded.
        """
        from ibtrain.runs.networks import read_network

        config = self.config()
        return read_network(self.path, config, method or config.methods[0], seed)
