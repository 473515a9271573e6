"""``codeclm check``: all that is wrong, at once, and nothing but what was asked for is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codeclm.assembly import each_asked
from codeclm.cli import app
from codeclm.methods.table import every_prompt
from codeclm.settings import ModelsSettings
from codeclm.settings_problems import checked
from tests.running import nobody_listening

KEY = "sk-not-a-key-0123456789"


@dataclass(frozen=True, slots=True)
class Ended:
    lines: list[str]
    error: str

    def of(self, kind: str) -> list[str]:
        return [line for line in self.lines if line.startswith(f"{kind}:")]


def check(*arguments: object, key: str = "") -> Ended:
    environ = {"OPENAI_API_KEY": key, "OTHER_KEY": key}
    ended = CliRunner().invoke(app, ["check", *map(str, arguments)], env=environ)
    assert not ended.exception or hasattr(ended.exception, "exit_code"), ended.exception
    assert KEY not in ended.output
    return Ended(ended.stdout.splitlines(), str(ended.exception or ""))


def models(strong: str, target: str = "") -> str:
    return f"models: {{strong: {{model: '{strong}'}}, target: {{model: '{target or strong}'}}}}\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(models("openai:big", "openai:small"))
    (tmp_path / "seeds.jsonl").write_text('{"instruction": "Sing"}\n{"instruction": "Dance"}\n')
    return tmp_path


def test_all_problems_at_once(place: Path) -> None:
    """Settings, models, keys, prompts and seeds are each looked at, whatever is wrong with the others."""
    (place / "bad.yaml").write_text(
        "models: {strong: {model: 'opnai:x'}, target: {model: 'openai:y', max_in_flight: 0}}\n"
        "method: {theta: 9, iterations: 0, totl: 5}\n"
        f"prompts: {place / 'prompts'}\n"
    )
    (place / "prompts").mkdir()
    (place / "prompts" / "judge.jinja").write_text("{{ instruction }}")
    (place / "prompts" / "encod.jinja").write_text("{{ instruction }}")
    (place / "seeds.jsonl").write_text('{"instruction": "Sing"}\nrubbish\n{"prompt": "x"}\n')
    ended = check(place / "bad.yaml", place / "seeds.jsonl")
    problems = "\n".join(ended.of("problem"))
    for expected in (
        "models.target.max_in_flight: input should be greater than or equal to 1",
        "theta is 9; with scores from 1 to 10 no gap exceeds it",
        "iterations is 0; it must be at least 1",
        "unknown setting 'method.totl'; did you mean 'total'?",
        "strong: unknown provider 'opnai'",
        "target: openai:y needs a key: set the environment variable OPENAI_API_KEY",
        "judge.jinja: the variable 'first_response' is missing",
        "encod.jinja: no prompt has this name; did you mean encode?",
        "seeds.jsonl, line 2: not JSON",
        "seeds.jsonl, line 3: no field 'instruction'",
    ):
        assert problems.count(expected) == 1, expected
    assert len(ended.of("problem")) == 10
    assert "10 problems to mend" in ended.error


def test_a_sound_configuration_passes_and_no_key_is_shown(place: Path) -> None:
    """It counts the seeds, names the variables of keys and the next command; exit code 0."""
    ended = check(place / "good.yaml", place / "seeds.jsonl", "-o", place / "run", key=KEY)
    assert ended.error == ""
    assert not ended.of("problem")
    told = "\n".join(ended.lines)
    assert "2 seeds; 2,000 instructions over 200 metadata entries" in told
    assert "strong: openai:big; its key is in OPENAI_API_KEY" in told
    assert "a run can begin there" in told
    assert ended.lines[-1].startswith("no problem found; next: codeclm run ")
    assert not (place / "run").exists()


def test_bad_lines_are_counted_and_may_be_passed_over(place: Path) -> None:
    """A file with many is told in 20 lines and a count; with --skip-bad-lines they are warnings."""
    (place / "seeds.jsonl").write_text('{"instruction": "Sing"}\n' + "rubbish\n" * 50)
    ended = check(place / "good.yaml", place / "seeds.jsonl", key=KEY)
    assert len(ended.of("problem")) == 21
    assert ended.of("problem")[-1].endswith("30 more bad lines")
    ended = check(place / "good.yaml", place / "seeds.jsonl", "--skip-bad-lines", key=KEY)
    assert not ended.of("problem")
    assert len(ended.of("warning")) == 21
    (place / "seeds.jsonl").write_text("")
    assert "no seed in it" in check(place / "good.yaml", place / "seeds.jsonl").of("problem")[-1]


def test_metadata_prompts_and_limits_are_told(place: Path) -> None:
    """What a run would use is said in words: limits stated or to be found, prompts of one's own."""
    (place / "prompts").mkdir()
    (place / "prompts" / "improve.jinja").write_text("{{ action }} {{ instruction }}")
    for name in ("evolve", "evaluate"):  # of another method, and of no method
        variables = every_prompt()[name].requires
        text = " ".join(f"{{{{ {variable} }}}}" for variable in variables)
        (place / "prompts" / f"{name}.jinja").write_text(text)
    (place / "settings.yaml").write_text(
        "models:\n"
        "  strong: {model: 'openai:big', requests_per_minute: 5000, max_in_flight: 8}\n"
        "  target: {model: 'openai:small'}\n"
        f"prompts: {place / 'prompts'}\n"
    )
    (place / "metadata.jsonl").write_text('{"use_case": "poetry", "skills": ["rhyme"]}\n')
    ended = check(place / "settings.yaml", "--metadata", place / "metadata.jsonl", key=KEY)
    told = "\n".join(ended.lines)
    assert "5,000 requests a minute, at most 8 calls at once" in told
    assert "limits are found, at most 64 calls at once" in told
    assert "1 prompts of your own" in told
    assert "1 metadata entries; 2,000 instructions over 1 metadata entries" in told
    (place / "settings.yaml").write_text(
        (place / "settings.yaml").read_text() + "method: {language: German}\n"
    )
    ended = check(place / "settings.yaml", key=KEY)
    assert "language is set, but this prompt has no {{ language }}" in ended.of("problem")[-1]


def test_the_directory_of_another_run_is_a_problem(place: Path) -> None:
    """A directory that holds other things, or a run with other settings, is told before anything is paid."""
    (place / "run").mkdir()
    (place / "run" / "thesis.tex").write_text("precious")
    ended = check(place / "good.yaml", place / "seeds.jsonl", "-o", place / "run", key=KEY)
    assert "not empty and not a run's directory" in ended.of("problem")[-1]


def test_preflight_calls_each_model_once_and_says_how_long_it_took(
    place: Path, base_url: str
) -> None:
    """Asked for, one tiny call to each model; a server that is not there is a problem, and the others are called."""
    live = f"openai:sim-strong@{base_url}"
    (place / "live.yaml").write_text(models(live, f"openai:sim-target@{base_url}"))
    ended = check(place / "live.yaml", "--preflight")
    assert len([line for line in ended.of("ok") if "answers, in" in line]) == 2
    with nobody_listening() as dead:
        (place / "dead.yaml").write_text(models(f"openai:x@{dead}", live))
        ended = check(place / "dead.yaml", "--preflight")
    assert f"no server at {dead}" in ended.of("problem")[-1]
    assert len([line for line in ended.of("ok") if "answers, in" in line]) == 1


def test_no_model_and_no_file_are_problems(place: Path) -> None:
    """An empty file lacks models; one that is not there is told so."""
    (place / "empty.yaml").write_text("")
    assert "no strong model" in check(place / "empty.yaml").of("problem")[-1]
    assert "cannot be read" in check(place / "none.yaml").of("problem")[-1]
    (place / "half.yaml").write_text("models: {strong: {model: 'openai:x'}}")
    assert "models.target: field required" in check(place / "half.yaml").of("problem")[-1]


def test_what_goes_together_is_not_taken_apart() -> None:
    """Of options that contradict each other one is named; an option that is only good beside another is not."""
    settings, problems = checked({"method": {"theta": 9, "scale": 20, "total": 0}})
    assert problems == ["method: total is 0; it must be at least 1"]
    assert settings is not None
    assert settings.method.theta == 9


def test_a_model_in_two_parts_is_asked_as_its_first_part_asks() -> None:
    """What is called before a run, or by a check, has the sampling of the party that comes first."""
    parties = ModelsSettings.model_validate(
        {
            "strong": {"model": "openai:big", "temperature": 0.9},
            "target": {"model": "openai:small"},
            "judge": {"model": "openai:big", "temperature": 0.1},
        }
    )
    assert each_asked(parties) == [parties.strong, parties.target]
