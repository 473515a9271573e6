"""What the simulated API answers to each request, without any HTTP: keys, limits, faults, latency, answers."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codeclm.simulator.call import BadRequest, ChatCall
from codeclm.simulator.call_log import Bill, CallLog, body_digest
from codeclm.simulator.dialect import Dialect, Said, Stamp
from codeclm.simulator.fault_answers import UNUSABLE, spoil, twist
from codeclm.simulator.fault_grammar import FaultName
from codeclm.simulator.fault_refusals import bad_parameter, refusal_by_fault
from codeclm.simulator.limits import Limits, Shortage
from codeclm.simulator.openai_wire import model_list
from codeclm.simulator.options import ServerOptions
from codeclm.simulator.prompt_cache import PromptCache
from codeclm.simulator.reply import RESET, Reply, retry_headers
from codeclm.simulator.schedule import Schedule
from codeclm.simulator.seeded import share_of
from codeclm.simulator.service import Service
from codeclm.simulator.world import World, tokens_of

__all__ = ["Endpoint"]

SLOW_FACTOR = 10
"""The fault "slow" multiplies the latency by this."""

_NO_FAULT = FaultName("")


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one model has of its own, or all models together."""

    limits: Limits
    service: Service


@dataclass(frozen=True, slots=True)
class _Turn:
    """A call that was let in."""

    call: ChatCall
    dialect: Dialect
    scope: _Scope
    number: int
    fault: FaultName
    digest: str


class Endpoint:
    """Answers request bodies. ``clock`` is monotonic seconds, ``wall_clock`` Unix time in seconds.

    Calls that the limits let in are numbered from 1; faults go by that number, or by ``second``.
    """

    def __init__(
        self,
        world: World,
        options: ServerOptions,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.log = CallLog()
        self._world = world
        self._options = options
        self._clock = clock
        self._wall_clock = wall_clock
        self._downtimes = [plan for plan in options.faults.planned if plan.is_downtime]
        self._first_at: float | None = None
        self._number = 0
        self._too_many_said = 0
        self._prompts = PromptCache() if options.prompt_cache else None
        self._together = self._scope()
        self._scopes: dict[str, _Scope] = {}

    @property
    def is_started(self) -> bool:
        """Whether the first request has come."""
        return self._first_at is not None

    def second(self) -> float:
        """Seconds since the first request."""
        return 0.0 if self._first_at is None else self._clock() - self._first_at

    def close(self) -> None:
        """Wake all that wait: answers go out at once, hanging requests end."""
        for scope in (self._together, *self._scopes.values()):
            scope.service.close()

    async def sleep(self, duration_s: float | None) -> None:
        """Wait, at most until the endpoint closes."""
        await self._together.service.sleep(duration_s)

    def models(self, dialect: Dialect, headers: Mapping[str, str]) -> Reply:
        """The list of models."""
        refusal = self._refuse_key(dialect, headers)
        return refusal or model_list(self._world.models, int(self._wall_clock()))

    async def chat(
        self, dialect: Dialect, body: bytes, headers: Mapping[str, str], *, reused: bool = False
    ) -> Reply:
        """The answer to a chat request; ``reused``: its connection carried others before."""
        if self._first_at is None:
            self._first_at = self._clock()
        self.log.requests += 1
        try:
            reply = await self._chat(dialect, body, headers, reused)
        except asyncio.CancelledError:
            self.log.abandoned += 1
            raise
        if reply.is_sent:
            self.log.by_status[reply.status] += 1
            self.log.timeline.answer(reply.status, self.second())
        return reply

    async def _chat(
        self, dialect: Dialect, body: bytes, headers: Mapping[str, str], reused: bool
    ) -> Reply:
        call = self._checked(dialect, body, headers)
        if isinstance(call, Reply):
            return call
        self.log.by_model[call.model] += 1
        digest = body_digest(body) if self._options.record_calls else ""
        if digest:
            self.log.received[digest] += 1
        scope, second = self._scope_of(call.model), self.second()
        down = self._down(dialect, call, second) if self._downtimes else None
        if down:
            return down
        tokens = tokens_of(call.messages) if scope.limits.counts_input else 0
        short = scope.limits.admit(tokens, second)
        if short:
            self.log.timeline.refuse(second)
            return self._too_many(dialect, scope, short)
        self.log.timeline.admit(second)
        self._number += 1
        fault = self._fault(call, second, reused)
        turn = _Turn(call, dialect, scope, self._number, fault, digest)
        return await self._admitted(turn, second)

    def _down(self, dialect: Dialect, call: ChatCall, second: float) -> Reply | None:
        for plan in self._downtimes:
            if plan.covers(0, second):
                self.log.by_fault[plan.name] += 1
                return refusal_by_fault(FaultName.read(plan.name), dialect, call, self._number)
        return None

    def _checked(
        self, dialect: Dialect, body: bytes, headers: Mapping[str, str]
    ) -> ChatCall | Reply:
        """The request, or why it can never be answered."""
        refusal = self._refuse_key(dialect, headers) or dialect.check_headers(headers)
        if refusal:
            return refusal
        try:
            call = dialect.read_call(body)
        except BadRequest as bad:
            return dialect.error(400, str(bad), param=bad.param, code=bad.code)
        if call.model not in self._world.models:
            message = (
                f"The model {call.model[:100]!r} does not exist or you do not have access to it."
            )
            return dialect.error(404, message, param="model", code="model_not_found")
        if call.schema is not None and self._options.response_format == "refuse":
            return bad_parameter(dialect, "response_format")
        return call

    def _fault(self, call: ChatCall, second: float, reused: bool) -> FaultName:
        faults = self._options.faults
        name = faults.of_request(self._number, second, call.fields, call.messages)
        if name is None or (name == "reset-reused" and not reused):
            return _NO_FAULT
        self.log.by_fault[name] += 1
        return FaultName.read(name)

    async def _admitted(self, turn: _Turn, second: float) -> Reply:
        service = turn.scope.service
        self._fly(turn.scope, 1, second)
        try:
            await service.enter()
            try:
                return self._refuse_by_fault(turn) or await self._served(turn)
            finally:
                service.leave()
        finally:
            self._fly(turn.scope, -1, self.second())

    def _fly(self, scope: _Scope, more: int, second: float) -> None:
        scope.limits.in_flight += more
        log = self.log
        log.in_flight += more
        if log.in_flight > log.max_in_flight:
            log.max_in_flight = log.in_flight
        log.timeline.flight(log.in_flight, second)

    def _refuse_by_fault(self, turn: _Turn) -> Reply | None:
        if turn.fault is _NO_FAULT:
            return None
        if turn.fault.kind in {"429", "429-nohint"}:
            short = Shortage("requests", "Rate limit reached.", None)
            hinted = turn.fault.kind == "429"
            return self._too_many(turn.dialect, turn.scope, short, hinted=hinted)
        return refusal_by_fault(turn.fault, turn.dialect, turn.call, turn.number)

    async def _served(self, turn: _Turn) -> Reply:
        call, scope, fault = turn.call, turn.scope, turn.fault
        if fault.kind in {"timeout", "hang"}:
            await scope.service.sleep(None)
            return RESET
        answer = self._world.answer(
            call.model,
            call.messages,
            temperature=call.temperature,
            seed=call.seed,
            max_tokens=call.max_tokens,
            schema=call.schema if self._options.response_format == "follow" else None,
        )
        said = Said(
            answer.text,
            answer.finish_reason,
            answer.input_tokens,
            answer.output_tokens,
            cached_tokens=None if self._prompts is None else self._prompts.read(call),
        )
        bill = self.log.bills.setdefault(call.model, Bill())
        bill.add(said.input_tokens, said.cached_tokens or 0, said.output_tokens)
        if fault is not _NO_FAULT:
            said = twist(said, fault)
        scope.limits.charge_output(said.output_tokens, self.second())
        await scope.service.sleep(self._latency_s(turn, said.output_tokens))
        stamp = Stamp(call.model, turn.number, self._wall_clock())
        reply = turn.dialect.answer(said, stamp, self._limit_headers(turn.dialect, scope))
        if fault.kind not in UNUSABLE:
            self.log.count_answer(answer.kind, said.input_tokens, said.output_tokens, turn.digest)
        return reply if fault is _NO_FAULT else spoil(reply, fault)

    def _latency_s(self, turn: _Turn, output_tokens: int) -> float:
        options = self._options
        latency_s = options.latency_s + options.token_latency_s * output_tokens
        if latency_s and options.latency_jitter:
            drawn = share_of("latency", *(message["content"] for message in turn.call.messages))
            latency_s *= 1 + options.latency_jitter * (2 * drawn - 1)
        slow = SLOW_FACTOR if turn.fault.kind == "slow" else 1
        return latency_s * turn.scope.service.crowding() * slow

    def _refuse_key(self, dialect: Dialect, headers: Mapping[str, str]) -> Reply | None:
        if self._options.api_key is None:
            return None
        sent = dialect.key_of(headers).encode("utf-8", "surrogateescape")
        if hmac.compare_digest(self._options.api_key.encode(), sent):
            return None
        return dialect.error(401, "Incorrect API key provided.", code="invalid_api_key")

    def _too_many(
        self, dialect: Dialect, scope: _Scope, short: Shortage, *, hinted: bool = True
    ) -> Reply:
        headers = self._limit_headers(dialect, scope)
        if hinted:
            headers = headers | self._hint(short)
        if self._options.quiet_limits:
            return dialect.error(429, "Too many requests.", kind="error", headers=headers)
        code = "rate_limit_exceeded"
        return dialect.error(429, short.message, kind=short.kind, code=code, headers=headers)

    def _hint(self, short: Shortage) -> dict[str, str]:
        options = self._options
        self._too_many_said += 1
        if options.retry_after_s is None or (
            options.hint_share < 1
            and share_of(options.faults.seed, "hint", self._too_many_said) >= options.hint_share
        ):
            return {}
        knows = short.wait_s is not None and not options.quiet_limits
        return retry_headers(short.wait_s or 0.0 if knows else options.retry_after_s)

    def _limit_headers(self, dialect: Dialect, scope: _Scope) -> dict[str, str]:
        if self._options.quiet_limits:
            return {}
        states = scope.limits.states(self.second())
        return dialect.limit_headers(states, self._wall_clock()) if states else {}

    def _scope_of(self, model: str) -> _Scope:
        """Models may join the world while it is served."""
        if not self._options.limits_per_model:
            return self._together
        if model not in self._scopes:
            self._scopes[model] = self._scope()
        return self._scopes[model]

    def _scope(self) -> _Scope:
        options = self._options
        slots = options.slots if options.queue else None
        capacity = None if options.capacity is None else Schedule.of(options.capacity)
        return _Scope(Limits(options, self._clock), Service(slots, capacity, self.second))
