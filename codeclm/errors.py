"""Every error of the package.

CodecLMError
├── UsageError               the caller must change something; nothing was written or lost (exit code 2)
├── RunStopped               the run ended early on purpose and can be resumed (exit code 4)
│   └── EndpointRefused      key, model or URL refused: every call would fail (exit code 2)
└── ItemError                one item cannot be finished; it is recorded and the run goes on
    ├── ParseError           an answer that a careful human could not read either
    └── ModelError           the endpoint gave no usable answer
        ├── TransientError   the same call may succeed later
        │   ├── RateLimited      the endpoint asks to slow down: no attempt, no failure
        │   ├── ServerError      5xx, or a gateway's page
        │   ├── ConnectionFailed reset or closed before the answer was complete
        │   │   └── Unreachable no connection at all: refused, no such host
        │   ├── TimedOut         no complete answer in time
        │   └── MalformedAnswer  not a chat completion: cut, wrong type, empty, too large
        └── RequestRefused   the endpoint will never answer this request (4xx)
"""

from __future__ import annotations

__all__ = [
    "CodecLMError",
    "ConnectionFailed",
    "EndpointRefused",
    "ItemError",
    "MalformedAnswer",
    "ModelError",
    "ParseError",
    "RateLimited",
    "RequestRefused",
    "RunStopped",
    "ServerError",
    "TimedOut",
    "TransientError",
    "Unreachable",
    "UsageError",
]


class CodecLMError(Exception):
    """Raised for everything this package can name; the message is one line for a person."""

    exit_code = 1


class UsageError(CodecLMError):
    """Raised when input, settings or surroundings must change before anything can run."""

    exit_code = 2


class RunStopped(CodecLMError):
    """Raised to end the run early; items under way stay pending and the run can be resumed."""

    exit_code = 4


class EndpointRefused(RunStopped):
    """Raised when the endpoint refuses the key, the model or the URL, so that no call can succeed."""

    exit_code = 2


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


class ServerError(TransientError):
    """Raised when the endpoint or a gateway before it failed (5xx)."""


class ConnectionFailed(TransientError):
    """Raised when no connection could be made or it broke before the answer was complete."""


class Unreachable(ConnectionFailed):
    """Raised when nobody could be connected to: that is not for what was asked."""


class TimedOut(TransientError):
    """Raised when no complete answer came in time."""


class MalformedAnswer(TransientError):
    """Raised when an answer is no chat completion: cut short, of another type, empty or too large."""


class RequestRefused(ModelError):
    """Raised when the endpoint refuses this request and would refuse it again (4xx)."""
