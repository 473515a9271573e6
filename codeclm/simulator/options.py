"""How a simulated server behaves besides answering."""

from __future__ import annotations

from dataclasses import dataclass, field

from codeclm.errors import UsageError
from codeclm.simulator.faults import Faults

__all__ = ["ServerOptions"]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Latency, limits and faults of a server.

    Each answer takes ``latency_s`` seconds, spread evenly by ``latency_jitter`` (a share, 0 to 1) around
    it; which prompt takes how long is fixed. Beyond ``requests_per_minute`` (in any ``rate_window_s``
    seconds, in proportion) and ``max_in_flight`` comes a 429, unless ``queue``, which makes the requests
    beyond ``max_in_flight`` wait. A 429 that no limit explains asks for ``retry_after_s``. Without
    ``api_key`` every key is good. ``record_calls`` counts equal request bodies.

    Raises UsageError for a value out of range.
    """

    latency_s: float = 0.0
    latency_jitter: float = 0.0
    requests_per_minute: int | None = None
    rate_window_s: float = 60.0
    max_in_flight: int | None = None
    queue: bool = False
    faults: Faults = field(default_factory=Faults)
    retry_after_s: float = 1.0
    api_key: str | None = field(default=None, repr=False)
    record_calls: bool = False

    def __post_init__(self) -> None:
        for name, fits, wanted in (
            ("latency_s", self.latency_s >= 0, "0 or more"),
            ("latency_jitter", 0 <= self.latency_jitter <= 1, "between 0 and 1"),
            ("requests_per_minute", _none_or_positive(self.requests_per_minute), "1 or more"),
            ("rate_window_s", self.rate_window_s > 0, "more than 0"),
            ("max_in_flight", _none_or_positive(self.max_in_flight), "1 or more"),
            ("retry_after_s", self.retry_after_s >= 0, "0 or more"),
        ):
            if not fits:
                raise UsageError(f"{name} must be {wanted}, not {getattr(self, name)}")


def _none_or_positive(value: int | None) -> bool:
    return value is None or value >= 1
