"""Where answers are kept, in place of the database: late, at times in vain, and never more than was committed."""

from __future__ import annotations

from asyncio import Future, get_running_loop

from tests.simulation.universe import Dead, Universe

__all__ = ["SeededStore"]

SLOW_S = 20.0


class SeededStore:
    """A Store. What is committed outlives the process; ``put`` is done at that moment or a little later."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe

    def get(self, key: str) -> Future[bytes | None]:
        universe, weather = self._universe, self._universe.weather
        loop = get_running_loop()
        found: Future[bytes | None] = loop.create_future()
        value = universe.stored.get(key)
        if value is not None and universe.random.random() < weather.failed_reads:
            universe.owe(key)
            value = None
        if universe.random.random() < 0.2:
            loop.call_later(self._delay_s(), _set, found, value)
        else:
            found.set_result(value)
        return found

    def put(self, key: str, value: bytes) -> Future[bytes | None]:
        loop = get_running_loop()
        kept: Future[bytes | None] = loop.create_future()
        if self._universe.random.random() < self._universe.weather.failed_writes:
            loop.call_later(self._delay_s(), self._fail, key, kept)
        else:
            loop.call_later(self._delay_s(), self._commit, key, value, kept)
        return kept

    def _delay_s(self) -> float:
        random, weather = self._universe.random, self._universe.weather
        longest_s = SLOW_S if random.random() < weather.slow_commits else weather.commit_s
        return random.uniform(0, longest_s)

    def _commit(self, key: str, value: bytes, kept: Future[bytes | None]) -> None:
        universe = self._universe
        if universe.dead:
            return
        universe.stored[key] = value
        try:
            universe.happen("commit")
        except Dead:  # committed, and nobody was told any more
            return
        if universe.random.random() < 0.2:
            get_running_loop().call_later(self._delay_s(), _set, kept, None)
        else:
            _set(kept, None)

    def _fail(self, key: str, kept: Future[bytes | None]) -> None:
        if not self._universe.dead:
            self._universe.owe(key)
            _set(kept, None)


def _set(future: Future[bytes | None], value: bytes | None) -> None:
    if not future.done():
        future.set_result(value)
