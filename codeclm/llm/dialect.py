"""What one endpoint takes: fields of a request under other names, and fields left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

__all__ = ["Dialect"]

OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
NEEDED = frozenset({"model", "messages"})


class Dialect:
    """How requests are written for one endpoint, and what was learnt of it from its refusals.

    ``sends`` is by field the name that it is sent under, None where it is not sent. ``needed`` are
    fields without which nothing can be asked, in addition to model and messages.
    """

    def __init__(
        self, sends: Mapping[str, str | None] | None = None, needed: Collection[str] = ()
    ) -> None:
        self._sends = dict(sends or {})
        self._needed = NEEDED.union(needed)
        self._learnt: dict[str, str | None] = {}

    def written(
        self, fields: Mapping[str, object], extra: Mapping[str, object]
    ) -> dict[str, object]:
        """The body of a request that asks for ``fields``.

        ``extra`` comes last and wins; a None in it takes the field away.
        """
        if not (extra or self._sends or self._learnt):
            return {**fields}
        body: dict[str, object] = {}
        for field, value in fields.items():
            name = self._sends.get(field, field)
            if name is not None and field not in extra and name not in extra:
                body[name] = value
        for field, value in extra.items():
            if value is not None:
                body[self._sends.get(field) or field] = value
        return self._relearnt(body) if self._learnt else body

    def learn(self, parameter: str, sent: Collection[str]) -> bool:
        """Take note that a request whose body had the fields ``sent`` was refused for ``parameter``.

        True: the next request will be another one. False: there is nothing to be changed.
        """
        name = _field_of(parameter)
        if name not in sent or name in self._needed:
            return False
        if name in self._learnt:  # by another call that was under way
            return True
        other = OTHER_NAME.get(name)
        if other in self._learnt:
            return False
        self._learnt[name] = other
        return True

    def learnt(self) -> tuple[str, ...]:
        """What is sent otherwise than asked, in words."""
        return tuple(
            f"{name} sent as {other}" if other else f"{name} left out"
            for name, other in self._learnt.items()
        )

    def _relearnt(self, body: Mapping[str, object]) -> dict[str, object]:
        named = ((self._learnt.get(name, name), value) for name, value in body.items())
        return {name: value for name, value in named if name is not None}


def _field_of(parameter: str) -> str:
    """``response_format`` of ``body.response_format.json_schema`` or ``response_format[type]``."""
    words = re.findall(r"\w+", parameter)
    if len(words) > 1 and words[0] == "body":
        del words[0]
    return words[0] if words else ""
