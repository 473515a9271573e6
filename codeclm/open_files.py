"""Open files: as many as the system allows, and no more calls in flight than those suffice for."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from contextlib import suppress

from codeclm.assembly import model_specs
from codeclm.errors import UsageError
from codeclm.llm.names import parse_model
from codeclm.settings import Settings

__all__ = ["SPARE", "calls_that_fit", "fitted", "raise_limit"]

SPARE = 200
"""Files for all but calls: the run's own, the cache's, connections that are being closed."""

LARGE = 10_240  # where the system names no limit, and accepts no unlimited number either


def raise_limit() -> int:
    """Raise the limit of open files as far as the system lets this process; what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (hard, LARGE):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else LARGE**2


def calls_that_fit(asked: Sequence[int], open_files: int) -> int | None:
    """The most calls in flight that each endpoint may have, where they ``asked`` for so many in all.

    None where all fit; 0 where not even one each does.
    """
    room = open_files - SPARE
    if sum(asked) <= room:
        return None
    left = sorted(asked)
    while left:
        share = max(0, room) // len(left)
        if left[0] > share:
            return share
        room -= left.pop(0)
    return 0


def fitted(settings: Settings, open_files: int) -> tuple[Settings, str]:
    """``settings`` with calls in flight that fit, and what there is to tell of it ("" if they fitted).

    Raises UsageError where nothing fits.
    """
    if settings.models is None:
        return settings, ""
    specs = model_specs(settings.models)
    endpoints = {(parse_model(one.model), one.api_key_env): one.max_in_flight for one in specs}
    most = calls_that_fit([*endpoints.values()], open_files)
    if most is None:
        return settings, ""
    needed = sum(endpoints.values()) + SPARE
    too_few = f"this process may open {open_files:,} files, and {needed:,} are needed"
    if most == 0:
        raise UsageError(f"{too_few}; raise the limit (ulimit -n {needed})")
    told = f"warning: {too_few}: at most {most:,} calls in flight to each model; raise the limit (ulimit -n {needed})"
    return _with_at_most(settings, most), told


def _with_at_most(settings: Settings, calls: int) -> Settings:
    models = settings.models
    assert models is not None
    lowered = {
        name: party.model_copy(update={"max_in_flight": min(party.max_in_flight, calls)})
        for name, party in models.parties.items()
    }
    return settings.model_copy(update={"models": models.model_copy(update=lowered)})
