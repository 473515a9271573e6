"""Prompts: templates that are checked, answers that are read or asked for again."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeclm.errors import ParseError, Refused, UsageError
from codeclm.llm.chat import Completion
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.table import every_prompt
from codeclm.stages.prompt import Question, Sampling, Template
from codeclm.stages.templates import load_templates

HOSTILE = "{{ 7 * 7 }} {% for x in range(9) %} {# #} <b>&amp;</b> \\n {{ cycler.__init__ }}"


def template(text: str) -> Template:
    made = Template("test", text, frozenset({"instruction"}), frozenset({"language"}))
    made.check()
    return made


@pytest.mark.parametrize("prompt", every_prompt().values(), ids=every_prompt())
def test_our_own_prompts_are_sound(prompt: Template) -> None:
    """They have the variables that they are said to have; nobody looks at that when a run starts."""
    prompt.check()


def read_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ParseError("no number", text) from None


@pytest.mark.parametrize("name", sorted(load_templates()))
def test_default_prompts_put_the_variable_text_last(name: str) -> None:
    """Everything up to the first variable is the same for all calls, so providers can cache the prefix."""
    default = load_templates()[name]
    values = {variable: f"<{variable}>" for variable in default.requires}
    lists = {"skills": ["<skills>"], "count": 4}
    prompt = default.render({**values, **{k: v for k, v in lists.items() if k in values}})
    first = min(prompt.index(f"<{variable}>") for variable in values if f"<{variable}>" in prompt)
    static = prompt[:first]
    assert len(static) > 0.6 * len(prompt) or name == "judge"
    assert "{{" not in prompt
    assert "None" not in prompt
    assert "\n\n\n" not in prompt


def test_both_judge_orders_share_the_prefix_with_the_instruction() -> None:
    """Only the responses differ between the two orders."""
    judge = load_templates()["judge"]
    one, other = (
        judge.render({"instruction": "THE INSTRUCTION", "first_response": a, "second_response": b})
        for a, b in (("aaa", "bbb"), ("bbb", "aaa"))
    )
    shared = next(n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    assert "THE INSTRUCTION" in one[:shared]


def test_values_are_never_templates() -> None:
    """What a model wrote comes through as it is, whatever it looks like."""
    assert template("Rewrite: {{ instruction }}").render({"instruction": HOSTILE}) == (
        f"Rewrite: {HOSTILE}"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ instruktion }}", "unknown variable 'instruktion'; did you mean instruction?"),
        ("Say something.", "'instruction' is missing; add {{ instruction }}"),
        ("{{ instruction ", "line 1:"),
        ("one\n{% if %}{{ instruction }}", "line 2:"),
        ("{{ instruction }}{% include 'x' %}", ""),
        ("{{ instruction.__class__ }}", ""),
    ],
)
def test_a_template_that_cannot_work_is_refused(text: str, message: str) -> None:
    """When it is read if that shows it, at the first use otherwise; never a traceback of the engine."""
    with pytest.raises(UsageError) as caught:
        template(text).render({"instruction": "x"})
    assert message in str(caught.value)


def test_a_directory_replaces_any_of_the_prompts(tmp_path: Path) -> None:
    """A file per prompt; the others stay."""
    (tmp_path / "improve.jinja").write_text("{{ action }}: {{ instruction }}")
    (tmp_path / "README.md").write_text("not a prompt")
    templates = load_templates(tmp_path)
    assert templates["improve"].render({"action": "a", "instruction": "i"}) == "a: i"
    assert templates["judge"] == load_templates()["judge"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("imrpove.jinja", "x", "did you mean improve?"),
        ("judge.jinja", "{{ instruction }}", "'first_response' is missing"),
        ("decode.jinja", "{{ use_case }} {{ skills }} {{ n }} {{ count }}", "unknown variable 'n'"),
    ],
)
def test_a_bad_file_in_the_directory_is_named(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    """The file and what to mend."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=name) as caught:
        load_templates(tmp_path)
    assert message in str(caught.value)


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    """One line."""
    with pytest.raises(UsageError, match="no such directory"):
        load_templates(tmp_path / "none")


def test_a_directory_without_any_prompt_is_told(tmp_path: Path) -> None:
    """A wrong directory is not paid for with the package's own prompts."""
    (tmp_path / "encode.txt").write_text("{{ instruction }}")
    with pytest.raises(UsageError, match=r"no prompt in it; name them encode\.jinja, "):
        load_templates(tmp_path)


def question(model: ScriptedModel, redraws: int = 2) -> Question[int]:
    return Question(template("{{ instruction }}"), model, read_number, Sampling(0.7, 9), redraws)


@pytest.mark.anyio
async def test_an_unreadable_answer_is_asked_for_again_as_a_new_draw() -> None:
    """Draws count up from the given one until an answer can be read."""
    model = ScriptedModel(lambda request: "7" if request.draw == 12 else "seven")
    assert await question(model).ask({"instruction": "x"}, draw=10) == 7
    assert [request.draw for request in model.requests] == [10, 11, 12]


@pytest.mark.anyio
async def test_after_the_last_draw_the_raw_text_is_kept() -> None:
    """The item fails with what the model wrote last."""
    model = ScriptedModel(lambda request: f"never {request.draw}")
    with pytest.raises(ParseError, match=r"no number \(3 answers\)") as caught:
        await question(model).ask({"instruction": "x"})
    assert caught.value.raw == "never 2"


@pytest.mark.anyio
async def test_an_answer_that_was_cut_off_is_not_read() -> None:
    """What ends at the token limit may look whole and is not."""
    model = ScriptedModel(lambda request: Completion("7", "length"))
    with pytest.raises(ParseError, match="cut off"):
        await question(model, redraws=0).ask({"instruction": "x"})
    assert len(model.requests) == 1


def growing(model: ScriptedModel, longer: int | None, redraws: int = 2) -> Question[int]:
    sampling = Sampling(0.7, 9, longer_max_tokens=longer)
    return Question(template("{{ instruction }}"), model, read_number, sampling, redraws)


@pytest.mark.anyio
@pytest.mark.parametrize("redraws", [0, 2])
async def test_what_was_cut_off_may_be_asked_for_once_with_more_tokens(redraws: int) -> None:
    """Also where answers that cannot be read are not asked for again: that is another matter."""
    model = ScriptedModel(
        lambda request: Completion("7", "stop" if request.max_tokens == 18 else "length")
    )
    assert await growing(model, 18, redraws).ask({"instruction": "x"}) == 7
    assert [request.max_tokens for request in model.requests] == [9, 18]


@pytest.mark.anyio
@pytest.mark.parametrize(("longer", "asked"), [(18, [9, 18]), (None, [9])])
async def test_what_is_cut_off_again_has_failed(longer: int | None, asked: list[int]) -> None:
    """No third try: it would be cut off as well."""
    model = ScriptedModel(lambda request: Completion("7", "length"))
    with pytest.raises(ParseError, match="cut off at its token limit"):
        await growing(model, longer).ask({"instruction": "x"})
    assert [request.max_tokens for request in model.requests] == asked


@pytest.mark.anyio
async def test_a_refusal_in_the_end_is_a_refusal() -> None:
    """It is asked for again like what cannot be read; the last answer decides what became of it."""
    model = ScriptedModel(lambda request: Completion("I cannot", "refusal"))
    with pytest.raises(Refused, match=r"the model refused \(3 answers\)") as caught:
        await growing(model, 18).ask({"instruction": "x"})
    assert caught.value.raw == "I cannot"
