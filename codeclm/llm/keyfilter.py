"""Which keys may be in a store: said at once, in 4 MiB of memory, without asking the store."""

from __future__ import annotations

__all__ = ["KeyFilter"]

BITS = 25
MASK = (1 << BITS) - 1


class KeyFilter:
    """A Bloom filter: what was added is in it, and of the rest 1 in 300 where a million keys were added.

    Two places a key, the two halves of its hash: more of them would miss less, and cost more than a miss does.
    """

    def __init__(self) -> None:
        self._bits = bytearray(1 << (BITS - 3))

    def add(self, key: str) -> None:
        """Take ``key`` in."""
        one = hash(key)
        other = one >> 32 & MASK
        one &= MASK
        self._bits[one >> 3] |= 1 << (one & 7)
        self._bits[other >> 3] |= 1 << (other & 7)

    def __contains__(self, key: str) -> bool:
        """False only where ``key`` was never added."""
        one = hash(key)
        other = one >> 32 & MASK
        one &= MASK
        bits = self._bits
        return bool(bits[one >> 3] >> (one & 7) & bits[other >> 3] >> (other & 7) & 1)
