"""Every error of the package.

CodecLMError
├── UsageError                   the caller must change something; nothing was written or lost (exit code 2)
├── RunStopped                   the run ended early on purpose and can be resumed (exit code 4)
│   ├── EndpointRefused          key, model, URL or parameters refused: every call would fail (exit code 2)
│   ├── QuotaExhausted           no money, or no quota for hours: nothing can be paid now (exit code 5)
│   ├── BudgetExhausted          the next call could cost more than the user allows (exit code 5)
│   └── Enough                   what was asked for is there: the run is complete (exit code 0 or 3)
└── ItemError                    one item cannot be finished; it is recorded and the run goes on
    ├── ParseError               an answer that a careful human could not read either
    └── ModelError               the endpoint gave no usable answer
        ├── TransientError       the same call may succeed later
        │   ├── RateLimited      the endpoint asks to slow down: no attempt, no failure
        │   │   └── RampTooFast  it asks not to grow so fast
        │   ├── OutOfService     it is down for everybody: no attempt, no failure
        │   ├── Overloaded       it is alive, and too busy
        │   ├── ModelLoading     it is alive, and not yet ready
        │   ├── ServerError      5xx, or a gateway's page
        │   ├── KeyRefused       401 or 403; one may be stray, several are not
        │   ├── ParameterRefused a field of the request is not supported: it can be asked without it
        │   ├── ConnectionFailed reset or closed before the answer was complete
        │   │   ├── StaleConnection  kept alive, and closed at the moment it was used again
        │   │   └── Unreachable      no connection at all: refused, no such host
        │   ├── TimedOut         no complete answer in time
        │   └── UnusableAnswer   an answer came, perhaps a paid one, and there is nothing in it to use
        │       ├── MalformedAnswer  not a chat completion: cut, wrong type, not JSON
        │       ├── EmptyAnswer      a chat completion that says nothing
        │       └── ToolCallAnswer   it calls tools that nobody offered
        └── RequestRefused       the endpoint will never answer this request (4xx)
            ├── ContextTooLong   the prompt does not fit into the model
            ├── AnswerTooLarge   the answer is larger than any answer may be
            └── Declined         a result and no failure: the request is well-formed and not answered
                ├── Filtered     a content filter kept the prompt or the answer
                └── Refused      the model itself said no
"""

from __future__ import annotations

__all__ = [
    "AnswerTooLarge",
    "BudgetExhausted",
    "CodecLMError",
    "ConnectionFailed",
    "ContextTooLong",
    "Declined",
    "EmptyAnswer",
    "EndpointRefused",
    "Enough",
    "Filtered",
    "ItemError",
    "KeyRefused",
    "MalformedAnswer",
    "ModelError",
    "ModelLoading",
    "OutOfService",
    "Overloaded",
    "ParameterRefused",
    "ParseError",
    "QuotaExhausted",
    "RampTooFast",
    "RateLimited",
    "Refused",
    "RequestRefused",
    "RunStopped",
    "ServerError",
    "StaleConnection",
    "TimedOut",
    "ToolCallAnswer",
    "TransientError",
    "Unreachable",
    "UnusableAnswer",
    "UsageError",
]


class CodecLMError(Exception):
    """Raised for everything this package can name; the message is one line for a person."""

    exit_code = 1
    answered = False
    """Whether an answer came that says that it went well, and may be billed."""


class UsageError(CodecLMError):
    """Raised when input, settings or surroundings must change before anything can run."""

    exit_code = 2


class RunStopped(CodecLMError):
    """Raised to end the run early; items under way stay pending and the run can be resumed."""

    exit_code = 4


class EndpointRefused(RunStopped):
    """Raised when the endpoint refuses key, model, URL or parameters, so that no call can succeed."""

    exit_code = 2


class QuotaExhausted(RunStopped):
    """Raised when money or quota is used up. ``resume_after_s`` is when there is more, in seconds, or None."""

    exit_code = 5

    def __init__(self, message: str, resume_after_s: float | None = None) -> None:
        super().__init__(message)
        self.resume_after_s = resume_after_s


class BudgetExhausted(RunStopped):
    """Raised when nothing more may be spent. ``setting`` is the one of the budget that would have to be raised."""

    exit_code = 5

    def __init__(self, message: str, setting: str) -> None:
        flag = setting.replace("_", "-")
        super().__init__(f"{message}; raise --{flag} (or budget: {setting}) to go on")
        self.setting = setting


class Enough(RunStopped):
    """Raised when all that was asked for is there, so that nothing new need start."""


class ItemError(CodecLMError):
    """Raised when one item cannot be finished. ``raw`` is the text that shows why, if there is one."""

    def __init__(self, message: str, raw: str = "") -> None:
        super().__init__(message)
        self.raw = raw


class ParseError(ItemError):
    """Raised when a model's answer cannot be read without guessing."""


class ModelError(ItemError):
    """Raised when an endpoint gave no usable answer."""


class TransientError(ModelError):
    """Raised when the same call may succeed later.

    ``retry_after_s`` is the endpoint's own hint in seconds, or None.
    """

    def __init__(self, message: str, raw: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, raw)
        self.retry_after_s = retry_after_s


class RateLimited(TransientError):
    """Raised when the endpoint asks to slow down (429)."""


class RampTooFast(RateLimited):
    """Raised when the endpoint asks not to grow so fast (``slow_down``)."""


class OutOfService(TransientError):
    """Raised when a call failed while its endpoint counts as down: it is made again when that is over."""


class Overloaded(TransientError):
    """Raised when the endpoint is too busy to take the call (503, 529)."""


class ModelLoading(TransientError):
    """Raised when the endpoint has not loaded the model yet."""


class ServerError(TransientError):
    """Raised when the endpoint or a gateway before it failed (5xx)."""


class KeyRefused(TransientError):
    """Raised when the endpoint refuses the key (401, 403): once may be its own mishap."""


class ParameterRefused(TransientError):
    """Raised when the endpoint does not support the field ``parameter`` of the request, or its value."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class ConnectionFailed(TransientError):
    """Raised when no connection could be made or it broke before the answer was complete."""


class StaleConnection(ConnectionFailed):
    """Raised when a kept-alive connection was closed just as it was used again: nobody got the call."""


class Unreachable(ConnectionFailed):
    """Raised when nobody could be connected to: that is not for what was asked."""


class TimedOut(TransientError):
    """Raised when no complete answer came in time. The endpoint may bill it all the same."""


class UnusableAnswer(TransientError):
    """Raised when an answer came and there is nothing in it to use."""


class MalformedAnswer(UnusableAnswer):
    """Raised when an answer is no chat completion: cut short, of another type, not JSON."""


class EmptyAnswer(UnusableAnswer):
    """Raised when a chat completion says nothing."""


class ToolCallAnswer(UnusableAnswer):
    """Raised when an answer calls tools that nobody offered."""


class RequestRefused(ModelError):
    """Raised when the endpoint refuses this request and would refuse it again (4xx)."""


class ContextTooLong(RequestRefused):
    """Raised when the prompt does not fit into the model's context."""


class AnswerTooLarge(RequestRefused):
    """Raised when an answer is larger than any answer may be; it was not read to its end."""


class Declined(RequestRefused):
    """Raised when a well-formed request is not answered on purpose: a result, and no failure."""


class Filtered(Declined):
    """Raised when a content filter kept the prompt, or the answer."""


class Refused(Declined):
    """Raised when the model itself refuses to answer."""
