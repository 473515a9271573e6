"""The real layers of the client over a seeded network, on virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from codeclm.errors import RunStopped, UsageError
from codeclm.llm.chat import ChatModel
from codeclm.llm.dialect import Dialect
from codeclm.llm.direct import DirectModel
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.events import Listener
from codeclm.llm.key import KeyMaker
from codeclm.llm.openai import OPENAI
from codeclm.llm.pace import WINDOW_S, Window
from codeclm.llm.providers import Models
from codeclm.llm.regulator import Regulator
from codeclm.llm.secret import Secret
from codeclm.llm.spec import ModelSpec, allowance, identity
from tests.simulation.answers import Manner
from tests.simulation.checks import CallBook
from tests.simulation.replies import CANARY
from tests.simulation.transport import CheckedModel, SeededPost, Server
from tests.simulation.universe import Universe
from tests.virtual_time import VirtualWindow

__all__ = ["KEY_ENV", "SeededModels"]

KEY_ENV = "SIMULATED_KEY"


class SeededModels(Models):
    """Models that are never entered: there is no connection. ``events`` are all that they told."""

    def __init__(
        self, universe: Universe, servers: Mapping[str, Server], manner: Manner, tell: Listener
    ) -> None:
        self.events: list[object] = []

        def listen(event: object) -> None:
            tell(event)
            self.events.append(event)

        self._listen = listen
        self._chance = Random(universe.random.random())
        super().__init__(
            on_event=listen,
            environ={KEY_ENV: CANARY},
            random=self._chance,
            clock=universe.clock,
        )
        self._universe, self._servers, self._manner = universe, servers, manner
        self.books = {name: CallBook(universe, universe.clock) for name in servers}

    def drain(self, error: RunStopped) -> None:
        super().drain(error)
        for book in self.books.values():
            book.close()

    def _direct(self, endpoint: Endpoint, key: Secret | None, spec: ModelSpec) -> ChatModel:
        server = self._servers[endpoint.model]
        post = SeededPost(server, self._universe, self._manner)
        dialect = self._dialects.setdefault(endpoint, Dialect({}, OPENAI.needed))
        direct = DirectModel(post, endpoint, OPENAI, dialect, key=key)
        keys, book = KeyMaker(identity(spec)), self.books[endpoint.model]
        return CheckedModel(direct, server, self._universe, keys, book)

    def _shared_regulator(self, endpoint: Endpoint, spec: ModelSpec, label: str) -> Regulator:
        """As it is there, but with a window of virtual time."""
        if endpoint not in self._regulators:
            regulator = Regulator(
                allowance(spec),
                model=label,
                on_event=self._listen,
                clock=self._universe.clock,
                random=self._chance,
                window=self._window(spec.requests_per_minute),
                patience_s=spec.patience_s,
            )
            self._regulators[endpoint] = (allowance(spec), regulator)
        allowed, regulator = self._regulators[endpoint]
        if allowed != allowance(spec):
            raise UsageError(f"{label} is used with two different limits")
        return regulator

    def _window(self, per_minute: float | None) -> Window | None:
        if per_minute is None:
            return None
        requests = max(1, int(per_minute))
        return VirtualWindow(requests, WINDOW_S * requests / per_minute, self._universe.clock)
