"""The configuration that a user starts from: every setting, its meaning and its default, as a commented YAML file."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.names import parse_model
from codeclm.reference import Section, Setting, sections
from codeclm.settings import ModelSettings
from codeclm.version import __version__

__all__ = ["EXAMPLES", "Example", "smaller", "starter"]

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Example:
    """Models of one provider to start with; both are there to be replaced."""

    strong: str
    target: str


def _local(name: str, *models: str) -> Example:
    strong, target = models or ("strong-model", "target-model")
    return Example(f"{name}:{strong}", f"{name}:{target}")


_AZURE = PROVIDERS["azure"].example_url

EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "anthropic": _local("anthropic", "claude-sonnet-5", "claude-haiku-4-5"),
        "azure": Example(f"azure:DEPLOYMENT@{_AZURE}", f"azure:OTHER-DEPLOYMENT@{_AZURE}"),
        "deepseek": _local("deepseek", "deepseek-reasoner", "deepseek-chat"),
        "gemini": _local("gemini", "gemini-2.5-pro", "gemini-2.5-flash-lite"),
        "groq": _local("groq", "openai/gpt-oss-120b", "llama-3.1-8b-instant"),
        "litellm": _local("litellm"),
        "llamacpp": Example(
            "llamacpp:strong-model@http://127.0.0.1:8080/v1",
            "llamacpp:target-model@http://127.0.0.1:8081/v1",
        ),
        "mistral": _local("mistral", "mistral-large-latest", "ministral-8b-latest"),
        "ollama": _local("ollama", "llama3.1:70b", "llama3.1:8b"),
        "openai": _local("openai", "gpt-4.1", "gpt-4.1-nano"),
        "openrouter": _local(
            "openrouter", "anthropic/claude-sonnet-4.5", "meta-llama/llama-3.1-8b-instruct"
        ),
        "sglang": Example(
            "sglang:strong-model@http://127.0.0.1:30000/v1",
            "sglang:target-model@http://127.0.0.1:30001/v1",
        ),
        "tgi": Example(
            "tgi:strong-model@http://127.0.0.1:8080/v1",
            "tgi:target-model@http://127.0.0.1:8081/v1",
        ),
        "together": _local(
            "together",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",
        ),
        "vllm": Example(
            "vllm:strong-model@http://127.0.0.1:8000/v1",
            "vllm:target-model@http://127.0.0.1:8001/v1",
        ),
    }
)
"""By provider: where models of one's own are served there is only a name to replace."""


def smaller(party: ModelSettings) -> tuple[str, ...]:
    """A small model of the provider at whose own place ``party`` is served, none where that is the user's own."""
    name = parse_model(party.model)
    known = PROVIDERS[name.provider]
    is_theirs = bool(known.api_key_env) and name.base_url == known.base_url
    return (EXAMPLES[name.provider].target,) if is_theirs else ()


def starter(provider: str) -> str:
    """The text of a settings file for models of ``provider``, one of ``EXAMPLES``."""
    example = EXAMPLES[provider]
    known = {section.name: section for section in sections()}
    roles, each = known.pop("models"), known.pop("models.PARTY")
    top = known.pop("")
    lines = [*_head(), ""]
    lines += _models(roles, each, {"strong": example.strong, "target": example.target})
    for section in known.values():
        if section.name.endswith(".NAME"):  # there is no name yet
            continue
        lines += ["", *_prose(section.meaning), f"{section.name}:"]
        lines += _all_documented(section.settings, "  ")
    lines += ["", *_all_documented(top.settings, "")]
    return "\n".join(lines) + "\n"


def _head() -> Iterator[str]:
    yield from _prose(
        f"Settings for codeclm {__version__}. Lines that begin with # and a name are the defaults: remove the # to "
        "change one. Keys are never written here: they come from environment variables."
    )


def _models(roles: Section, each: Section, models: Mapping[str, str]) -> Iterator[str]:
    yield from _prose(roles.meaning)
    yield "models:"
    first = True
    for role in roles.settings:
        if not first:
            yield ""
        yield from _prose(role.meaning, "  ")
        if not role.required:
            yield from _prose("It takes the same settings, at least model:.", "  ")
            yield f"  #{role.name}: null"
            continue
        yield f"  {role.name}:"
        yield from _party(each.settings, models[role.name], documented=first)
        first = False


def _party(settings: Sequence[Setting], model: str, *, documented: bool) -> Iterator[str]:
    for one in settings:
        if documented:
            yield from _prose(one.meaning, "    ")
        yield f"    model: {json.dumps(model)}" if one.name == "model" else _commented(one, "    ")


def _all_documented(settings: Sequence[Setting], indent: str) -> Iterator[str]:
    for one in settings:
        yield from _prose(one.meaning, indent)
        yield _commented(one, indent)


def _commented(one: Setting, indent: str) -> str:
    return f"{indent}#{one.name}: {json.dumps(one.default)}"


def _prose(text: str, indent: str = "") -> list[str]:
    plain = text.replace("``", "")
    return textwrap.wrap(
        plain[:1].upper() + plain[1:],
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
