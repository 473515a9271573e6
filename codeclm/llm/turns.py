"""No more than so many in one turn of the event loop: what begins together ends together, in one long turn."""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """``most`` may be taken before the loop has gone round; then ``go_on`` is called, where somebody was refused."""

    def __init__(self, most: int, go_on: Callable[[], None]) -> None:
        self._most = self._left = most
        self._go_on = go_on
        self._is_due = False

    def has_room(self) -> bool:
        """Whether one may be taken in this turn; if not, the next one has been seen to."""
        if self._left > 0:
            return True
        if not self._is_due:
            self._is_due = True
            get_running_loop().call_soon(self._next)
        return False

    def take(self) -> None:
        """One was taken."""
        self._left -= 1

    def _next(self) -> None:
        self._is_due = False
        self._left = self._most
        self._go_on()
