"""What a simulated server has seen, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from codeclm.simulator.timeline import Timeline

__all__ = ["Bill", "CallLog", "body_digest"]


@dataclass(slots=True)
class Bill:
    """What one model was made to do, whether or not anybody waited for its answers."""

    calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0

    def add(self, input_tokens: int, cached_input_tokens: int, output_tokens: int) -> None:
        """One more call; of its input so much was read from the prompt cache."""
        self.calls += 1
        self.input_tokens += input_tokens
        self.cached_input_tokens += cached_input_tokens
        self.output_tokens += output_tokens


@dataclass(slots=True)
class CallLog:
    """Counters of chat requests since the server started; ``timeline`` has them by the second.

    ``answered`` are those whose complete answer, with something in it to use, was handed to the connection;
    ``abandoned`` those whose client went away first. ``received`` and ``paid`` count equal request bodies by
    digest (all, and the answered ones); they stay empty unless the server records calls. Preflight calls are
    never among the paid: every session asks them again on purpose. ``bills`` are by model what a provider would
    want to be paid: every answer that was made, even where it was never taken.
    """

    requests: int = 0
    answered: int = 0
    abandoned: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_model: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    bills: dict[str, Bill] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)

    def count_answer(self, kind: str, input_tokens: int, output_tokens: int, digest: str) -> None:
        """Count an answer given in full; ``digest`` identifies its request, or is empty."""
        self.answered += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.by_kind[kind] += 1
        if digest and kind != "preflight":
            self.paid[digest] += 1

    @property
    def paid_again(self) -> int:
        """Answers beyond the first to equal request bodies; 0 unless the server records calls."""
        return self.paid.total() - len(self.paid)

    def as_dict(self) -> dict[str, Any]:
        """All counters for JSON; of the recorded calls only their numbers."""
        return {
            "requests": self.requests,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "by_model": dict(self.by_model),
            "by_kind": dict(self.by_kind),
            "by_fault": dict(self.by_fault),
            "bills": {model: asdict(bill) for model, bill in self.bills.items()},
            "recorded": self.received.total(),
            "paid_again": self.paid_again,
            "seconds": [second.as_dict() for second in self.timeline],
        }


def body_digest(body: bytes) -> str:
    """32 hexadecimal digits that identify a request body."""
    return blake2b(body, digest_size=16).hexdigest()
