"""A stand-in for a CUDA graph: records a step's operators and does them again on the same memory."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Operators(TorchDispatchMode):
    """Notes every operator, and what each storage that it did not make held before."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, dict[str, Any], Any]] = []
        self.before: dict[int, tuple[UntypedStorage, UntypedStorage]] = {}
        self.made: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        for storage in _storages((args, kwargs)):
            if storage.data_ptr() not in self.made | self.before.keys():
                self.before[storage.data_ptr()] = storage, storage.clone()
        found = func(*args, **kwargs)
        self.made.update(own.data_ptr() for own in _storages(found))
        self.made -= self.before.keys()
        self.calls.append((func, args, kwargs, found))
        return found


class Tape:
    """As a CUDA graph does, a replay knows nothing of Python: numbers, branches and names are frozen.

    Operators are done as they are recorded, which a graph's are not: what they changed is put back.
    """

    replays = 0

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator]) -> None:
        self.generators = [torch.default_generator, *generators]
        self.operators = _Operators()

    def warmup(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def capture(self) -> Iterator[None]:
        states = [own.get_state() for own in self.generators]
        with self.operators:
            yield
        for own, state in zip(self.generators, states, strict=True):
            own.set_state(state)
        for storage, before in self.operators.before.values():
            storage.copy_(before)

    @torch.no_grad()
    def replay(self) -> None:
        Tape.replays += 1
        for func, args, kwargs, old in self.operators.calls:
            new = func(*args, **kwargs)
            read = {storage.data_ptr() for storage in _storages((args, kwargs))}
            for own, again in zip(_tensors(old), _tensors(new), strict=True):
                # a view, or what was changed in place, is there already
                if own.untyped_storage().data_ptr() not in read:
                    own.copy_(again)


def _storages(tree: Any) -> list[UntypedStorage]:
    return [tensor.untyped_storage() for tensor in _tensors(tree)]


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
