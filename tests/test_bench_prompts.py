"""What a benchmark asks: a run's own prompts in its proportions, or the user's; each text distinct."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from codeclm.bench.prompts import endless, in_proportion, proportions, read_prompts
from codeclm.bench.rehearsal import STAGES, rehearse
from codeclm.errors import UsageError
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.job import Party
from codeclm.settings_file import load_settings
from codeclm.stages.templates import load_templates


def party(**how: object) -> Party:
    return Party(ScriptedModel(lambda request: ""), **how)  # type: ignore[arg-type]


async def rehearsed(**method: object) -> Sequence[ChatRequest]:
    return await rehearse(load_settings(None, {"method": method}), party(), seed=1)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_rehearsal_asks_what_a_run_asks() -> None:
    """Every stage in its proportion, rendered from the real templates, sampled as a run samples."""
    requests = await rehearsed()
    found = proportions(requests)
    assert set(found) == set(STAGES)
    assert sum(found.values()) == pytest.approx(1)
    # Each comparison is judged twice, and the strong model responds once to it.
    assert found["judge"] == pytest.approx(2 * found["respond"], rel=0.02)
    assert Counter(one.stage for one in requests)["encode"] == 16
    for stage, template in load_templates().items():
        beginning = template.text.split("{")[0].rstrip()
        for one in requests:
            if one.stage == stage:
                assert one.messages[-1].content.startswith(beginning)
                assert one.max_tokens == 2048
                assert one.temperature == (0.0 if stage == "judge" else 0.7)
    judged = [len(one.messages[0].content) for one in requests if one.stage == "judge"]
    assert 2_000 < sum(judged) / len(judged) < 8_000
    assert await rehearsed() == requests


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_rehearsal_follows_the_settings() -> None:
    """Settings of the method change what is asked, and so does how the model is to be asked."""
    requests = await rehearsed(language="French", contrastive_filtering=False, max_tokens=99)
    assert "judge" not in proportions(requests)
    assert all(one.max_tokens == 99 for one in requests)
    assert any("Write in French" in one.messages[0].content for one in requests)
    settings = load_settings(None, {})
    asked = await rehearse(settings, party(temperature=0.2, structured_output=True), seed=1)
    assert all(one.schema for one in asked if one.stage == "judge")
    assert {one.temperature for one in asked if one.stage != "judge"} == {0.2}


def request(text: str, stage: str = "a", system: str = "") -> ChatRequest:
    before = (Message("system", system),) if system else ()
    return ChatRequest((*before, Message("user", text)), stage=stage)


def test_every_stretch_has_each_stage_in_proportion() -> None:
    """No level gets more of the heavy prompts than another."""
    requests = [request(f"a {n}", "a") for n in range(80)] + [
        request(f"b {n}", "b") for n in range(20)
    ]
    ordered = in_proportion(requests, Random(1))
    assert sorted(ordered, key=repr) == sorted(requests, key=repr)
    for start in range(0, 100, 10):
        stretch = Counter(one.stage for one in ordered[start : start + 10])
        assert stretch["b"] in {1, 2, 3}
    assert ordered != in_proportion(requests, Random(2))
    assert ordered == in_proportion(requests, Random(1))


def test_each_text_is_distinct_where_texts_begin_to_differ() -> None:
    """What a run has in common stays in common; what follows is new each time round."""
    requests = [
        request("Rate this. Text: one fine day", "judge", system="Be fair."),
        request("Rate this. Text: on and on", "judge", system="Be fair."),
        request("alone", "other"),
    ]
    sent = list(islice(endless(requests, "m"), 7))
    texts = [one.messages[-1].content for one in sent]
    assert texts[:4] == [
        "Rate this. Text: (m-0) one fine day",
        "Rate this. Text: (m-1) on and on",
        "(m-2) alone",
        "Rate this. Text: (m-3) one fine day",
    ]
    assert len(set(texts)) == 7
    assert [one.draw for one in sent] == list(range(7))
    assert sent[0].messages[0] == Message("system", "Be fair.")


def test_two_benchmarks_send_different_texts() -> None:
    """What a server has kept from the first would make the second look faster."""
    one, other = (next(endless([request("a")])) for _ in range(2))
    assert one.messages != other.messages


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("p.txt", "one\n\ntwo\n", ["one", "two"]),
        (
            "p.jsonl",
            '{"prompt": "one"}\n{"instruction": "two"}\n"three"\n',
            ["one", "two", "three"],
        ),
        ("p.json", '[{"instruction": "one", "prompt": "two"}]', ["two"]),
        ("p.csv", "id,instruction\n1,one\n", ["one"]),
    ],
)
def test_prompts_of_the_user(tmp_path: Path, name: str, content: str, expected: list[str]) -> None:
    """Lines of text, or the field that holds the prompt, in every kind of file that seeds may be in."""
    (tmp_path / name).write_text(content)
    found = read_prompts(tmp_path / name, temperature=0.5, max_tokens=9)
    assert [one.messages for one in found] == [(Message("user", text),) for text in expected]
    assert {(one.temperature, one.max_tokens) for one in found} == {(0.5, 9)}


def test_conversations_of_the_user(tmp_path: Path) -> None:
    """Messages are sent as they are, in their roles."""
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    (tmp_path / "p.jsonl").write_text(json.dumps({"messages": said}))
    [found] = read_prompts(tmp_path / "p.jsonl", temperature=None, max_tokens=None)
    assert found.messages == (Message("system", "Be brief."), Message("user", "Why?"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "no prompt in it"),
        ('{"text": "one"}', "line 1: no field 'prompt'; it has 'text'"),
        ('"one"\n{"prompt": 5}', "line 2: the instruction is no text"),
        ("rubbish", "line 1: not JSON"),
        ('{"messages": []}', "not a list of at least one message"),
        ('{"messages": [{"role": "tool", "content": "x"}]}', "'role' that is one of system"),
        ('{"messages": [{"role": "user"}]}', "no field 'content'"),
    ],
)
def test_prompts_that_cannot_be_read(tmp_path: Path, content: str, expected: str) -> None:
    """File, line, and what is wrong."""
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(UsageError, match=expected) as caught:
        read_prompts(tmp_path / "p.jsonl", temperature=None, max_tokens=None)
    assert "p.jsonl" in str(caught.value)
