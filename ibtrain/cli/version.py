"""``ibtrain --version``."""

import platform

from ibtrain import __version__
from ibtrain.cli.streams import echo

__all__ = ["show_version"]


def show_version() -> None:
    """Prints the versions of ibtrain, Python and torch, and the default device, for a report of a bug."""
    # these lines appear even if torch can't be loaded
    echo(f"ibtrain {__version__}")
    echo(f"python {platform.python_version()}")
    import torch

    from ibtrain.backend.device import choose_device

    echo(f"torch {torch.__version__}")
    device = choose_device("auto")
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    echo(f"device {device.type}{name}")
