"""What an endpoint takes, and what is learnt of it when it refuses a field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.llm.dialect import Dialect

ASKED: dict[str, object] = {"model": "m", "messages": [], "max_tokens": 9, "seed": 4}


@pytest.mark.parametrize(
    ("sends", "extra", "expected"),
    [
        ({}, {}, {"max_tokens": 9, "seed": 4}),
        ({"max_tokens": "max_completion_tokens"}, {}, {"max_completion_tokens": 9, "seed": 4}),
        ({"seed": None}, {}, {"max_tokens": 9}),
        ({"seed": "random_seed"}, {}, {"max_tokens": 9, "random_seed": 4}),
        ({}, {"top_p": 0.9}, {"max_tokens": 9, "seed": 4, "top_p": 0.9}),
        ({}, {"seed": 1}, {"max_tokens": 9, "seed": 1}),
        ({}, {"seed": None, "stream": None}, {"max_tokens": 9}),
        ({"seed": None}, {"seed": 1}, {"max_tokens": 9, "seed": 1}),
        ({"seed": "random_seed"}, {"seed": 1}, {"max_tokens": 9, "random_seed": 1}),
        ({"seed": "random_seed"}, {"random_seed": 1}, {"max_tokens": 9, "random_seed": 1}),
        ({"seed": "random_seed"}, {"seed": None}, {"max_tokens": 9}),
        ({"seed": "random_seed"}, {"random_seed": None}, {"max_tokens": 9}),
        ({}, {"max_tokens": None, "max_completion_tokens": 5}, {"max_completion_tokens": 5, "seed": 4}),
        ({}, {"model": "n"}, {"model": "n", "max_tokens": 9, "seed": 4}),
    ],
)  # fmt: skip
def test_what_is_written(
    sends: dict[str, str | None], extra: dict[str, object], expected: dict[str, object]
) -> None:
    """Fields have the names of the endpoint; extra fields win, and a None takes one away."""
    body = Dialect(sends).written(ASKED, extra)
    assert body == {"model": "m", "messages": [], **expected}


def refused(dialect: Dialect, parameter: str, **extra: object) -> bool:
    """Whether ``dialect`` learns from the refusal of the request that it would write now."""
    return dialect.learn(parameter, dialect.written(ASKED, extra))


def test_a_limit_of_tokens_gets_its_other_name() -> None:
    """Whichever of the two is refused; where both are, nothing more can be done."""
    for first, second in (
        ("max_tokens", "max_completion_tokens"),
        ("max_completion_tokens", "max_tokens"),
    ):
        dialect = Dialect({"max_tokens": first})
        assert refused(dialect, first)
        assert dialect.written(ASKED, {})[second] == 9
        assert dialect.learnt() == (f"{first} sent as {second}",)
        assert not refused(dialect, second)
        assert dialect.written(ASKED, {})[second] == 9


def test_other_fields_are_left_out() -> None:
    """Fields of the user's own as well; what is left out is told."""
    dialect = Dialect()
    assert refused(dialect, "seed")
    assert refused(dialect, "top_p", top_p=0.9)
    assert dialect.written(ASKED, {"top_p": 0.9}) == {k: ASKED[k] for k in ASKED if k != "seed"}
    assert dialect.learnt() == ("seed left out", "top_p left out")


@pytest.mark.parametrize(
    "parameter",
    ["seed", "body.seed", "seed.inner[0]", "'seed'", "body -> seed", "`seed`"],
)
def test_a_field_is_known_by_its_place(parameter: str) -> None:
    """Servers name it with what it is in, and what is in it."""
    assert refused(Dialect(), parameter)


@pytest.mark.parametrize("parameter", ["model", "messages", "messages[0].content", "x", ""])
def test_what_nothing_can_be_asked_without(parameter: str) -> None:
    """And what is not sent at all: refusing it cannot be helped."""
    dialect = Dialect()
    assert not refused(dialect, parameter)
    assert dialect.learnt() == ()


def test_an_api_may_need_more() -> None:
    """One protocol has a limit of tokens in every request, under one name."""
    dialect = Dialect(needed=("max_tokens",))
    assert not refused(dialect, "max_tokens")


def test_calls_under_way_learn_it_once() -> None:
    """All that were written before it was learnt are asked again; it is told once."""
    dialect = Dialect()
    body = dialect.written(ASKED, {})
    assert [dialect.learn("max_tokens", body) for _ in range(64)] == [True] * 64
    assert dialect.learnt() == ("max_tokens sent as max_completion_tokens",)


@given(st.data())
def test_learning_ends(data: st.DataObject) -> None:
    """However a server refuses, each lesson changes the next request, and there are few of them."""
    dialect = Dialect(data.draw(st.sampled_from([{}, {"max_tokens": "max_completion_tokens"}])))
    extra: dict[str, Any] = {"top_p": 1, "max_completion_tokens": 3}
    lessons = 0
    while True:
        body = dialect.written(ASKED, extra)
        assert {"model", "messages"} <= set(body)
        parameter = data.draw(st.sampled_from([*sorted(body), "unknown"]))
        if not dialect.learn(parameter, body):
            break
        assert parameter not in dialect.written(ASKED, extra)
        lessons += 1
    assert lessons <= 3
    assert len(dialect.learnt()) == lessons
