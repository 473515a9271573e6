"""Answers by a JSON schema: what is asked, that every parser reads it, and what happens without it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ParameterRefused
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.llm.dialect import Dialect
from codeclm.llm.direct import DirectModel
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import Post, open_session
from codeclm.llm.key import KeyMaker
from codeclm.llm.openai import OPENAI
from codeclm.llm.wire import read_completion
from codeclm.records import Metadata
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.simulator import SimulatorServer, World
from codeclm.stages.augment import parse_yes_no
from codeclm.stages.decode import parse_instructions
from codeclm.stages.encode import parse_metadata
from codeclm.stages.judge import parse_scores
from codeclm.stages.prompt import Question, Sampling
from codeclm.stages.rubrics import parse_rubrics
from codeclm.stages.schemas import SCHEMAS
from codeclm.stages.templates import load_templates
from tests.chat_server import Answer, always, chat_server
from tests.running import complete, rows, settings_for

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_strict(name: str) -> None:
    """An object whose fields are all required and no others allowed, as endpoints demand."""
    schema: Any = SCHEMAS[name]
    assert set(schema) == {"name", "schema"}
    assert schema["name"].isidentifier()
    inner = schema["schema"]
    assert inner["type"] == "object"
    assert inner["required"] == list(inner["properties"])
    assert inner["additionalProperties"] is False
    assert orjson.loads(orjson.dumps(schema)) == schema


LAYOUTS: list[Callable[[object], str]] = [
    json.dumps,
    partial(json.dumps, ensure_ascii=False, separators=(",", ":")),
    partial(json.dumps, indent=0),
    partial(json.dumps, indent=4),
    lambda value: f"```json\n{json.dumps(value, indent=2)}\n```",
    lambda value: f"\n {json.dumps(value)} \n",
]
LAYOUT = st.sampled_from(LAYOUTS)
WORD = st.text("abcdefghijklmnopqrstuvwxyzäéñ漢字", min_size=3, max_size=9).filter(
    lambda word: word not in {"none"}
)
WORDS = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
TEXTS = st.lists(WORDS, min_size=1, max_size=5, unique=True)
PROSE = st.lists(WORDS, min_size=1, max_size=4).map(lambda lines: ".\n\n".join(lines) + '."')


@given(LAYOUT, WORDS, st.lists(WORDS, min_size=1, max_size=3, unique=True))
def test_metadata(layout: Callable[[object], str], use_case: str, skills: list[str]) -> None:
    """Encoding reads use case and skills."""
    read = parse_metadata(layout({"use_case": use_case, "skills": skills}))
    assert read == Metadata(use_case, tuple(skills))


@given(LAYOUT, st.lists(PROSE, min_size=1, max_size=5))
def test_instructions(layout: Callable[[object], str], texts: list[str]) -> None:
    """Decoding reads texts of several lines, with quotes in them, in their order."""
    assert parse_instructions(layout({"instructions": texts})) == texts


@given(LAYOUT, TEXTS, TEXTS)
def test_rubrics(layout: Callable[[object], str], rubrics: list[str], actions: list[str]) -> None:
    """Self-Rubrics reads both lists."""
    assert parse_rubrics(layout({"rubrics": rubrics, "actions": actions})) == (rubrics, actions)


SCORE = st.integers(1, 10) | st.integers(2, 20).map(lambda half: half / 2)


@given(LAYOUT, SCORE, SCORE)
def test_scores(layout: Callable[[object], str], first: float, second: float) -> None:
    """Judging reads whole and half scores."""
    assert parse_scores(layout({"assistant_1": first, "assistant_2": second})) == (first, second)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("answer", "expected"), [("yes", True), ("no", False)])
def test_verdicts(layout: Callable[[object], str], answer: str, expected: bool) -> None:
    """Checking a pair reads yes and no."""
    assert parse_yes_no(layout({"answer": answer})) is expected


IDENTITY = {
    "base_url": "https://api.openai.com/v1",
    "extra_body": {"top_p": 0.9},
    "model": "m",
    "provider": "openai",
    "send_seed": True,
}
PLAIN = ChatRequest((Message("user", "Hi"),))
FULL = ChatRequest(
    (Message("system", "Be brief."), Message("user", "Größe?")), 0.7, 20, 3, "judge", 1
)


def test_answers_paid_for_before_stay_known() -> None:
    """Without a schema a request has the key that it always had; with one it has another."""
    keys = KeyMaker(IDENTITY)
    assert keys.key(FULL) == "9d0f45be5a8b2a4c6360d5bc8d5afe4457eda72415c7458a2a577f80ec74a7bd"
    assert keys.key(PLAIN) == "ff16cbab6e40bbbc1ee27748e84d5f5eee3fc21c8587fd108470771659c08582"
    asked = {keys.key(PLAIN._replace(schema=schema)) for schema in (None, *SCHEMAS.values())}
    assert len(asked) == 1 + len(SCHEMAS)


def structured(settings: Settings, *parties: str) -> Settings:
    assert settings.models is not None
    tree = settings.model_dump()
    for party in parties:
        tree["models"][party]["structured_output"] = True
    return Settings.model_validate(tree)


def test_it_decides_the_dataset() -> None:
    """Turning it on is another dataset; runs from before it existed go on without it."""
    settings = settings_for("http://127.0.0.1:9/v1")
    name = "models.strong.structured_output"
    assert name not in settings.decisive()
    assert structured(settings, "strong").decisive()[name] is True
    flags = {
        "models": {p: {"model": "vllm:m", "structured_output": True} for p in ("strong", "target")}
    }
    models = load_settings(None, flags).models
    assert models is not None
    assert models.target.structured_output


VALUES: dict[str, Callable[[str], object]] = {
    "metadata": lambda _: {"use_case": "creative writing", "skills": ["vivid description"]},
    "instructions": lambda _: {"instructions": [f"Write poem {n}\nin verse." for n in range(4)]},
    "rubrics": lambda _: {"rubrics": ["Depth"] * 4, "actions": ["Ask for more depth"] * 4},
    "scores": lambda prompt: dict(
        zip(
            ("assistant_1", "assistant_2"),
            (9, 4) if "strong answer" in prompt.split("[Response of Assistant 2]")[0] else (4, 9),
            strict=True,
        )
    ),
}


def answering(asked: list[str]) -> Answer:
    """A server that follows schemas; ``asked`` gets the name of each, "" for free text."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        schema = body.get("response_format", {}).get("json_schema", {})
        name = schema.get("name", "")
        asked.append(name)
        text = f"A {body['model']} answer."
        if name:
            assert schema["strict"] is True
            assert schema["schema"]["additionalProperties"] is False
            text = json.dumps(VALUES[name](body["messages"][-1]["content"]))
        return web.json_response({"choices": [{"message": {"content": text}}]})

    return answer


async def test_a_run_on_a_server_that_follows_schemas(tmp_path: Path) -> None:
    """All that is not free text is asked for and read as JSON; the target is asked as ever."""
    asked: list[str] = []
    async with chat_server(answering(asked)) as server:
        flags: dict[str, Any] = {
            "strong": {"model": f"vllm:strong@{server.base_url}", "structured_output": True},
            "target": {"model": f"vllm:target@{server.base_url}"},
        }
        method = {"total": 4, "augment_to": 0}
        settings = load_settings(None, {"models": flags, "method": method})
        finished = await complete(tmp_path / "run", settings)
    assert finished.exit_code == 0, finished.reason
    made = rows(tmp_path / "run" / "dataset.jsonl")
    assert {row["instruction"] for row in made} <= {f"Write poem {n}\nin verse." for n in range(4)}
    assert [row["gap"] for row in made] == [5.0] * len(made)
    assert made
    assert set(asked) == {"metadata", "instructions", "scores", ""}


async def test_a_run_on_a_server_that_ignores_schemas(tmp_path: Path) -> None:
    """The same is made of answers in words: the simulator reads no schema."""
    made: list[Mapping[str, object]] = []
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 6, "augment_to": 0})
        for number, parties in enumerate([(), ("strong", "target")]):
            directory = tmp_path / str(number)
            finished = await complete(directory, structured(settings, *parties))
            assert finished.exit_code == 0, finished.reason
            made.append(
                {row["id"]: row["instruction"] for row in rows(directory / "dataset.jsonl")}
            )
    assert made[0]
    assert made[0] == made[1]


class AskingAgain:
    """Repeats at once what the endpoint is asked otherwise the next time."""

    def __init__(self, inner: ChatModel) -> None:
        self._inner = inner

    async def complete(self, request: ChatRequest) -> Completion:
        while True:
            try:
                return await self._inner.complete(request)
            except ParameterRefused:
                pass


REFUSAL = {"error": {"message": "no", "param": "response_format", "code": "unsupported_parameter"}}


def read(status: int, headers: Mapping[str, str], body: bytes, **named: Any) -> Completion:
    if status == 400:
        raise ParameterRefused("no", orjson.loads(body)["error"]["param"])
    return read_completion(status, headers, body, **named)


async def test_a_server_that_refuses_schemas() -> None:
    """It is asked without one from then on, and its answers in words are read; no call fails."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "response_format" in await request.json():
            return await always(400, REFUSAL)(request)
        return web.json_response({"choices": [{"message": {"content": "Scores: 8 and 7"}}]})

    async with chat_server(answer) as server, open_session() as session:
        dialect = Dialect()
        endpoint = Endpoint(server.base_url, "m")
        post = Post(session, server.base_url, OPENAI.path)
        direct = DirectModel(post, endpoint, replace(OPENAI, read=read), dialect)
        template = load_templates()["judge"]
        question = Question(
            template, AskingAgain(direct), parse_scores, Sampling(0, 9), schema=SCHEMAS["judge"]
        )
        filled = dict.fromkeys(template.requires, "a text")
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(question.ask(filled, draw=draw)) for draw in range(5)]
        assert [call.result() for call in calls] == [(8, 7)] * 5
        assert await question.ask(filled, draw=5) == (8, 7)
    refused = ["response_format" in each.body for each in server.requests]
    assert not refused[-1]
    assert 1 <= sum(refused) <= 5
    assert dialect.learnt() == ("response_format left out",)
