"""Patterns that are compiled when they are first used: all of them together take 30 ms of a start."""

from __future__ import annotations

import re
from typing import Any, cast

__all__ = ["lazy"]


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What ``re.compile`` returns, later. Raises re.error when it is first used."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))


class _Lazy:
    def __init__(self, pattern: str, flags: int) -> None:
        self._source = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        if "_compiled" not in self.__dict__:
            self._compiled = re.compile(*self._source)
        found = getattr(self._compiled, name)
        setattr(self, name, found)  # the next time it is found without coming here
        return found
