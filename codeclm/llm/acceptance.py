"""Whether an endpoint takes our calls at all: a key it refuses, requests that it all refuses alike."""

from __future__ import annotations

import re

from codeclm.errors import EndpointRefused, KeyRefused, RequestRefused

__all__ = ["Acceptance"]

KEY_REFUSALS = 3
EQUAL_REFUSALS = 20
COMPARED_CHARACTERS = 120


class Acceptance:
    """A key that never worked is refused for good; one that did may meet a stray 401, not three in a row.

    Twenty refusals of one wording before any answer mean that every item would be refused; that a tiny question was
    answered before says nothing of those.
    """

    def __init__(self) -> None:
        self._has_answered = self._has_taken_work = False
        self._key_refusals = 0
        self._wording = ""
        self._equal = 0

    def answer(self, *, tiny: bool = False) -> None:
        """Take in an answer, perhaps to a ``tiny`` question that is no work."""
        self._has_answered = True
        self._has_taken_work = self._has_taken_work or not tiny
        self._key_refusals = 0

    def refuse_key(self, error: KeyRefused) -> EndpointRefused | None:
        """What a refused key amounts to; None where the call is to be tried again."""
        self._key_refusals += 1
        if self._has_answered and self._key_refusals < KEY_REFUSALS:
            return None
        return EndpointRefused(str(error))

    def refuse_request(self, error: RequestRefused) -> EndpointRefused | None:
        """What a refused request amounts to; None where it is that request's own affair."""
        if self._has_taken_work:
            return None
        wording = re.sub(r"\d+", "0", str(error))[:COMPARED_CHARACTERS]
        self._equal = self._equal + 1 if wording == self._wording else 1
        self._wording = wording
        if self._equal < EQUAL_REFUSALS:
            return None
        return EndpointRefused(f"the first {EQUAL_REFUSALS} requests were all refused: {error}")
