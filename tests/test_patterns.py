"""Patterns that are compiled late are as good as those that are compiled at once."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module

import pytest

import codeclm.parsing
import codeclm.stages
from codeclm.parsing.patterns import lazy


def test_it_is_a_pattern() -> None:
    late = lazy(r"(a)\s*b", re.IGNORECASE)
    found = late.fullmatch("A b")
    assert found is not None
    assert found[1] == "A"
    assert late.sub("-", "ab, AB") == "-, -"
    assert late.pattern == r"(a)\s*b"
    assert late.flags & re.IGNORECASE


def test_one_that_is_none_says_so_when_it_is_used() -> None:
    with pytest.raises(re.error):
        lazy("(").match("")


@pytest.mark.parametrize("package", [codeclm.parsing, codeclm.stages])
def test_all_of_ours_can_be_compiled(package: object) -> None:
    """Those of a module, and those in its tuples."""
    path, name = getattr(package, "__path__"), getattr(package, "__name__")  # noqa: B009
    values = [
        one
        for module in pkgutil.iter_modules(path, f"{name}.")
        for value in vars(import_module(module.name)).values()
        for one in (value if isinstance(value, tuple) else (value,))
        if type(one) is type(lazy(""))
    ]
    assert values
    for one in values:
        assert one.groups >= 0
