"""How long a run takes at the least, by the limits of each model, and which limit that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codeclm.forecast.bill import Cast
from codeclm.forecast.calls import Line
from codeclm.forecast.profile import Profile
from codeclm.settings import ModelSettings, ModelsSettings

__all__ = ["Bound", "bounds_of", "longest", "path_s"]

MINUTES = 60.0
SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Bound:
    """``limit`` of ``model`` lets the run be over in ``hours``, and not before."""

    model: str
    limit: str
    hours: float

    def __str__(self) -> str:
        return f"{self.limit} of {self.model}"


def bounds_of(
    lines: Iterable[Line], cast: Cast, models: ModelsSettings, profile: Profile
) -> list[Bound]:
    """Every limit that is known. Roles of one model share its limits; calls in flight need times from a pilot."""
    found: list[Bound] = []
    by_model: dict[str, list[Line]] = {}
    for line in lines:
        by_model.setdefault(cast[line.role], []).append(line)
    settings = _settings_of(cast, models)
    for model, its_lines in by_model.items():
        if model not in settings:  # one of the cheaper variants
            continue
        party = settings[model]
        calls = sum(line.calls for line in its_lines)
        given, made = sum(line.input for line in its_lines), sum(line.output for line in its_lines)
        for limit, per_minute, amount in (
            ("requests a minute", party.requests_per_minute, calls),
            ("tokens a minute", party.tokens_per_minute, given + made),
            ("input tokens a minute", party.input_tokens_per_minute, given),
            ("output tokens a minute", party.output_tokens_per_minute, made),
        ):
            if per_minute:
                found.append(Bound(model, limit, amount / per_minute / MINUTES))
        busy_s = sum(line.calls * _seconds(line, profile) for line in its_lines)
        if busy_s:
            limit = f"{party.max_in_flight:,} calls in flight"
            found.append(Bound(model, limit, busy_s / party.max_in_flight / SECONDS))
    return found


def longest(bounds: Iterable[Bound]) -> Bound | None:
    """The limit that binds."""
    return max(bounds, key=lambda bound: bound.hours, default=None)


def path_s(profile: Profile, iterations: int) -> float:
    """Seconds from a seed to the outcome of an instruction that goes the whole way."""
    steps: dict[tuple[str, int], float] = {}
    for (stage, _, iteration), seconds in profile.seconds.items():
        if iteration <= iterations:
            steps[stage, iteration] = max(seconds, steps.get((stage, iteration), 0.0))
    return sum(steps.values())


def _seconds(line: Line, profile: Profile) -> float:
    key = (line.stage, line.role, line.iteration)
    return profile.seconds.get(key, profile.seconds.get((line.stage, line.role, 1), 0.0))


def _settings_of(cast: Cast, models: ModelsSettings) -> Mapping[str, ModelSettings]:
    return {
        cast["judge"]: models.judge or models.strong,
        cast["target"]: models.target,
        cast["strong"]: models.strong,
    }
