"""The cache: one call for equal requests, one event for each, and nothing paid for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import MalformedAnswer, RequestRefused, ServerError
from codeclm.llm.cache import CachedModel, decode, encode
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message, Usage
from codeclm.llm.events import Answered
from codeclm.llm.key import KeyMaker
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.store import MemoryStore
from tests.virtual_time import outcome, settled

pytestmark = pytest.mark.anyio

IDENTITY = {"base_url": "http://127.0.0.1:8000/v1", "model": "m", "extra_body": {"b": 1, "a": 2}}
ASKED = ChatRequest(
    (Message("system", "é"), Message("user", "Hi")), 0.7, 100, draw=3, stage="judge", priority=5
)


class Trial:
    """A cached model over ``inner``, with what it told."""

    def __init__(self, inner: ChatModel) -> None:
        self.told: list[Answered] = []
        self.store = MemoryStore()
        self.model = CachedModel(inner, self.store, IDENTITY, model="openai:m", on_event=self._tell)

    def _tell(self, event: object) -> None:
        assert isinstance(event, Answered)
        self.told.append(event)

    @property
    def sources(self) -> list[str]:
        return [event.source for event in self.told]


def test_the_key_is_the_hash_of_canonical_json() -> None:
    """Anybody can compute it: SHA-256 of the JSON with sorted keys and no spaces."""
    whole = {
        "schema": 1,
        "identity": IDENTITY,
        "request": {
            "messages": [
                {"role": "system", "content": "é"},
                {"role": "user", "content": "Hi"},
            ],
            "temperature": 0.7,
            "max_tokens": 100,
            "draw": 3,
        },
    }
    written = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)
    assert KeyMaker(IDENTITY).key(ASKED) == sha256(written).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        ASKED._replace(draw=4),
        ASKED._replace(temperature=None),
        ASKED._replace(temperature=0.0),
        ASKED._replace(max_tokens=None),
        ASKED._replace(messages=ASKED.messages[:1]),
        ASKED._replace(messages=(Message("system", "éu"), Message("ser", "Hi"))),
    ],
)
def test_what_changes_an_answer_changes_the_key(other: ChatRequest) -> None:
    """Each sampling parameter, each message and the draw are part of the key."""
    keys = KeyMaker(IDENTITY)
    assert keys.key(other) != keys.key(ASKED)
    assert KeyMaker({**IDENTITY, "model": "n"}).key(ASKED) != keys.key(ASKED)


def test_what_cannot_change_an_answer_is_not_in_the_key() -> None:
    """Who asks, how urgently, how the number is written and the order of fields do not count."""
    keys = KeyMaker(dict(reversed(IDENTITY.items())))
    same = ASKED._replace(stage="respond", priority=0, item="a", iteration=2, attempt=1)
    assert keys.key(same) == KeyMaker(IDENTITY).key(ASKED)
    whole, fraction = ASKED._replace(temperature=1), ASKED._replace(temperature=1.0)
    assert keys.key(whole) == keys.key(fraction)


def test_text_that_is_no_unicode_has_no_key() -> None:
    """Half of a surrogate pair fails this item."""
    with pytest.raises(RequestRefused):
        KeyMaker(IDENTITY).key(ChatRequest((Message("user", "\ud83d"),)))


texts = st.text(st.characters(exclude_categories=["Cs"]))
counts = st.one_of(st.none(), st.integers(0, 2**40))


@given(
    st.builds(
        Completion, texts, texts, st.builds(Usage, counts, counts, counts), texts, st.just(())
    )
)
def test_completions_survive_storing(completion: Completion) -> None:
    """What is decoded is what was encoded."""
    assert decode(encode(completion)) == completion


def test_what_earlier_versions_stored_can_be_read() -> None:
    """They knew nothing of prompt caches; where nothing is known of them, the form is theirs still."""
    stored = b'{"finish_reason":"stop","reasoning":"","text":"yes","usage":[3,1]}'
    assert decode(stored) == Completion("yes", "stop", Usage(3, 1))
    assert encode(Completion("yes", "stop", Usage(3, 1))) == stored


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b'{"text":"a","finish_reason":"","reasoning":""}',
        b'{"text":1,"finish_reason":"","reasoning":"","usage":[1,1]}',
        b'{"text":"a","finish_reason":null,"reasoning":"","usage":[1,1]}',
        b'{"text":"a","finish_reason":"","reasoning":"","usage":[1]}',
        b'{"text":"a","finish_reason":"","reasoning":"","usage":[1,"1"]}',
        b'{"text":"a","finish_reason":"","reasoning":"","usage":[1,true]}',
        b'{"text":"a","finish_reason":"","reasoning":"","usage":5}',
        b"\x80\x04\x95",
    ],
)
async def test_a_stored_value_that_does_not_decode_is_a_miss(value: bytes) -> None:
    """It is asked for again, and the new answer takes its place."""
    trial = Trial(ScriptedModel(lambda request: "fresh"))
    key = KeyMaker(IDENTITY).key(ASKED)
    await trial.store.put(key, value)
    assert (await trial.model.complete(ASKED)).text == "fresh"
    assert (await trial.model.complete(ASKED)).text == "fresh"
    assert trial.sources == ["endpoint", "cache"]


async def test_each_request_is_told_once() -> None:
    """Paid or not, a request is one event with its stage and usage."""
    completion = Completion("yes", "stop", Usage(3, 1))
    trial = Trial(ScriptedModel(lambda request: completion))
    for stage in ("judge", "respond"):
        asked = ASKED._replace(stage=stage, item=f"of {stage}", iteration=2, attempt=1)
        assert await trial.model.complete(asked) == completion
    assert [(event.model, event.stage, event.source, event.usage) for event in trial.told] == [
        ("openai:m", "judge", "endpoint", Usage(3, 1)),
        ("openai:m", "respond", "cache", Usage(3, 1)),
    ]
    assert all(event.duration_s >= 0 for event in trial.told)
    key = KeyMaker(IDENTITY).key(ASKED)
    assert [(event.item, event.iteration, event.attempt, event.key) for event in trial.told] == [
        ("of judge", 2, 1, key),
        ("of respond", 2, 1, key),
    ]


@pytest.mark.parametrize(
    ("completion", "sources"),
    [
        (Completion("", "length"), ["endpoint", "cache"]),
        (Completion("cut", "length"), ["endpoint", "cache"]),
        (Completion("I cannot.", "refusal"), ["endpoint", "cache"]),
        (Completion("some", "content_filter"), ["endpoint", "endpoint"]),
    ],
)
async def test_what_is_kept(completion: Completion, sources: list[str]) -> None:
    """An answer that was cut short is paid for and kept; one that was filtered is not."""
    trial = Trial(ScriptedModel(lambda request: completion))
    for _ in range(2):
        assert await trial.model.complete(ASKED) == completion
    assert trial.sources == sources


async def test_failures_are_not_kept() -> None:
    """After an error the next call asks again, and the error is no event."""
    failures = iter([ServerError("down")])

    def answer(request: ChatRequest) -> str:
        for failure in failures:
            raise failure
        return "yes"

    trial = Trial(ScriptedModel(answer))
    with pytest.raises(ServerError):
        await trial.model.complete(ASKED)
    assert (await trial.model.complete(ASKED)).text == "yes"
    assert trial.sources == ["endpoint"]


async def test_an_answer_that_is_no_unicode_is_a_failure_of_the_item() -> None:
    """It could not be written anywhere later either."""
    trial = Trial(ScriptedModel(lambda request: "\ud83d"))
    with pytest.raises(MalformedAnswer, match="cannot be written as JSON"):
        await trial.model.complete(ASKED)


class Gate:
    """A model that answers when it is told to, and counts its calls."""

    def __init__(self, answer: Callable[[], Any] = lambda: Completion("yes")) -> None:
        self.calls = 0
        self.open = asyncio.Event()
        self._answer = answer

    async def complete(self, request: ChatRequest) -> Completion:
        self.calls += 1
        await self.open.wait()
        answer = self._answer()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Completion)
        return answer


async def test_equal_requests_in_flight_are_one_call() -> None:
    """Ten equal requests are paid once; a different one is its own call."""
    gate = Gate()
    trial = Trial(gate)
    async with asyncio.TaskGroup() as group:
        same = [group.create_task(trial.model.complete(ASKED)) for _ in range(10)]
        group.create_task(trial.model.complete(ASKED._replace(draw=99)))
        await settled()
        assert gate.calls == 2
        gate.open.set()
    assert {task.result().text for task in same} == {"yes"}
    assert sorted(trial.sources) == ["endpoint"] * 2 + ["shared"] * 9


async def test_a_failing_call_fails_for_all_who_share_it() -> None:
    """The followers of a failing call get its error and do not call in turn."""
    gate = Gate(lambda: ServerError("down"))
    trial = Trial(gate)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(outcome(trial.model.complete(ASKED))) for _ in range(3)]
        await settled()
        gate.open.set()
    assert [str(call.result()) for call in calls] == ["down"] * 3
    assert gate.calls == 1


async def test_a_cancelled_leader_hands_over_to_one_follower() -> None:
    """When the caller that leads goes away, one of those who share its call makes it."""
    gate = Gate()
    trial = Trial(gate)
    async with asyncio.TaskGroup() as group:
        leader, *followers = [group.create_task(trial.model.complete(ASKED)) for _ in range(4)]
        await settled()
        leader.cancel()
        await settled()
        assert gate.calls == 2
        gate.open.set()
    assert leader.cancelled()
    assert {task.result().text for task in followers} == {"yes"}
    assert sorted(trial.sources) == ["endpoint", "shared", "shared"]


async def test_a_follower_cancelled_as_it_takes_over_hands_on() -> None:
    """The role does not get lost between two cancellations of the same moment."""
    gate = Gate()
    trial = Trial(gate)
    async with asyncio.TaskGroup() as group:
        first, second, third = [group.create_task(trial.model.complete(ASKED)) for _ in range(3)]
        await settled()
        first.add_done_callback(lambda task: second.cancel())
        first.cancel()
        await settled()
        second.cancel()
        await settled()
        gate.open.set()
    assert third.result().text == "yes"


async def test_a_cancelled_follower_leaves_the_call_alone() -> None:
    """Who stops waiting does not stop the call of the others."""
    gate = Gate()
    trial = Trial(gate)
    async with asyncio.TaskGroup() as group:
        leader, follower = [group.create_task(trial.model.complete(ASKED)) for _ in range(2)]
        await settled()
        follower.cancel()
        await settled()
        gate.open.set()
    assert leader.result().text == "yes"
    assert gate.calls == 1


async def test_nothing_is_left_when_all_are_cancelled() -> None:
    """After everybody has gone the next equal request starts afresh."""
    gate = Gate()
    trial = Trial(gate)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(trial.model.complete(ASKED)) for _ in range(3)]
        await settled()
        for call in calls:
            call.cancel()
    gate.open.set()
    assert (await trial.model.complete(ASKED)).text == "yes"
    assert trial.sources == ["endpoint"]


@given(st.data())
def test_whatever_is_cancelled_the_rest_is_answered(data: st.DataObject) -> None:
    """Whoever is cancelled at whatever moment, all others get an answer and nothing is left."""
    steps = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=6))

    async def main() -> None:
        gate = Gate()
        trial = Trial(gate)
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(trial.model.complete(ASKED)) for _ in range(5)]
            await settled(1)
            for index, pause in steps:
                calls[index].cancel()
                await settled(pause)
            gate.open.set()
        spared = set(range(5)) - {index for index, _ in steps}
        assert all(calls[index].result().text == "yes" for index in spared)
        assert (await trial.model.complete(ASKED)).text == "yes"

    asyncio.run(main())
