"""``codeclm init`` and the reference of settings: both are read from the code that checks settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codeclm.cli import app
from codeclm.errors import UsageError
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.names import parse_model
from codeclm.methods.options import CodecLMOptions
from codeclm.reference import regenerated, sections
from codeclm.settings import ModelSettings, Settings
from codeclm.settings_file import load_settings
from codeclm.starter import EXAMPLES, starter

README = Path(__file__).resolve().parents[1] / "README.md"


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    return load_settings(path, {})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_it_writes_loads_bare_and_with_every_default_enabled(
    provider: str, tmp_path: Path
) -> None:
    """Without its comments, and with each commented default in force, it is the same valid settings: the defaults."""
    text = starter(provider)
    bare = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE)
    enabled = re.sub(r"^( *)#(\w+:)", r"\1\2", text, flags=re.MULTILINE)
    assert "#" not in bare
    settings = loaded(tmp_path, bare)
    assert settings == loaded(tmp_path, enabled)
    example = EXAMPLES[provider]
    models = {"strong": {"model": example.strong}, "target": {"model": example.target}}
    assert settings == load_settings(None, {"models": models})
    for name in (example.strong, example.target):
        assert parse_model(name).provider == provider


def test_every_setting_is_in_it_with_its_meaning() -> None:
    """No setting is left out, and none is without a meaning."""
    text = starter("openai")
    names = {
        *ModelSettings.model_fields,
        *(set(CodecLMOptions.__dataclass_fields__) - {"extends"}),
        *Settings.model_fields,
    }
    assert [name for name in sorted(names) if not re.search(rf"^ *#?{name}:", text, re.M)] == []
    everything = [(one.name, setting) for one in sections() for setting in one.settings]
    assert [f"{where}.{one.name}" for where, one in everything if not one.meaning] == []
    assert [section.name for section in sections() if not section.meaning] == []


def test_the_tables_of_the_readme_are_what_is_true_now() -> None:
    """The reference in the README is what ``python -m codeclm.reference README.md`` writes."""
    text = README.read_text("utf-8")
    assert regenerated(text) == text, "run: python -m codeclm.reference README.md"


def test_the_reference_is_written_by_its_command(tmp_path: Path) -> None:
    """Between the markers stands the table, around them what stood there; without markers nothing is written."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- settings -->\noutdated rows\n<!-- /settings -->\nafter\n")
    subprocess.run([sys.executable, "-m", "codeclm.reference", str(page)], check=True)
    text = page.read_text()
    assert text.startswith("before\n<!-- settings -->\n")
    assert text.endswith("\n<!-- /settings -->\nafter\n")
    assert "| `theta` | 3.0 |" in text
    assert "outdated rows" not in text
    with pytest.raises(ValueError, match="no <!-- settings -->"):
        regenerated("nothing")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A second init is refused, and the file stays as the user left it."""
    file = tmp_path / "mine.yaml"
    written = CliRunner().invoke(app, ["init", str(file), "--provider", "ollama"])
    assert written.exit_code == 0
    assert f"codeclm check {file} seeds.jsonl --preflight" in written.stdout
    assert f"codeclm run seeds.jsonl -o runs/first --config {file}" in written.stdout
    file.write_text("precious")
    again = CliRunner().invoke(app, ["init", str(file)])
    assert isinstance(again.exception, UsageError)
    assert file.read_text() == "precious"


def test_it_says_which_key_is_wanted(tmp_path: Path) -> None:
    """The variable is named where it is not set, and no word of it where it is."""
    for value, is_named in (("", True), ("sk-not-a-key", False)):
        file = tmp_path / f"{is_named}.yaml"
        ended = CliRunner().invoke(app, ["init", str(file)], env={"OPENAI_API_KEY": value})
        assert ("OPENAI_API_KEY" in ended.stdout) is is_named
        assert "sk-not" not in ended.stdout + file.read_text()


def test_an_unknown_provider_is_refused(tmp_path: Path) -> None:
    """The known ones are named, nothing is written."""
    ended = CliRunner().invoke(app, ["init", str(tmp_path / "a.yaml"), "--provider", "opnai"])
    assert isinstance(ended.exception, UsageError)
    assert "anthropic" in str(ended.exception)
    assert not list(tmp_path.iterdir())
