"""Rehearsal: the user's own run on simulated models, for free and apart from real runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from codeclm.cli import app
from codeclm.errors import UsageError
from codeclm.own_prompts import own_prompt, reader
from codeclm.plan import Order, make_plan
from codeclm.progress import NoView
from codeclm.rehearsal import Rehearsal, rehearsal_directory, rehearse
from codeclm.settings_file import load_settings
from codeclm.simulator.reader import Decode, Encode, Judge, Rubrics, read_prompt
from codeclm.stages.prompt import Template
from codeclm.stages.templates import load_templates
from tests.running import check_books, seeds

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """What runs is the command's own loop in the end."""
    return "asyncio", {"use_uvloop": True}


# Models that nobody serves here, with a limit that would make a real run last hours.
MODELS = {
    "strong": {"model": "openai:gpt-4.1", "requests_per_minute": 1, "api_key_env": "NO_KEY"},
    "target": {"model": "vllm:mine@https://models.example/v1", "api_key_env": "NO_KEY"},
    "judge": {"model": "anthropic:claude"},
}


def order(tmp_path: Path, total: int = 12, **given: Any) -> Order:
    method = {"total": total, "augment_to": 4, **given.pop("method", {})}
    settings = load_settings(None, {"models": MODELS, "method": method, **given})
    return Order(seeds(3), settings, tmp_path / "run", environ={})


async def test_it_needs_no_key_and_says_that_no_model_was_asked(tmp_path: Path) -> None:
    """Faults and all: a whole run in a directory of its own, in no time; it is told before and after what it is."""
    said: list[str] = []
    asked = order(tmp_path)
    code = await rehearse(asked, Rehearsal("500=0.02,malformed=0.02"), NoView(), said.append)
    assert code in {0, 3}
    assert not asked.directory.exists()
    summary = check_books(tmp_path / "run-rehearsal")
    assert {row["model"].split("@")[0] for row in summary["calls"]} == {
        "openai:sim-strong",
        "openai:sim-target",
        "openai:sim-judge",
    }
    assert summary["wanted"] == 12
    assert "no model is asked and nothing is paid" in said[0]
    assert "sim-strong plays openai:gpt-4.1" in said[0]
    assert "no model was asked" in said[-1]
    assert "mean nothing" in said[-1]


async def test_a_real_run_and_a_rehearsal_never_mix(tmp_path: Path) -> None:
    """Neither goes on with the other's directory, whatever the settings."""
    await rehearse(order(tmp_path), Rehearsal(), NoView(), lambda line: None)
    place = tmp_path / "run-rehearsal"
    real = replace(
        order(tmp_path), directory=place, environ={"NO_KEY": "k", "ANTHROPIC_API_KEY": "k"}
    )
    with pytest.raises(UsageError, match="it holds a rehearsal, and a real run cannot go on with"):
        make_plan(real)
    settings = json.loads((place / "settings.json").read_bytes())
    assert settings.pop("rehearsal") is True
    (place / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(UsageError, match="it holds a real run, and a rehearsal cannot go on with"):
        await rehearse(order(tmp_path), Rehearsal(), NoView(), lambda line: None)


async def test_a_rehearsal_is_gone_on_with(tmp_path: Path) -> None:
    """A larger total extends it: its answers are known by their server's address, which stays."""
    await rehearse(order(tmp_path), Rehearsal(), NoView(), lambda line: None)
    first = check_books(tmp_path / "run-rehearsal")
    await rehearse(order(tmp_path, 24), Rehearsal(), NoView(), lambda line: None)
    second = check_books(tmp_path / "run-rehearsal")
    assert second["wanted"] == 24
    encoded = [
        sum(row["calls"] for row in summary["calls"] if row["stage"] == "encode")
        for summary in (first, second)
    ]
    assert encoded[0] == encoded[1]


OWN = {
    "encode": "Was ist das?\n{{ instruction }}\n--\nuse case / skills bitte.",
    "decode": "{% for skill in skills %}* {{ skill }}\n{% endfor %}({{ use_case }}) x {{ count }}",
    "rubrics": "{{ count }} rubrics, {{ count }} actions | {{ use_case }} | {{ skills | join('; ') }}.",
    "improve": "<{{ instruction }}> by <{{ action }}>{% if language %} in {{ language }}{% endif %}",
    "judge": "Q: {{ instruction }}\nA: {{ first_response }}\nB: {{ second_response }}\n1 to {{ scale }}?",
    "pairs": "{{ use_case }} with {{ skills | join(' & ') }}, yes or no?",
}


def own_prompts(tmp_path: Path, texts: dict[str, str]) -> Path:
    place = tmp_path / "prompts"
    place.mkdir()
    for name, text in texts.items():
        (place / f"{name}.jinja").write_text(text)
    return place


async def test_prompts_of_the_users_own_are_understood(tmp_path: Path) -> None:
    """Worded and laid out freely, in another order: every stage gets answers that it can read."""
    texts = {name: text for name, text in OWN.items() if name != "pairs"}
    said: list[str] = []
    asked = order(tmp_path, prompts=own_prompts(tmp_path, texts), method={"language": None})
    assert await rehearse(asked, Rehearsal(), NoView(), said.append) in {0, 3}
    assert not [line for line in said if "warning" in line]
    summary = check_books(tmp_path / "run-rehearsal")
    assert summary["counts"]["entries_failed"] == 0
    assert summary["counts"]["missing"] == 0
    assert summary["counts"]["failed"] <= 1


async def test_what_cannot_be_read_back_is_told_and_replaced(tmp_path: Path) -> None:
    """A prompt that hides its variables is rehearsed with the package's own, and a warning names it."""
    texts = {
        "decode": "{{ use_case | upper }} {{ skills | length }} {{ count }}",
        "encode": OWN["encode"],
    }
    said: list[str] = []
    asked = order(tmp_path, prompts=own_prompts(tmp_path, texts))
    assert await rehearse(asked, Rehearsal(), NoView(), said.append) in {0, 3}
    warnings = [line for line in said if line.startswith("warning")]
    assert len(warnings) == 1
    assert "decode.jinja: simulated models cannot read it" in warnings[0]
    assert check_books(tmp_path / "run-rehearsal")["counts"]["missing"] == 0


async def test_prompts_of_a_baseline_are_rehearsed_with_the_packages_own(tmp_path: Path) -> None:
    """Simulated models know those alone; a warning names the user's, and the run goes on."""
    prompts = own_prompts(tmp_path, {"evolve": "{{ operation }}: {{ instruction }}"})
    models = {"models": MODELS, "prompts": prompts, "method": {"name": "wizardlm", "total": 8}}
    asked = Order(seeds(3), load_settings(None, models), tmp_path / "run", environ={})
    said: list[str] = []
    assert await rehearse(asked, Rehearsal(), NoView(), said.append) in {0, 3}
    assert any("evolve.jinja: simulated models cannot read it" in line for line in said)
    check_books(tmp_path / "run-rehearsal")


def test_a_template_is_turned_round() -> None:
    """What was rendered is read back exactly, texts of any kind included; foreign prompts are left to others."""
    defaults = load_templates()
    turned = {}
    for name, text in OWN.items():
        known = defaults[name]
        template = Template(name, text, known.requires, known.allows)
        own = own_prompt(template, {"scale": 5, "use_cases": ("a", "b"), "skills": ()})
        assert (own is None) == (name == "pairs"), name  # "&" may be a part of a skill
        if own:
            turned[name] = template, own
    read = reader([own for _, own in turned.values()])
    template, _ = turned["judge"]
    texts = {"instruction": "Q: A:\nB", "first_response": "x\n\ny", "second_response": "B"}
    assert read(template.render({**texts, "scale": 5})) == Judge("Q: A:\nB", "x\n\ny", "B", 5)
    template, _ = turned["rubrics"]
    rendered = template.render({"use_case": "chat", "skills": ("a b", "c"), "count": 4})
    assert read(rendered) == Rubrics("chat", ("a b", "c"), 4)
    template, _ = turned["decode"]
    rendered = template.render({"use_case": "chat", "skills": ("a", "b-c"), "count": 2})
    assert read(rendered) == Decode("chat", ("a", "b-c"), 2)
    template, _ = turned["encode"]
    assert read(template.render({"instruction": "Sing\n--"})) == Encode("Sing\n--", ("a", "b"))
    usual = defaults["rubrics"].render({"use_case": "chat", "skills": ("a",), "count": 3})
    assert read(usual) == read_prompt(usual)


def test_the_directory_is_beside_the_real_one() -> None:
    """A directory that is named as a rehearsal is taken as it is."""
    assert rehearsal_directory(Path("runs/first")) == Path("runs/first-rehearsal")
    assert rehearsal_directory(Path("runs/first-rehearsal")) == Path("runs/first-rehearsal")
    assert rehearsal_directory(Path("runs/rehearsal")) == Path("runs/rehearsal")


def test_the_command_line(tmp_path: Path) -> None:
    """``--rehearse`` with flags of a run; faults that do not exist, or without it, are refused with nothing written."""
    (tmp_path / "seeds.txt").write_text("Sing\n")
    run = ["run", str(tmp_path / "seeds.txt"), "-o", str(tmp_path / "out"), "--total", "4"]
    models = ["--strong", "openai:a", "--target", "openai:b", "--augment-to", "0"]
    for wrong in (
        ["--rehearse", "--faults", "4299=1"],
        ["--faults", "500=0.1"],
        ["--latency", "1s"],
    ):
        ended = CliRunner().invoke(app, [*run, *models, *wrong])
        assert isinstance(ended.exception, UsageError), ended.exception
    assert [path.name for path in tmp_path.iterdir()] == ["seeds.txt"]
    ended = CliRunner().invoke(app, [*run, *models, "--rehearse", "--latency", "1ms"])
    assert ended.exit_code in {0, 3}, ended.exception
    assert "rehearsal over: no model was asked" in ended.stdout
    assert (tmp_path / "out-rehearsal" / "dataset.jsonl").exists()
