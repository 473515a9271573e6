"""Beginnings of prompts that a provider still has: what is read from there costs less."""

from __future__ import annotations

from hashlib import blake2b

from codeclm.simulator.call import ChatCall
from codeclm.simulator.world import CHARS_PER_TOKEN

__all__ = ["PromptCache"]

BLOCK_TOKENS = 32
MOST_BLOCKS = 1 << 16


class PromptCache:
    """Knows the beginnings of the prompts that each model was asked, in whole blocks of 32 tokens.

    Of too many, those that were read longest ago go.
    """

    def __init__(self) -> None:
        self._blocks: dict[bytes, None] = {}

    def read(self, call: ChatCall) -> int:
        """How many tokens of the prompt are known from earlier ones; from now on all of it is."""
        text = "".join(f"{one['role']}\0{one['content']}\0" for one in call.messages)
        size = BLOCK_TOKENS * CHARS_PER_TOKEN
        name, known, cached = call.model.encode(), True, 0
        for end in range(size, sum(len(one["content"]) for one in call.messages) + 1, size):
            block = text[end - size : end].encode("utf-8", "surrogatepass")
            name = blake2b(name + block, digest_size=16).digest()
            known = known and name in self._blocks
            cached += BLOCK_TOKENS if known else 0
            self._blocks.pop(name, None)
            self._blocks[name] = None
        while len(self._blocks) > MOST_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        return cached
