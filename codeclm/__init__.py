"""Turns seed instructions into a large, tailored instruction-tuning set (CodecLM, arXiv 2404.05875)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codeclm.public import *  # noqa: F403
    from codeclm.public import __all__ as __all__
else:
    # To import the package is instant, so that the command can look after Ctrl-C before all else is loaded.
    def __getattr__(name: str) -> Any:
        public = import_module("codeclm.public")
        if name in {"__all__", *public.__all__}:
            return getattr(public, name)
        raise AttributeError(f"module 'codeclm' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*globals(), *import_module("codeclm.public").__all__]
