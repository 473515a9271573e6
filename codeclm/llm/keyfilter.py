"""Which keys may be in a store: said at once, in 8 MiB of memory, without asking the store."""

from __future__ import annotations

__all__ = ["KeyFilter"]

BITS = 26
MASK = (1 << BITS) - 1


class KeyFilter:
    """A Bloom filter: what was added is in it, and of the rest 1 in 64 where a million keys were added.

    One place a key: a second one would cost all calls more than it saves the few that then ask in vain.
    """

    def __init__(self) -> None:
        self._bits = bytearray(1 << (BITS - 3))

    def add(self, key: str) -> None:
        """Take ``key`` in."""
        place = hash(key) & MASK
        self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        """False only where ``key`` was never added."""
        place = hash(key) & MASK
        return bool(self._bits[place >> 3] >> (place & 7) & 1)
