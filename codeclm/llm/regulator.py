"""What an endpoint's answers mean for all further calls to it: go on, slow down, wait, or stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from codeclm.errors import (
    CodecLMError,
    KeyRefused,
    OutOfService,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRefused,
    RunStopped,
    StaleConnection,
    TransientError,
)
from codeclm.llm.acceptance import Acceptance
from codeclm.llm.chat import ChatRequest, Completion
from codeclm.llm.circuit import OUTAGES, Circuit
from codeclm.llm.episode import Episode
from codeclm.llm.events import EndpointBack, EndpointDown, Listener, Paused
from codeclm.llm.held_up import Cause
from codeclm.llm.latency import Latencies, LatencyCounts
from codeclm.llm.limits import Allowance, Gate, Limits, LimitStatistics
from codeclm.llm.pace import Window
from codeclm.llm.pauses import Pauses
from codeclm.llm.preflight import STAGE
from codeclm.llm.tokens import NO_TOKENS, Estimates, Tokens

__all__ = ["EndpointStatistics", "Regulator"]

LONGEST_PAUSE_S = 900.0
RAMP_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class EndpointStatistics:
    """An endpoint as seen by its calls: its limits, and how often and how long it did not take calls.

    ``paused_left_s``: no call starts for so long; ``down_for_s``: it has been out of service for so long; 0 where that
    is not so. ``answers`` and ``failures`` are attempts, those refused for a rate (``rate_limited``) aside;
    ``latencies`` how long the answered ones took; tokens are what the endpoint counted.
    """

    name: str
    limits: LimitStatistics
    rate_limited: int
    paused_for_s: float
    paused_left_s: float
    outages: int
    is_down: bool
    down_for_s: float
    answers: int
    failures: int
    input_tokens: int
    output_tokens: int
    latencies: LatencyCounts


def _ignore(event: object) -> None:
    """Nobody listens."""


class Regulator:
    """Lets calls to one endpoint start and learns from how they end. ``model`` is its name in events.

    A pause longer than ``longest_pause_s`` that the endpoint asks for ends the run, and so does an outage longer
    than ``patience_s``; both can be resumed.
    """

    def __init__(
        self,
        allowance: Allowance,
        *,
        model: str = "",
        on_event: Listener = _ignore,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        window: Window | None = None,
        longest_pause_s: float = LONGEST_PAUSE_S,
        patience_s: float = 900.0,
    ) -> None:
        self._model, self._on_event, self.clock = model, on_event, clock
        self._longest_pause_s, self._patience_s = longest_pause_s, patience_s
        self._pauses = Pauses(random or Random())
        self._circuit = Circuit()
        self._acceptance = Acceptance()
        self._estimates = Estimates()
        gate = _Shut(self._pauses, self._circuit)
        self.limits = Limits(allowance, gate, clock=clock, window=window)
        self._rate_limited = self._answers = self._failures = 0
        self._input_tokens = self._output_tokens = 0
        self._latencies = Latencies()
        self._episode = Episode(self.limits, clock)
        gate.resume = self._episode.end

    def statistics(self) -> EndpointStatistics:
        """The counts of this moment."""
        now_s = self.clock()
        return EndpointStatistics(
            name=self._model,
            limits=self.limits.statistics(),
            rate_limited=self._rate_limited,
            paused_for_s=self._pauses.total_s,
            paused_left_s=self._pauses.left_s(now_s),
            outages=self._circuit.outages,
            is_down=self._circuit.is_open,
            down_for_s=self._circuit.open_for_s(now_s),
            answers=self._answers,
            failures=self._failures,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            latencies=self._latencies.counts(),
        )

    def expected(self, request: ChatRequest) -> Tokens:
        """What ``request`` will probably use; nothing where tokens are not limited."""
        return self._estimates.expected(request) if self.limits.counts_tokens else NO_TOKENS

    def answered(
        self, request: ChatRequest, completion: Completion, started_s: float, expected: Tokens
    ) -> None:
        """Take in that a call that started at ``started_s`` got its answer."""
        now_s = self.clock()
        self._alive(started_s, now_s)
        self._acceptance.answer(tiny=request.stage == STAGE)
        self._pauses.went_well(started_s)
        usage = completion.usage
        self.limits.concurrency.answer(request.stage, usage.output_tokens, started_s, now_s)
        self.limits.hidden_rate.answer(started_s, now_s)
        self._episode.answers += 1
        self._answers += 1
        self._latencies.add(now_s - started_s)
        self._input_tokens += usage.input_tokens or 0
        self._output_tokens += usage.output_tokens or 0
        if self.limits.counts_tokens:
            self._estimates.learn(request, usage)
            if usage.input_tokens is not None and usage.output_tokens is not None:
                self.limits.correct(expected, Tokens(usage.input_tokens, usage.output_tokens))

    def failed(
        self,
        request: ChatRequest,
        error: CodecLMError,
        started_s: float,
        level: int,
        expected: Tokens,
    ) -> CodecLMError:
        """Take in that a call failed that had started as the ``level``-th in flight; what this amounts to."""
        if self.limits.counts_tokens:  # without an answer, the prompt is what was used
            self.limits.correct(expected, Tokens(self._estimates.prompt(request)))
        if isinstance(error, RateLimited):
            return self._slow_down(error, started_s, level)
        self._failures += 1
        match error:
            case KeyRefused():
                self._alive(started_s, self.clock())
                return self._final(self._acceptance.refuse_key(error), error)
            case TransientError():
                return self._out_of_order(error, started_s)
            case RequestRefused():
                self._alive(started_s, self.clock())
                return self._final(self._acceptance.refuse_request(error), error)
            case RunStopped():
                return self.limits.close(error)
        self._circuit.give_up(started_s)
        return error

    def gave_up(self, started_s: float) -> None:
        """Take in that a call was cancelled."""
        self._circuit.give_up(started_s)

    def _final(self, stop: RunStopped | None, error: CodecLMError) -> CodecLMError:
        return error if stop is None else self.limits.close(stop)

    def _alive(self, started_s: float, now_s: float) -> None:
        out_for_s = self._circuit.open_for_s(now_s)
        if self._circuit.answer(started_s):
            self.limits.concurrency.restart(now_s)
            self._on_event(EndpointBack(self._model, out_for_s))

    def _slow_down(self, error: RateLimited, started_s: float, level: int) -> CodecLMError:
        """Pause everybody, once an episode, and allow less."""
        now_s, hint_s = self.clock(), error.retry_after_s
        self._rate_limited += 1
        self._alive(started_s, now_s)
        if hint_s is not None and hint_s > self._longest_pause_s:
            message = f"{self._model} asks to wait {hint_s:.0f} s: resume after that ({error})"
            return self.limits.close(QuotaExhausted(message, hint_s))
        ramp = isinstance(error, RampTooFast)
        wait_s = self._pauses.ask(
            now_s, started_s, max(hint_s or 0.0, RAMP_PAUSE_S) if ramp else hint_s
        )
        self.limits.concurrency.refuse(
            level, self.limits.in_flight, now_s, first=wait_s is not None
        )
        self.limits.hidden_rate.refuse(now_s)
        if wait_s is not None:
            self._episode.begin(now_s, started_s, ramp=ramp)
            self._on_event(Paused(self._model, wait_s))
        return error

    def _out_of_order(self, error: TransientError, started_s: float) -> CodecLMError:
        """Open the circuit if this is one failure too many; while it is open, a failure is nobody's fault."""
        now_s = self.clock()
        if isinstance(error, StaleConnection):
            self._circuit.give_up(started_s)  # nobody got the call
        elif not isinstance(error, OUTAGES):
            self._alive(started_s, now_s)
        elif self._circuit.fail(error, now_s, started_s):
            self._on_event(EndpointDown(self._model, str(error)))
        if not self._circuit.is_open:
            return error
        down_for_s = self._circuit.open_for_s(now_s)
        if down_for_s > self._patience_s:
            message = f"{self._model} is out of service for {down_for_s:.0f} s now: {error}"
            return self.limits.close(RunStopped(message))
        return OutOfService(str(error), error.raw, error.retry_after_s)


class _Shut(Gate):
    """Shut during pauses and outages."""

    def __init__(self, pauses: Pauses, circuit: Circuit) -> None:
        self._pauses, self._circuit = pauses, circuit
        self.resume: Callable[[], None] = lambda: None

    def wait_s(self, now_s: float) -> float:
        wait_s = self._pauses.left_s(now_s)
        if self._circuit.is_open:
            wait_s = max(wait_s, self._circuit.wait_s(now_s))
        if wait_s <= 0:
            self.resume()
        return wait_s

    def why(self, now_s: float) -> Cause:
        return Cause.outage if self._circuit.is_open else Cause.pause

    def start(self, now_s: float) -> None:
        self._circuit.start(now_s)
