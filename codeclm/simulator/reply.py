"""HTTP answers, before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

import orjson

__all__ = ["CLOSED", "RESET", "Delivery", "Reply", "gateway_page", "json_reply", "retry_headers"]

_JSON = "application/json"

Delivery = Literal["whole", "cut", "trickle", "huge", "bomb", "close", "reset"]
"""How an answer is sent: as it should be; half of it; a byte a second; preceded by MiB of blanks, plain or
packed; or not at all, where the connection is closed or reset before a byte."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. ``blank_mib`` is how many MiB of blanks a huge one or a bomb begins with."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = "whole"
    blank_mib: int = 0

    @property
    def is_sent(self) -> bool:
        """Whether the client sees a status at all."""
        return self.delivery not in {"close", "reset"}


CLOSED = Reply(0, b"", delivery="close")
RESET = Reply(0, b"", delivery="reset")


def json_reply(
    fields: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Any JSON value as a reply."""
    return Reply(status, orjson.dumps(fields), headers=headers or {})


def gateway_page(status: int, reason: str) -> Reply:
    """The HTML page that a gateway sends in place of an answer."""
    page = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Reply(status, page.encode(), "text/html")


def retry_headers(wait_s: float) -> dict[str, str]:
    """How long to wait: whole seconds in Retry-After, exact in retry-after-ms."""
    return {"Retry-After": str(ceil(wait_s)), "retry-after-ms": str(ceil(wait_s * 1000))}
