"""How a simulated server behaves besides answering."""

from __future__ import annotations

from dataclasses import dataclass, field

from codeclm.errors import UsageError
from codeclm.simulator.faults import Faults
from codeclm.simulator.schedule import Schedule

__all__ = ["ServerOptions"]

_FORMATS = ("follow", "ignore", "refuse")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Latency, limits and faults of a server. All seconds of schedules count from its first request.

    Latency: each answer takes ``latency_s`` seconds and ``token_latency_s`` for each of its tokens, spread
    evenly by ``latency_jitter`` (a share, 0 to 1) around it; which prompt takes how long is fixed. With n
    calls running, a call takes n / ``capacity`` times as long where that is more than 1.

    Limits: beyond ``requests_per_minute`` (in any ``rate_window_s`` seconds, in proportion), ``rate_limit``
    (a second, in bursts of ``rate_burst``, by default of one second), ``input_tokens`` and
    ``output_tokens`` (a second, in bursts of ``rate_window_s``) and ``max_in_flight`` comes a 429, unless
    ``queue``, which makes the requests beyond ``max_in_flight`` wait. They hold for the whole server, or
    with ``limits_per_model`` for each model. With ``quiet_limits`` nothing tells which limit there is.

    A 429 that no limit explains, or a quiet one, asks for ``retry_after_s``; None: no 429 says how long to
    wait. Only ``hint_share`` of them do.

    Without ``api_key`` every key is good. ``record_calls`` counts equal request bodies. ``response_format``
    ("follow", "ignore", "refuse") tells what becomes of JSON schemas. ``prompt_cache``: beginnings of prompts are kept,
    and what was read from there is reported.

    Raises UsageError for a value out of range.
    """

    latency_s: float = 0.0
    latency_jitter: float = 0.0
    requests_per_minute: int | None = None
    rate_window_s: float = 60.0
    max_in_flight: int | Schedule | None = None
    queue: bool = False
    faults: Faults = field(default_factory=Faults)
    retry_after_s: float | None = 1.0
    api_key: str | None = field(default=None, repr=False)
    record_calls: bool = False
    token_latency_s: float = 0.0
    capacity: int | Schedule | None = None
    rate_limit: Schedule | None = None
    rate_burst: float | None = None
    input_tokens: Schedule | None = None
    output_tokens: Schedule | None = None
    limits_per_model: bool = False
    quiet_limits: bool = False
    hint_share: float = 1.0
    response_format: str = "follow"
    prompt_cache: bool = False

    def __post_init__(self) -> None:
        for name, fits, wanted in (
            ("latency_s", self.latency_s >= 0, "0 or more"),
            ("token_latency_s", self.token_latency_s >= 0, "0 or more"),
            ("latency_jitter", 0 <= self.latency_jitter <= 1, "between 0 and 1"),
            ("requests_per_minute", _at_least_1(self.requests_per_minute), "1 or more"),
            ("rate_window_s", self.rate_window_s > 0, "more than 0"),
            ("rate_burst", _at_least_1(self.rate_burst), "1 or more"),
            ("max_in_flight", _at_least_1(self.max_in_flight), "1 or more"),
            ("capacity", _at_least_1(self.capacity), "1 or more"),
            ("retry_after_s", (self.retry_after_s or 0) >= 0, "0 or more"),
            ("hint_share", 0 <= self.hint_share <= 1, "between 0 and 1"),
            ("response_format", self.response_format in _FORMATS, f"one of {', '.join(_FORMATS)}"),
        ):
            if not fits:
                raise UsageError(f"{name} must be {wanted}, not {getattr(self, name)}")

    @property
    def slots(self) -> Schedule | None:
        """``max_in_flight`` as a schedule."""
        return None if self.max_in_flight is None else Schedule.of(self.max_in_flight)


def _at_least_1(value: float | Schedule | None) -> bool:
    if isinstance(value, Schedule):
        return all(step >= 1 for _, step in value.steps)
    return value is None or value >= 1
