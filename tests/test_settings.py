"""Settings: a file, flags over it, and one clear line for what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeclm.errors import UsageError
from codeclm.settings import Settings, difference
from codeclm.settings_file import load_settings

MODELS = {"strong": {"model": "openai:big"}, "target": {"model": "openai:small"}}
MODELS_YAML = "models:\n  strong: {model: 'openai:big'}\n  target: {model: 'openai:small'}\n"


def load(tmp_path: Path, text: str, flags: dict[str, Any] | None = None) -> Settings:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return load_settings(path, flags or {})


def test_the_papers_numbers_are_the_defaults() -> None:
    """The settings of the paper, untouched."""
    method = load_settings(None, {"models": MODELS}).method
    assert (method.total, method.iterations, method.theta, method.rubrics) == (2000, 4, 3.0, 4)
    assert (method.temperature, method.judge_temperature, method.max_tokens) == (0.7, 0.0, 2048)
    assert (method.scale, method.per_call, method.swap_positions) == (10, 5, True)


def test_flags_go_over_the_file(tmp_path: Path) -> None:
    """A file may give part of it and flags the rest; None is no flag."""
    text = MODELS_YAML + "method: {theta: 2.5, total: 100}\nseed: 4\n"
    settings = load(
        tmp_path,
        text,
        {
            "models": {"target": {"model": "vllm:mine"}, "judge": {"model": None}},
            "method": {"total": 7, "iterations": None},
            "seed": None,
        },
    )
    assert settings.models is not None
    assert settings.models.strong.model == "openai:big"
    assert settings.models.target.model == "vllm:mine"
    assert settings.models.judge is None
    assert (settings.method.theta, settings.method.total, settings.seed) == (2.5, 7, 4)


BAD = [
    ("method: {thetta: 3}", "unknown setting 'method.thetta'; did you mean 'theta'?"),
    ("sede: 3", "unknown setting 'sede'; did you mean 'seed'?"),
    ("method: {theta: -1}", "theta is -1; it must be at least 0"),
    ("method: {theta: .nan}", "theta is nan"),
    ("method: {theta: 9}", "no gap exceeds it"),
    ("method: {theta: high}", "method.theta: input should be a valid number"),
    ("method: {iterations: 0}", "iterations is 0; it must be at least 1"),
    ("method: {total: 0}", "total is 0; it must be at least 1"),
    ("method: {per_call: 99}", "per_call is 99; it must be at most 50"),
    ("method: {total: 5, per_entry: 5}", "give one of them"),
    ("method: [1]", "method"),
    ("units_in_flight: 0", "units_in_flight"),
    ("a: *b", "aliases"),
    ("seed: 1\nseed: 2", "'seed' is given twice"),
    ("seed: [", "not YAML"),
    ("seed: 2024-13-45", "not YAML"),
    ("seed: " + "[" * 3000, "not YAML"),
    ('cache: "a\\0b"', "NUL"),
    ("method: {temperature: .inf}", "at most 2"),
    ("seed: !!python/object:os.system x", "not YAML"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    """The file, the setting, and how to mend it."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, MODELS_YAML + text)
    assert message in str(caught.value)
    assert "settings.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {target: {model: 'openai:a'}}", "no strong model; give --strong"),
        ("models: {strong: {model: 'openai:a'}}", "no target model; give --target"),
        ("- a list", "not a mapping"),
        (
            "models: {strong: {modl: a}, target: {model: b}}",
            "unknown setting 'models.strong.modl'; did you mean 'model'?",
        ),
        (
            "models: {strong: {model: a, max_in_flight: 0}, target: {model: b}}",
            "models.strong.max_in_flight",
        ),
    ],
)
def test_models_must_be_given(tmp_path: Path, text: str, message: str) -> None:
    """Without models there is nothing to run, and it says how to give them."""
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)


def test_a_key_in_place_of_its_variable_is_refused_and_not_shown(tmp_path: Path) -> None:
    """It would land in files and messages."""
    key = "sk-proj-REALKEY123"
    text = f"models: {{strong: {{model: 'openai:a', api_key_env: {key}}}, target: {{model: b}}}}"
    with pytest.raises(UsageError, match="name of an environment variable") as caught:
        load(tmp_path, text)
    assert key not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """One line, no traceback."""
    with pytest.raises(UsageError, match="cannot be read"):
        load_settings(tmp_path / "none.yaml", {})


def test_limits_keys_and_places_do_not_decide_the_dataset() -> None:
    """Changing them resumes a run; changing anything else is a difference."""

    def decisive(**strong: Any) -> dict[str, Any]:
        models = {**MODELS, "strong": {"model": "openai:big", **strong}}
        return load_settings(None, {"models": models}).decisive()

    free = decisive(
        api_key_env="OTHER", max_in_flight=7, requests_per_minute=60, timeout_s=5, attempts=2
    )
    assert difference(decisive(), free) == []
    assert difference(decisive(), decisive(temperature=0.1)) == [
        "models.strong.temperature: None -> 0.1"
    ]
    assert difference(decisive(), decisive(extra_body={"top_p": 0.9})) != []
