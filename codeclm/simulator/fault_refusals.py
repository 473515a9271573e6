"""The faults that keep a call from being answered at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codeclm.simulator import provider_errors
from codeclm.simulator.call import ChatCall
from codeclm.simulator.dialect import Dialect
from codeclm.simulator.fault_grammar import FaultName
from codeclm.simulator.reply import CLOSED, RESET, Reply, gateway_page, json_reply
from codeclm.simulator.world import tokens_of

__all__ = ["bad_parameter", "refusal_by_fault"]

_REASONS = {
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Time-out",
    "529": "Overloaded",
}
_INSTEAD = {"max_tokens": "max_completion_tokens"}


@dataclass(frozen=True, slots=True)
class _Case:
    fault: FaultName
    dialect: Dialect
    call: ChatCall
    number: int

    @property
    def shape(self) -> str:
        return self.fault.detail or self.dialect.name


def refusal_by_fault(
    fault: FaultName, dialect: Dialect, call: ChatCall, number: int
) -> Reply | None:
    """The refusal that ``fault`` means for request ``number``; None where it is none."""
    refuse = _REFUSALS.get(fault.kind)
    return refuse(_Case(fault, dialect, call, number)) if refuse else None


def bad_parameter(dialect: Dialect, name: str) -> Reply:
    """The refusal of a field that a model does not support."""
    if name == "temperature":
        message = (
            "Unsupported value: 'temperature' does not support the value given with this model."
        )
        return dialect.error(400, message, param=name, code="unsupported_value")
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    if name in _INSTEAD:
        message += f" Use '{_INSTEAD[name]}' instead."
    return dialect.error(400, message, param=name, code="unsupported_parameter")


def _server_error(case: _Case) -> Reply:
    """By turns a gateway's page and JSON."""
    status = case.fault.kind
    if case.number % 2:
        return gateway_page(int(status), _REASONS[status])
    return case.dialect.error(int(status), f"{_REASONS[status]}.", kind="server_error")


def _outage(case: _Case) -> Reply:
    detail = case.fault.detail
    if detail == "refuse":
        return RESET
    status = detail.removeprefix("html")
    if status != detail:
        return gateway_page(int(status), _REASONS[status])
    return case.dialect.error(int(status), f"{_REASONS[status]}.", kind="server_error")


def _context(case: _Case) -> Reply:
    tokens = tokens_of(case.call.messages)
    param, message = provider_errors.context_too_long(case.call, tokens)
    if case.dialect.name == "anthropic":
        message = f"prompt is too long: {tokens} tokens > {max(1, tokens - 1)} maximum"
    return case.dialect.error(400, message, param=param, code="context_length_exceeded")


def _error_in_200(case: _Case) -> Reply:
    error = {"message": "Provider returned error", "code": int(case.fault.detail)}
    return json_reply({"error": error})


def _plain(status: int, message: str, code: str | None = None) -> Callable[[_Case], Reply]:
    return lambda case: case.dialect.error(status, message, code=code)


_REFUSALS: dict[str, Callable[[_Case], Reply]] = {
    "400": _plain(400, "Invalid request."),
    "401": _plain(401, "Incorrect API key provided.", "invalid_api_key"),
    "403": _plain(403, "You have insufficient permissions for this operation."),
    "404": _plain(404, "The model does not exist.", "model_not_found"),
    "408": _plain(408, "Request timed out."),
    **dict.fromkeys(_REASONS, _server_error),
    "quota": lambda case: provider_errors.QUOTA[case.shape](),
    "overloaded": lambda case: provider_errors.OVERLOADED[case.shape](),
    "slow-down": lambda case: provider_errors.slow_down(),
    "loading": lambda case: provider_errors.loading(),
    "outage": _outage,
    "reset-reused": lambda case: CLOSED,
    "filtered": lambda case: provider_errors.filtered_prompt(),
    "context": _context,
    "bad-parameter": lambda case: bad_parameter(case.dialect, case.fault.detail),
    "error200": _error_in_200,
}
