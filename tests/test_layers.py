"""The architecture as a table: who may import whom, who may import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import codeclm

PACKAGE = Path(codeclm.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

COMMANDS = {path.stem for path in MODULES if path.stem.endswith("_cli")}

# Imports go down this list only; modules in one row of a package may import each other.
LAYERS = [
    {"collector", "errors", "number_set", "off_loop", "printable", "records", "version"},
    {"engine", "llm", "page", "simulator"},
    {"parsing"},
    {"stages"},
    {"methods"},
    {"prices", "settings_words", "yaml_file"},
    {
        "disk",
        "endpoints",
        "lines",
        "pairs",
        "progress",
        "rows",
        "rundir",
        "seeds",
        "settings",
        "ledger",
    },
    {"held_out", "receipts", "row_books", "settings_file", "settle", "watch"},
    {"stdin"},
    {"sources"},
    {"judgements", "new_directory", "ordered_rows", "pilot"},
    {"archive", "sink", "assembly", "endpoints", "watch"},
    {"status"},
    {"status_words"},
    {"costs", "open_files", "plan", "reference", "settings_problems", "spending"},
    {"checkup", "forecast", "starter"},
    {"session", "synthesis"},
    {"running"},
    {"run"},
    {"live"},
    {"flags", "last_words", "own_prompts"},
    {"console", "demo", "public", "rehearsal", "simulate"},
    {"bench", "evaluation", "export", "report", "rethreshold"},
    {"comparison"},
    COMMANDS,
    {"cli", "__init__"},
    {"__main__"},
]
APART = [{"engine", "llm"}, {"engine", "simulator"}, {"llm", "simulator"}]

# One third-party library, one place that imports it.
THIRD_PARTY = {
    "aiohttp": {"llm/http.py", "report/server.py", "simulator"},
    "asyncio_throttle": {"llm"},
    "diskcache": {"llm"},
    "huggingface_hub": {"export/hub.py"},
    "jinja2": {"evaluation/page.py", "page/rendering.py", "stages/prompt.py"},
    "orjson": {"llm", "simulator", "lines.py"},
    "pyarrow": {"export/parquet.py"},
    "prometheus_client": {"progress/metrics.py"},
    "pydantic": {
        "comparison/settings.py",
        "evaluation/settings.py",
        "settings.py",
        "settings_file.py",
        "settings_problems.py",
        "settings_words.py",
    },
    "pygal": {"page/drawing.py", "rethreshold/chart.py"},
    "rapidfuzz": {"methods/pool.py"},
    "rensa": {"stages/sketch.py"},
    "rich": {"bench/table.py", "console.py", "evaluation/screen.py", "live.py", "report/tree.py"},
    "typer": {
        *(f"{name}.py" for name in COMMANDS),
        "cli.py",
        "flags.py",
        "simulate.py",
    },
    "uvloop": {"console.py"},
    "yaml": {"yaml_file.py"},
}
BENCHMARKS = sorted((PACKAGE.parent / "benchmarks").glob("*.py"))
VAGUE = {"utils", "util", "helpers", "common", "base", "manager", "core", "misc"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer(name: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    """No module imports from a layer above it, nor engine, llm and simulator from each other."""
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "codeclm":
            continue
        other = parts[1] if len(parts) > 1 else "__init__"
        assert layer(other) <= layer(unit(path)), f"{path.name} imports {name}"
        assert {unit(path), other} not in APART, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_one_place(path: Path) -> None:
    """The rest of the code cannot tell which library does it."""
    place = path.relative_to(PACKAGE)
    for name in imports(path):
        allowed = THIRD_PARTY.get(name.split(".")[0])
        assert allowed is None or allowed & {str(place), place.parts[0]}, f"{place}: {name}"


def test_names_say_something() -> None:
    """No module is called utils, helpers, core ..."""
    assert not {path.stem for path in [*MODULES, *BENCHMARKS]} & VAGUE


def test_the_package_itself_loads_nothing() -> None:
    """The command can look after Ctrl-C before what takes long is loaded; the names come when they are asked for."""
    look = "import sys, codeclm.__main__ as m; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    )
    assert not {*loaded.stdout.split()} & {*THIRD_PARTY, "asyncio"}


def test_the_version_is_told_at_once() -> None:
    """Nothing is loaded for it, and it is what the whole command line tells where that is asked."""
    ask = "import sys; sys.argv = ['codeclm', '--version']; from codeclm.{module} import main\n"
    look = "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, *sys.modules)"
    told: list[str] = []
    for module in ("__main__", "cli"):
        script = ask.format(module=module) + look
        ran = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        version, modules = ran.stdout.splitlines()
        code, *loaded = modules.split()
        told.append(f"{version} {code}")
        if module == "__main__":
            assert not {name.split(".")[0] for name in loaded} & {*THIRD_PARTY, "asyncio"}
    assert told[0] == told[1] == f"codeclm {codeclm.__version__} 0"


def test_public_names_are_listed_and_sorted() -> None:
    """``__all__`` is what there is, in order, and each name exists."""
    assert codeclm.__all__ == sorted(codeclm.__all__)
    assert all(hasattr(codeclm, name) for name in codeclm.__all__)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_package_stands_alone(path: Path) -> None:
    """What measures and tests it is not needed to run it."""
    assert not {name.split(".")[0] for name in imports(path)} & {"benchmarks", "tests"}


def test_a_run_loads_only_what_it_needs() -> None:
    """No simulator, no server, no YAML without a file, nothing that draws for nobody."""
    look = (
        "import sys, codeclm.cli, codeclm.run_cli as cli\n"
        "model = {'model': 'openai:a'}\n"
        "cli.load_settings(None, {'models': {'strong': model, 'target': model}})\n"
        "cli.view_for(cli.Progress.auto)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True
    ).stdout.split()
    needless = (
        "aiohttp.web",
        "codeclm.bench",
        "codeclm.demo",
        "codeclm.report",
        "codeclm.simulator",
        "prometheus_client",
        "rich",
        "yaml",
    )
    assert [
        name for name in loaded if f"{name}.".startswith(tuple(f"{one}." for one in needless))
    ] == []
