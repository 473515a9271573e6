"""Which keys may be in a store: said at once, in 2 MiB of memory, without asking the store."""

from __future__ import annotations

__all__ = ["KeyFilter"]

BITS = 24
PROBES = 4
MASK = (1 << BITS) - 1


class KeyFilter:
    """A Bloom filter: what was added is in it, and of the rest 1 in 500 where a million keys were added."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << (BITS - 3))

    def add(self, key: str) -> None:
        """Take ``key`` in."""
        for place in _places(key):
            self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, key: str) -> bool:
        """False only where ``key`` was never added."""
        return all(self._bits[place >> 3] >> (place & 7) & 1 for place in _places(key))


def _places(key: str) -> list[int]:
    """Kirsch and Mitzenmacher's: two halves of one hash make all probes."""
    first = hash(key)
    step = first >> 32 | 1
    return [first + probe * step & MASK for probe in range(PROBES)]
