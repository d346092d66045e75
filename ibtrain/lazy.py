"""Imports the public names of a package when they are first used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["html_method", "lazy_exports", "load_object"]


def lazy_exports(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns a package's ``__getattr__`` and ``__dir__``.

    Args:
        package: Name of the package.
        homes: The module that defines each public name.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names


def load_object(home: str) -> Any:
    """Imports a class or a function by its module and its name.

    Args:
        home: Module and name, such as ``package.module:Class``.
    """
    module, _, name = home.partition(":")
    return getattr(import_module(module), name)


def html_method(home: str) -> Callable[[Any], str]:
    """Returns a method ``_repr_html_``, which notebooks call, by a function of a higher layer.

    Args:
        home: Module and name of a function from the object to HTML.
    """

    def _repr_html_(self: Any) -> str:
        html: str = load_object(home)(self)
        return html

    return _repr_html_
