"""The runs that are simulated: small ones, that together use every stage and every way to end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from codeclm.plan import Order, Plan, make_plan
from codeclm.seeds import SeedList
from codeclm.settings_file import load_settings
from tests.accounts import SIM_PRICES
from tests.simulation.answers import Manner
from tests.simulation.models import KEY_ENV
from tests.simulation.replies import CANARY
from tests.simulation.weather import Weather

__all__ = ["LATER_PRESETS", "PRESETS", "Preset", "plan_of"]


HONEST = Manner()


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """A run: its method, how many seeds it is given, and how its models answer; of ``alike`` seeds much the same."""

    name: str
    seeds: int
    method: dict[str, Any] = field(default_factory=dict)
    manner: Manner = HONEST
    judge: bool = False
    alike: bool = False


NONE = {"augment_to": 0}
PRESETS = (
    Preset("plain", 4, {"total": 12, "iterations": 2, **NONE}),
    Preset("one round", 6, {"total": 6, "iterations": 1, **NONE}),
    Preset("long way", 3, {"total": 6, "iterations": 4, **NONE}),
    Preset("many draws", 3, {"total": 20, "per_call": 2, "iterations": 1, **NONE}),
    Preset("augmented", 3, {"total": 10, "iterations": 2, "augment_to": 5}),
    Preset("checked", 3, {"total": 8, "iterations": 1, "augment_to": 6, "check_pairs": True}),
    Preset("each", 4, {"per_entry": 3, "per_call": 2, "iterations": 2}),
    Preset("no filter", 3, {"total": 8, "contrastive_filtering": False, "improvements": 2, **NONE}),
    Preset("one order", 4, {"total": 12, "swap_positions": False, "iterations": 2, **NONE}),
    Preset("careless", 4, {"total": 16, "iterations": 2, **NONE}, Manner(unreadable=0.15)),
    Preset("cut", 4, {"total": 12, "iterations": 2, **NONE}, Manner(cut=0.1)),
    Preset("unwilling", 4, {"total": 12, "iterations": 2, **NONE}, Manner(unwilling=0.05)),
    Preset("refused", 4, {"total": 12, "iterations": 2, **NONE}, Manner(refused=0.05)),
    Preset(
        "all of it",
        5,
        {"per_entry": 4, "per_call": 3, "iterations": 3},
        Manner(0.05, 0.05, 0.02, 0.02),
    ),
    Preset("third party", 3, {"total": 9, "iterations": 2, **NONE}, judge=True),
)
CLOSE = {"near_duplicates": 0.8}
UNFILTERED = {"contrastive_filtering": False, "improvements": 1}
LATER_PRESETS = (
    Preset("repeats", 4, {"total": 24, "near_duplicates": 0.5, "iterations": 2, **NONE}),
    Preset("alike", 5, {"total": 30, **CLOSE, "iterations": 2, **NONE}, alike=True),
    Preset("alike draws", 3, {"total": 27, **CLOSE, "per_call": 3, **NONE}, alike=True),
    Preset("alike each", 4, {"per_entry": 6, **CLOSE, "per_call": 3}, alike=True),
    Preset("selected", 4, {"selected": 9, "iterations": 2, **NONE}),
    Preset("selected of some", 5, {"selected": 14, "per_call": 2, "iterations": 1, **NONE}),
    Preset("selected of alike", 5, {"selected": 9, **CLOSE, "per_call": 3, **NONE}, alike=True),
    Preset(
        "selected of many",
        3,
        {"selected": 8, "near_duplicates": 0.5, "augment_to": 6, "check_pairs": True},
        Manner(unreadable=0.1, cut=0.05),
    ),
    Preset("too few", 3, {"selected": 12, "total": 15, "iterations": 1, **NONE}),
    Preset("first come", 3, {"selected": 7, **UNFILTERED, **NONE}),
    Preset("first of alike", 4, {"selected": 12, **CLOSE, **UNFILTERED, **NONE}, alike=True),
)
"""What came to the program later has seeds of its own: the others stay the runs that they were."""


@cache
def _plan(preset: Preset) -> Plan:
    spec = {"api_key_env": KEY_ENV}
    names = ("strong", "target", "judge") if preset.judge else ("strong", "target")
    models = {name: {"model": f"openai:sim-{name}@http://127.0.0.1:1/v1", **spec} for name in names}
    method = {"near_duplicates": 0, **preset.method}
    settings = load_settings(None, {"models": models, "method": method, "prices": SIM_PRICES})
    last = " x" if preset.alike else ""  # the simulated models go by the last letter
    source = SeedList(tuple(f"seed {letter}{last}" for letter in "abcdefgh"[: preset.seeds]))
    environ = {KEY_ENV: CANARY}
    return make_plan(Order(source, settings, Path("nowhere"), environ=environ))


def plan_of(preset: Preset, weather: Weather) -> Plan:
    """The plan of ``preset`` with the limits of ``weather``, on which no dataset depends."""
    plan = _plan(preset)
    limits = {
        "max_in_flight": weather.max_in_flight,
        "adaptive": weather.adaptive,
        "requests_per_minute": weather.requests_per_minute,
        "tokens_per_minute": weather.tokens_per_minute,
        "timeout_s": weather.timeout_s,
        "attempts": weather.attempts,
        "patience_s": weather.patience_s,
    }
    given = {
        name: party.model_copy(update=limits)
        for name in ("strong", "target", "judge")
        if (party := getattr(plan.models, name)) is not None
    }
    models = plan.models.model_copy(update=given)
    settings = plan.settings.model_copy(
        update={"models": models, "units_in_flight": weather.units_in_flight}
    )
    return replace(plan, models=models, settings=settings)
