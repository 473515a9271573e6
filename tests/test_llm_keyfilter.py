"""The filter of keys: nothing that was added is missed, and little else is taken for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeclm.llm.keyfilter import KeyFilter


@given(st.sets(st.text(max_size=70)), st.text(max_size=70))
def test_what_was_added_is_in_it(keys: set[str], other: str) -> None:
    """Whatever the keys are; another key is hardly ever taken for one of a few."""
    found = KeyFilter()
    for key in keys:
        found.add(key)
    assert all(key in found for key in keys)
    assert other in keys or other not in found


def test_few_others_are_taken_for_it() -> None:
    """At a hundred thousand keys, fewer than one in a hundred: each costs a question to the store."""
    found = KeyFilter()
    for number in range(100_000):
        found.add(f"kept {number}")
    assert sum(f"other {number}" in found for number in range(10_000)) < 100
