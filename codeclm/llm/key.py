"""The name under which an answer is kept: what was asked, and of whom."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import orjson

from codeclm.errors import RequestRefused
from codeclm.llm.chat import ChatRequest

__all__ = ["KeyMaker"]

SCHEMA = 1


class KeyMaker:
    """SHA-256 of canonical JSON (sorted keys, no spaces) of ``identity``, request and schema.

    Who asks (stage), in what order (priority), and all that cannot change an answer is left out.
    Raises TypeError when ``identity`` is not made of JSON values.
    """

    def __init__(self, identity: Mapping[str, object]) -> None:
        # The keys are in sorted order, so that the constant front is hashed once for all requests.
        front = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        self._front = sha256(b'{"identity":' + front + b',"request":')
        self._back = b',"schema":%d}' % SCHEMA

    def key(self, request: ChatRequest) -> str:
        """64 hexadecimal digits. Raises RequestRefused for text that is no Unicode."""
        asked: dict[str, object] = {
            "draw": request.draw,
            "max_tokens": request.max_tokens,
            "messages": [{"content": m.content, "role": m.role} for m in request.messages],
            # 1 and 1.0 are one temperature and must be one key
            "temperature": None if request.temperature is None else float(request.temperature),
        }
        if request.schema is not None:
            asked["schema"] = request.schema
        try:
            written = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as error:
            raise RequestRefused(f"the request cannot be written as JSON: {error}") from None
        name = self._front.copy()
        name.update(written + self._back)
        return name.hexdigest()
