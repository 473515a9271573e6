"""``codeclm bench`` as a command: what it refuses, what it asks, what it leaves, how it is stopped."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner

from codeclm.bench.command import BenchOrder, ask, bench_command, planned
from codeclm.cli import app
from codeclm.errors import CodecLMError, UsageError
from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.chat_server import always, chat_server, fine, in_turn
from tests.killing import answered
from tests.test_cli import codeclm

NOWHERE = "openai:m@http://127.0.0.1:9/v1"
FAR = "openai:m@http://192.0.2.1:9/v1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with inputs good and bad."""
    path = tmp_path_factory.mktemp("bench")
    (path / "prompts.txt").write_text("one\ntwo\n")
    (path / "empty.txt").write_text("")
    (path / "taken").mkdir()
    (path / "taken" / "file").write_text("x")
    (path / "no-models.yaml").write_text("seed: 1\n")
    return path


BAD = [
    ((), "no model; give --model PROVIDER:MODEL"),
    (("--model", "opnai:m"), "did you mean 'openai'?"),
    (("--model", "openai:gpt-4.1"), "OPENAI_API_KEY"),
    (("--model", NOWHERE, "--in-flight", "many"), "no list of numbers"),
    (("--model", NOWHERE, "--in-flight", "0"), "no list of numbers"),
    (("--model", NOWHERE, "--in-flight", "4,99999"), "from 1 to 20,000"),
    (("--model", NOWHERE, "--in-flight", "4", "--sweep"), "give either --in-flight or --sweep"),
    (("--model", NOWHERE, "--in-flight", "64", "--max-in-flight", "32"), "max_in_flight allows 32"),
    (("--model", NOWHERE, "--requests", "0"), "greater than or equal to 1"),
    (("--model", NOWHERE, "--temperature", "9"), "temperature"),
    (("--model", NOWHERE, "--stage", "jduge"), "no stage 'jduge'; there are encode, decode"),
    (("--model", NOWHERE, "--prompts", "none.txt"), "none.txt: cannot be read"),
    (("--model", NOWHERE, "--prompts", "empty.txt"), "empty.txt: no prompt in it"),
    (
        ("--model", NOWHERE, "--prompts", "prompts.txt", "--stage", "judge"),
        "give either --prompts or --stage",
    ),
    (("--model", NOWHERE, "-o", "taken"), "taken: not an empty directory"),
    (("--config", "no-models.yaml"), "no-models.yaml: no models"),
    (("--model", FAR, "--in-flight", "999"), "up to 5,994 calls to openai:m@http://192.0.2.1:9/v1"),
    (("--model", FAR, "--seconds", "5"), "say --yes"),
    (("--model", NOWHERE, "--ask-below", "3"), "--ask-below"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_orders_are_one_clear_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    """What is wrong and how to mend it; exit code 2; nothing written."""
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    done = CliRunner().invoke(app, ["bench", *arguments], standalone_mode=False)
    assert isinstance(done.exception, CodecLMError | typer.TyperException)
    assert done.exception.exit_code == 2
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert sorted(place.rglob("*")) == before


def test_nobody_there_is_one_clear_line(place: Path) -> None:
    """As the process itself says it: exit code 2, no traceback, no directory."""
    before = sorted(place.rglob("*"))
    ended = codeclm("bench", "--model", NOWHERE, "--stage", "encode", cwd=place)
    assert ended.returncode == 2
    assert ended.stderr == "codeclm: no server at http://127.0.0.1:9/v1 (Connection refused)\n"
    assert sorted(place.rglob("*")) == before


def test_the_help_loads_nothing_of_it() -> None:
    """Only who measures pays for what measuring needs."""
    look = (
        "import sys; from codeclm.cli import main\n"
        "sys.argv = ['codeclm', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print([name for name in sys.modules if name.startswith(('codeclm.bench.', 'pygal'))])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", look, "bench", "--help"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.endswith("0\n[]\n")
    assert "--in-flight" in ended.stdout


def test_a_benchmark_from_end_to_end(base_url: str, tmp_path: Path) -> None:
    """Prints a table and sentences, and writes three files into a directory named after the model."""
    order = ("bench", "--model", f"openai:sim-strong@{base_url}", "--in-flight", "1,4")
    ended = codeclm(*order, "--requests", "20", "--seed", "7", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    for words in ("judge 52", "seed 7", "effi-", " limit", "report: bench-sim-strong-"):
        assert words in ended.stdout
    [directory] = tmp_path.iterdir()
    names = {path.name for path in directory.iterdir()}
    assert names == {"bench.json", "bench.csv", "report.html"}
    report = json.loads((directory / "bench.json").read_bytes())
    assert [level["in_flight"] for level in report["levels"]] == [1, 4]
    assert all(level["answers"] >= 19 and not level["errors"] for level in report["levels"])


def test_settings_of_a_run_and_prompts_of_the_user(base_url: str, place: Path) -> None:
    """The model of a party, with its limits; flags go over them; the sweep stays within them."""
    (place / "settings.yaml").write_text(
        f"models:\n  strong: {{model: 'openai:nobody@{base_url}'}}\n"
        f"  target: {{model: 'openai:sim-target@{base_url}', max_in_flight: 3, tokens_per_minute: 9000000}}\n"
    )
    order = ("bench", "--config", "settings.yaml", "--party", "target", "--sweep")
    ended = codeclm(
        *order, "--requests", "10", "--prompts", "prompts.txt", "--max-tokens", "9", "-o", "out",
        cwd=place,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    report = json.loads((place / "out" / "bench.json").read_bytes())
    assert max(level["in_flight"] for level in report["levels"]) <= 3
    assert report["settings"]["tokens_per_minute"] == 9_000_000
    assert report["settings"]["max_tokens"] == 9
    assert report["prompts"] == {"prompts": 2, "shares": "prompts 100.0%"}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_interrupted_it_writes_what_it_has(tmp_path: Path) -> None:
    """Calls under way finish, the figures so far are printed and written, exit code 4."""
    options = ServerOptions(latency_s=0.05, record_calls=True)
    async with SimulatorServer(World(), options) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codeclm", "bench", "--in-flight", "4", "--requests", "100000"),
            *("--model", f"openai:sim-strong@{server.base_url}", "-o", str(tmp_path / "out")),
            stdout=PIPE,
            stderr=PIPE,
        )
        await answered(server, 60, child)
        child.send_signal(signal.SIGINT)
        said, complaint = await child.communicate()
        assert server.log.abandoned == 0
        assert server.log.answered == server.log.requests
        assert server.log.max_in_flight == 4
        assert server.log.paid_again == 0
        assert set(server.log.received.values()) == {1}
    assert child.returncode == 4
    assert complaint == b"codeclm: interrupted\n"
    assert b"stopping: calls under way finish" in said
    report = json.loads((tmp_path / "out" / "bench.json").read_bytes())
    assert report["stopped"] == "interrupted"
    [level] = report["levels"]
    assert level["answers"] >= 40
    assert level["in_flight_peak"] == 4


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_interrupted_twice_it_does_not_wait(tmp_path: Path) -> None:
    """Calls that hang are given up, and count for nothing; what was measured before is written."""
    hanging = asyncio.Event()
    released = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        hanging.set()
        await released.wait()
        return await fine(request)

    async with chat_server(in_turn(*[fine] * 60, hang)) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codeclm", "bench", "--in-flight", "2", "--requests", "1000"),
            *("--stage", "encode", "--model", f"openai:m@{server.base_url}"),
            *("-o", str(tmp_path / "out")),
            stdout=PIPE,
            stderr=PIPE,
        )
        assert child.stdout is not None
        await hanging.wait()
        child.send_signal(signal.SIGINT)
        said = b""
        while b"once more to stop at once" not in said:
            said += await child.stdout.readline()
        child.send_signal(signal.SIGINT)
        await child.communicate()
        released.set()
    assert child.returncode == 4
    report = json.loads((tmp_path / "out" / "bench.json").read_bytes())
    [level] = report["levels"]
    assert level["answers"] >= 45
    assert level["errors"] == {}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_interrupted_before_anything_was_measured(tmp_path: Path) -> None:
    """The tiny first call is not waited for, and nothing is left behind."""
    async with SimulatorServer(World(), ServerOptions(latency_s=3600)) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codeclm", "bench", "--in-flight", "4", "--stage", "encode"),
            *("--model", f"openai:sim-strong@{server.base_url}", "-o", str(tmp_path / "out")),
            stdout=PIPE,
            stderr=PIPE,
        )
        while server.log.in_flight < 1:
            await asyncio.sleep(0.001)
        child.send_signal(signal.SIGINT)
        said, _ = await child.communicate()
    assert child.returncode == 4
    assert b"nothing was measured" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_endpoint_that_answers_nothing(tmp_path: Path) -> None:
    """Every call fails: exit code 2 as from a run whose requests are all refused alike, its message escaped."""
    message = {"error": {"message": "<script>alert(1)</script>", "type": "invalid_request_error"}}
    async with chat_server(in_turn(fine, always(400, message))) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "codeclm", "bench", "--in-flight", "2", "--requests", "20"),
            *("--model", f"openai:m@{server.base_url}", "-o", str(tmp_path / "out")),
            stdout=PIPE,
            stderr=PIPE,
        )
        await child.communicate()
    report = json.loads((tmp_path / "out" / "bench.json").read_bytes())
    text = (tmp_path / "out" / "report.html").read_text()
    assert child.returncode in {2, 3}
    assert "<script>" in json.dumps(report["error_messages"])
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def order(confirm: Callable[[str], bool] | None, **changed: Any) -> BenchOrder:
    values: dict[str, Any] = {
        "model": {"model": FAR},
        "config": None,
        "party": "strong",
        "in_flight": "4",
        "sweep": False,
        "requests": 2000,
        "seconds": None,
        "prompts": Path("prompts.txt"),
        "stages": (),
        "seed": 1,
        "output": None,
        "ask_above": 1000,
        "yes": False,
        "confirm": confirm,
    }
    return BenchOrder(**{**values, **changed})


def test_it_asks_before_many_calls(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their number and size; without the user's word nothing is sent or made."""
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    for one in (order(no), order(no, requests=None, seconds=5.0)):
        with pytest.raises(UsageError, match="nothing was sent"):
            bench_command(one)
    assert (
        "up to 2,012 calls to openai:m@http://192.0.2.1:9/v1, of about 1 input tokens each"
        in asked[0]
    )
    assert "as many calls as fit into the time" in asked[1]
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "changed",
    [{"yes": True}, {"requests": 10}, {"ask_above": 5000}, {"model": {"model": NOWHERE}}],
    ids=["--yes", "few", "--ask-above", "loopback"],
)
def test_it_does_not_ask_otherwise(
    place: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    """Told to go on, for few calls, or on this machine."""
    monkeypatch.chdir(place)

    def never(question: str) -> bool:
        raise AssertionError(question)

    for confirm in (never, None):
        one = order(confirm, **changed)
        ask(planned(one), one)


@pytest.mark.parametrize(
    ("in_flight", "most", "levels"),
    [
        (None, None, (1, 8, 64, 256)),
        (None, 100, (1, 8, 64, 100)),
        (None, 1, (1,)),
        ("5,3,5", None, (5, 3)),
        ("5,3", 5, (5, 3)),
    ],
)
def test_levels_keep_to_the_limit(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_flight: str | None,
    most: int | None,
    levels: tuple[int, ...],
) -> None:
    """Those that nobody asked for are cut to it, and the client is held to the highest."""
    monkeypatch.chdir(place)
    model = {"model": NOWHERE, "max_in_flight": most}
    plan = planned(order(None, model=model, in_flight=in_flight))
    assert plan.levels == levels
    assert plan.spec.max_in_flight == plan.most == max(levels)
    assert not plan.spec.adaptive


def test_the_number_of_calls_is_a_bound(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep's counts its every level; with a time alone there is none."""
    monkeypatch.chdir(place)
    sweep = planned(order(None, in_flight=None, sweep=True, requests=10))
    levels = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512, 512]
    assert sweep.most_calls == 1 + sum(max(8, level) + 10 + level - 1 for level in levels)
    assert planned(order(None, requests=None, seconds=3.0)).most_calls is None
    default = planned(order(None, requests=None, in_flight="1,100")).most_calls
    assert default == 1 + (8 + 200) + (100 + 400 + 99)
