"""A run as one page: self-contained, with a policy under which nothing of what models wrote can run or load."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from codeclm.page.rendering import house_style, render, source_hash
from codeclm.report.choice import choose
from codeclm.report.contents import contents
from codeclm.report.examples import details
from codeclm.report.reading import Reading
from codeclm.report.state import state_of

__all__ = ["GENERATOR", "Shell", "figures_fragment", "live_shell", "report_page"]

PACKAGE = "codeclm.report"
GENERATOR = "codeclm report"
EXAMPLES = 2_000
EXAMPLES_BYTES = 16 << 20
USE_CASES = 60
ITERATIONS = 50


@dataclass(frozen=True, slots=True)
class Shell:
    """A page and the policy it is sent with."""

    html: str
    policy: str


def report_page(reading: Reading, most: int = EXAMPLES, most_bytes: int = EXAMPLES_BYTES) -> str:
    """The page that stands alone, with a sample of the rows where there are more than ``most``."""
    chosen = _within(details(reading, choose(reading, most)), most_bytes)
    return _shell(reading, live=False, island=_island(chosen), examples=len(chosen)).html


def live_shell(reading: Reading, version: str) -> Shell:
    """The page that asks its server for examples, and for figures newer than those of ``version``."""
    return _shell(reading, live=True, island="[]", examples=len(reading), version=version)


def figures_fragment(reading: Reading) -> str:
    """The part of the page that changes while a run goes on, as a document of its own."""
    return render(PACKAGE, "figures.html.jinja", **contents(reading, state_of(reading.archive)))


def _shell(
    reading: Reading,
    *,
    live: bool,
    island: str,
    examples: int,
    version: str = "",
) -> Shell:
    style = house_style() + files(PACKAGE).joinpath("report.css").read_text("utf-8")
    script = files(PACKAGE).joinpath("browser.js").read_text("utf-8")
    policy = _policy(style, script, live=live)
    values = contents(reading, state_of(reading.archive))
    html = render(
        PACKAGE,
        "report.html.jinja",
        **values,
        **_about(reading),
        generator=GENERATOR,
        style=style,
        script=script,
        policy=policy,
        live=live,
        version=version,
        island=island,
        examples=examples,
        seeds_missing=reading.seeds.why_not(),
        known_use_cases=reading.figures.use_cases.largest(USE_CASES),
        known_iterations=sorted({n for _, n in reading.figures.iterations})[:ITERATIONS],
    )
    return Shell(html, policy)


def _policy(style: str, script: str, *, live: bool) -> str:
    """Only our own script and style, known by their hashes; the page itself cannot turn texts into markup."""
    parts = [
        "default-src 'none'",
        f"script-src {source_hash(script)}",
        f"style-src {source_hash(style)}",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return "; ".join([*parts, "connect-src 'self'", "img-src data:"] if live else parts)


def _about(reading: Reading) -> dict[str, Any]:
    """The run's settings as lines of name and value; no keys are in them, only their names."""
    settings = reading.archive.settings
    shown = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in settings["decisive"].items()
        if value not in (None, [], {}) and not name.startswith("prompt.")
    }
    versions = reading.archive.summary.get("versions") or [settings.get("codeclm")]
    return {
        "name": reading.path.resolve().name,
        "settings": shown,
        "versions": ", ".join(map(str, versions)),
    }


def _within(rows: Sequence[dict[str, Any]], most_bytes: int) -> list[str]:
    """The first rows, as JSON, that fit."""
    fitting: list[str] = []
    size = 0
    for row in rows:
        text = json.dumps(row, ensure_ascii=False)
        size += len(text.encode("utf-8", "replace"))
        if size > most_bytes and fitting:
            break
        fitting.append(text)
    return fitting


def _island(rows: Sequence[str]) -> str:
    """Data inside a page, in which nothing can end it or begin anything."""
    text = f"[{','.join(rows)}]"
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
