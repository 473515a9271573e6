"""What an endpoint allows, and what its limits saw of that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from codeclm.llm.concurrency import Change
from codeclm.llm.held_up import Cause

__all__ = ["PER_MINUTE", "Allowance", "LimitStatistics"]

PER_MINUTE = (
    "requests_per_minute",
    "tokens_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
)
"""The limits that an endpoint may have, as settings call them."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an endpoint allows, as far as the user knows; None for what is not limited.

    At most ``max_in_flight`` calls are under way; with ``adaptive``, fewer where the endpoint shows that it takes
    fewer. ``brisk_below``: more calls in flight than that are approached slowly.
    """

    max_in_flight: int = 64
    adaptive: bool = True
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    brisk_below: float = math.inf


@dataclass(frozen=True, slots=True)
class LimitStatistics:
    """What the limits of one endpoint see. ``allowed`` calls may be in flight now, ``changes`` is how that came.

    ``allowance`` is what the user allows. ``busy_s`` is the sum of the time that calls were in flight, those under way
    included: its growth in a second is how many there were. ``held_up`` are seconds for which the first in line (a
    call of the stage that is named) could not start, and why. ``resting`` calls wait for their next attempt.
    """

    allowance: Allowance
    in_flight: int
    peak_in_flight: int
    waiting: int
    started: int
    allowed: int
    changes: tuple[Change, ...]
    rate_per_s: float | None
    resting: int
    busy_s: float
    held_up: Mapping[tuple[Cause, str], float]
