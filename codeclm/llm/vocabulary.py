"""The words of error answers: codes, sentences and statuses, and what each of them means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto

__all__ = [
    "CODES",
    "EMPTY_ACCOUNT",
    "NO_QUOTA",
    "SENTENCES",
    "STATUSES",
    "TOO_LARGE_FOR_LIMIT",
    "UNSUPPORTED",
    "Meaning",
]


class Meaning(Enum):
    """What the endpoint wants to say."""

    SLOWER = auto()
    RAMP_TOO_FAST = auto()
    NO_MONEY = auto()
    NO_MORE_TODAY = auto()
    NO_QUOTA_AT_ALL = auto()
    BUSY = auto()
    LOADING = auto()
    BROKEN = auto()
    KEY = auto()
    REGION = auto()
    MODEL = auto()
    MOVED = auto()
    TOO_LONG = auto()
    FILTERED = auto()
    PARAMETER = auto()
    CUT_UPLOAD = auto()
    REQUEST = auto()


# The first that has one of the codes counts. Whatever the status: one server answers a prompt that
# is too long with 500, another with 403.
CODES: dict[Meaning, frozenset[str]] = {
    Meaning.NO_MONEY: frozenset(
        {
            "insufficient_quota",
            "insufficient_balance",
            "credit_balance_exhausted",
            "billing_error",
            "billing_not_active",
            "billing_hard_limit_reached",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "enforced_spend_limit_reached",
            "budget_exceeded",
            "budgetexceedederror",
        }
    ),
    Meaning.TOO_LONG: frozenset(
        {
            "context_length_exceeded",
            "exceed_context_size_error",
            "string_above_max_length",
            "contextwindowexceedederror",
        }
    ),
    Meaning.FILTERED: frozenset(
        {
            "content_filter",
            "invalid_prompt",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "cyber_policy",
            "data_inspection_failed",
            "flagged_input",
            "contentpolicyviolationerror",
        }
    ),
    Meaning.KEY: frozenset(
        {
            "invalid_api_key",
            "api_key_invalid",
            "authentication_error",
            "unauthenticated",
            "account_deactivated",
            "no_db_connection",  # a gateway without a database looks in it for a key it does not know
        }
    ),
    Meaning.REGION: frozenset({"unsupported_country_region_territory", "failed_precondition"}),
    Meaning.MODEL: frozenset(
        {
            "model_not_found",
            "deploymentnotfound",
            "invalid_model",
            "model_decommissioned",
            "model_not_available",
            "unknown_model",
        }
    ),
    Meaning.RAMP_TOO_FAST: frozenset({"slow_down"}),
    # "Capacity" is the server's and no limit of ours, whatever status it comes with; a 429 that only
    # says so in words is a rate limit: then all calls wait for it, and it costs no attempt.
    Meaning.BUSY: frozenset(
        {
            "server_is_overloaded",
            "overloaded_error",
            "engine_overloaded",
            "engine_overloaded_error",
            "service_tier_capacity_exceeded",
            "3505",
        }
    ),
    Meaning.LOADING: frozenset({"model_loading", "model_not_ready"}),
    Meaning.SLOWER: frozenset(
        {
            "429",
            "1300",
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limited",
            "ratelimitreached",
            "ratelimiterror",
            "resource_exhausted",
            "too_many_requests",
        }
    ),
    Meaning.CUT_UPLOAD: frozenset({"json_invalid"}),  # ours is valid: it was cut on its way
}
UNSUPPORTED = frozenset(
    {
        "unsupported_parameter",
        "unsupported_value",
        "unknown_parameter",
        "extra_forbidden",
        "value_error.extra",
    }
)
LOADING = re.compile(r"loading (?:the )?model|model\b.{0,200}\bloading|warming up", re.I | re.S)
SENTENCES: tuple[tuple[frozenset[int], Meaning, re.Pattern[str]], ...] = (
    (
        frozenset({400}),
        Meaning.CUT_UPLOAD,
        re.compile(r"not valid json.{0,100}unexpected end", re.I | re.S),
    ),
    (
        frozenset({400, 403}),
        Meaning.NO_MONEY,
        re.compile(
            r"reached your specified \S{0,20} ?usage limits|credit balance is too low", re.I
        ),
    ),
    (
        frozenset({400, 403, 422}),
        Meaning.TOO_LONG,
        re.compile(
            r"maximum (?:context|prompt) length|prompt is too long|context (?:length|window|size)"
            r"|input token count .{0,60}exceeds|max_new_tokens\S{0,2} must be <=",
            re.I,
        ),
    ),
    (
        frozenset({400, 403}),
        Meaning.FILTERED,
        re.compile(
            r"content exists risk|blocked by content filtering|content violates usage guidelines",
            re.I,
        ),
    ),
    (
        frozenset({400}),
        Meaning.MODEL,
        re.compile(
            r"is not a valid model id|model not exist|no healthy deployments for this model"
            r"|server is pinned to '[^']{0,200}'; requested",
            re.I,
        ),
    ),
    # One server reports every field that it cannot read as a fault of its own.
    (frozenset({500}), Meaning.REQUEST, re.compile(r"\A\d{1,4} validation errors?:\s")),
    (frozenset({503}), Meaning.LOADING, LOADING),
)
NO_QUOTA = re.compile(r"\blimit: 0\b(?!\.\d)")

# Two sentences beside the code of a rate limit, for there the code says too little.
#
# A gateway puts its own code for a rate limit in place of OpenAI's for an empty account, and leaves
# only the sentence, which Google writes for a limit of a minute. OpenAI's stands alone behind the
# gateway's words; Google's comes with its code, its metric, its pages or a wait. Without those a
# wait for money would look like a wait for the next minute, until patience ends.
EMPTY_ACCOUNT = re.compile(
    r"\bOpenAIException - You exceeded your current quota\b"
    r"(?!.{0,4000}(?:resource_exhausted|quota exceeded for|ai\.google\.dev|googleapis|retry in))",
    re.I | re.S,
)
# OpenAI has one code for a minute that is full and for a request that no minute has room for: "Request
# too large for M on tokens per min (TPM): Limit 30000, Requested 32131". That one never succeeds.
TOO_LARGE_FOR_LIMIT = re.compile(r"\brequest too large\b", re.I)

STATUSES: Mapping[int, Meaning] = {
    401: Meaning.KEY,
    403: Meaning.KEY,
    404: Meaning.MODEL,
    405: Meaning.MODEL,
    407: Meaning.KEY,
    408: Meaning.BROKEN,
    409: Meaning.BROKEN,
    410: Meaning.MODEL,
    413: Meaning.TOO_LONG,
    425: Meaning.BROKEN,
    429: Meaning.SLOWER,
    499: Meaning.BROKEN,  # the gateway or the server itself cancelled the call
}
