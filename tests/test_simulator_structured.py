"""Answers in JSON that fits a schema: the same content, wherever the schema has a place for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeclm.simulator import ServerOptions, World
from codeclm.simulator.structured import as_json
from tests.serving import post, serving
from tests.test_simulator_world import ASK_OF, user

TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}


def thing(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


PAIR = thing(rubric=TEXT, action=TEXT)
CASES: list[tuple[str, Any, tuple[str, ...], Any]] = [
    (
        "encode",
        thing(use_case=TEXT, skills=listed(TEXT)),
        ("law", "logic", "tone"),
        {"use_case": "law", "skills": ["logic", "tone"]},
    ),
    (
        "encode",
        thing(skills=listed(TEXT), use_case=TEXT),
        ("law", "logic"),
        {"skills": ["logic"], "use_case": "law"},
    ),
    (
        "encode",
        thing(use_case={"enum": ["art", "law"]}, skills=listed({"enum": ["logic", "wit"]})),
        ("law", "logic"),
        {"use_case": "law", "skills": ["logic"]},
    ),
    (
        "decode",
        thing(instructions=listed(TEXT)),
        ("Do this.", "Do that."),
        {"instructions": ["Do this.", "Do that."]},
    ),
    (
        "decode",
        listed(thing(instruction=TEXT)),
        ("a", "b"),
        [{"instruction": "a"}, {"instruction": "b"}],
    ),
    (
        "rubrics",
        thing(rubrics=listed(TEXT), actions=listed(TEXT)),
        ("r1", "r2", "a1", "a2"),
        {"rubrics": ["r1", "r2"], "actions": ["a1", "a2"]},
    ),
    (
        "rubrics",
        {**thing(rows=listed({"$ref": "#/$defs/Pair"})), "$defs": {"Pair": PAIR}},
        ("r1", "r2", "a1", "a2"),
        {"rows": [{"rubric": "r1", "action": "a1"}, {"rubric": "r2", "action": "a2"}]},
    ),
    ("judge", thing(first=NUMBER, second=NUMBER), ("7.5", "4"), {"first": 7.5, "second": 4}),
    ("judge", thing(scores=listed(WHOLE)), ("7", "4"), {"scores": [7, 4]}),
    (
        "judge",
        thing(reasoning=TEXT, first=WHOLE, second={"anyOf": [{"type": "null"}, WHOLE]}),
        ("7", "4"),
        {"reasoning": "This follows from the text.", "first": 7, "second": 4},
    ),
    (
        "improve",
        thing(thoughts=TEXT, instruction={"type": ["string", "null"]}),
        ("Harder.",),
        {"thoughts": "This follows from the text.", "instruction": "Harder."},
    ),
    ("check", thing(fits={"type": "boolean"}), ("yes",), {"fits": True}),
    ("check", thing(answer={"enum": ["yes", "no"]}), ("no",), {"answer": "no"}),
    (
        "respond",
        thing(kind={"const": "text"}, text=TEXT),
        ("Hi.",),
        {"kind": "text", "text": "Hi."},
    ),
    ("encode", {}, ("law", "logic"), {"use_case": "law", "skills": ["logic"]}),
    ("judge", {}, ("7", "4"), {"first": 7, "second": 4}),
    ("respond", {}, ("Hi.",), {"answer": "Hi."}),
]


@pytest.mark.parametrize(("kind", "schema", "content", "wanted"), CASES)
def test_content_finds_its_place(
    kind: str, schema: Any, content: tuple[str, ...], wanted: Any
) -> None:
    """By type and order, whatever the fields are called; asides are not taken for content."""
    assert json.loads(as_json(schema, kind, content)) == wanted


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "items", "anyOf", "$ref", "$defs", "enum", "a", "reason"]
            ),
            inner | st.sampled_from(["object", "array", "string", "number", "#/$defs/a"]),
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=60)
@given(
    schema=st.dictionaries(
        st.sampled_from(["type", "properties", "items", "$ref", "$defs"]), ANY_JSON
    ),
    kind=st.sampled_from(sorted(ASK_OF)),
)
def test_any_schema_gets_an_answer(schema: dict[str, Any], kind: str) -> None:
    """A schema that is none, or turns in circles, breaks nothing."""
    json.loads(as_json(schema, kind, ("7", "4")))


@pytest.mark.parametrize("kind", ["encode", "decode", "rubrics", "judge"])
def test_the_content_is_that_of_the_text(kind: str) -> None:
    """What a model says does not depend on the form it is asked for; unreadable answers stay what they are."""
    schema = next(schema for asked, schema, _, _ in CASES if asked == kind)
    world = World(0, unreadable_share=0.3)
    for i in range(40):
        asked = user(ASK_OF[kind](i))
        plain = world.answer("sim-judge", asked, temperature=0.7, seed=i)
        structured = world.answer("sim-judge", asked, temperature=0.7, seed=i, schema=schema)
        assert structured.content == plain.content
        if plain.content:
            assert json.loads(structured.text) == json.loads(as_json(schema, kind, plain.content))
        else:
            assert structured.text == plain.text
        assert structured.output_tokens == -(-len(structured.text) // 4)


@pytest.mark.anyio
async def test_a_schema_is_followed_ignored_or_refused_over_http() -> None:
    """As the options say; a format that is none is a bad request."""
    named = {"name": "metadata", "strict": True, "schema": CASES[0][1]}
    sent = {
        "model": "sim-strong",
        "seed": 1,
        "messages": user(ASK_OF["encode"](1)),
        "response_format": {"type": "json_schema", "json_schema": named},
    }
    async with serving() as (server, client):
        _, body, _ = await post(server, client, sent)
        said = json.loads(body["choices"][0]["message"]["content"])
        assert set(said) == {"use_case", "skills"}
        for wrong in ({"type": "yaml"}, {"type": "json_schema"}, "json", {"json_schema": named}):
            status, body, _ = await post(server, client, {**sent, "response_format": wrong})
            assert (status, body["error"]["param"]) == (400, "response_format")
    async with serving(ServerOptions(response_format="ignore")) as (server, client):
        _, body, _ = await post(server, client, sent)
        assert body["choices"][0]["message"]["content"].startswith(
            ("Use", "*", "-", "Here", said["use_case"])
        )
    async with serving(ServerOptions(response_format="refuse")) as (server, client):
        assert (await post(server, client, sent))[0] == 400
