"""Randomness that depends on nothing but what it is given: equal parts, equal draws, in every process."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

__all__ = ["seeded", "share_of"]


def _number(parts: tuple[object, ...]) -> int:
    text = "\x1f".join(map(str, parts))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def seeded(*parts: object) -> Random:
    """A generator whose draws are a function of ``parts``."""
    return Random(_number(parts))


def share_of(*parts: object) -> float:
    """A number from [0, 1) that is a function of ``parts``; cheaper than a generator."""
    return (_number(parts) >> 11) * 2.0**-53
