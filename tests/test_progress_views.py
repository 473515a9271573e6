"""How a run is shown: the picture at two widths, plain lines, JSON lines; from fixed data."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from codeclm.console import Progress, view_for
from codeclm.errors import EndpointRefused, UsageError
from codeclm.live import LiveView, choose_view, picture
from codeclm.llm.held_up import Cause
from codeclm.llm.limits import Allowance
from codeclm.progress import (
    Accepted,
    JsonView,
    NoView,
    PlainView,
    Recent,
    RunBegan,
    RunEnded,
    Snapshot,
    View,
    Views,
)
from codeclm.progress.words import brief, clock_time, seconds_words
from tests.snapshots import endpoint, latencies, snapshot, stage

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 1, 2, 13, 45, 0)

CALLS = {"calls": 8_000, "cache_hits": 120, "input_tokens": 2_400_000, "output_tokens": 900_000}
STAGES = (
    stage("encode", 0, 0, 200),
    stage("decode", 20, 8, 300),
    stage("improve", 0, 12, 900),
    stage("respond", 130, 64, 1_900, 2),
    stage("judge", 0, 30, 1_800, 10),
    stage("filter", 0, 0, 1_790),
)
LATER_STAGES = (
    *STAGES[:3],
    stage("respond", 120, 64, 2_050, 2),
    stage("judge", 0, 31, 1_940, 10),
    stage("filter", 0, 0, 1_925),
)
QUICK, SLOW = latencies(*[0.04] * 90, *[0.2] * 10), latencies(*[1.0] * 50, *[4.0] * 50)


def before() -> Snapshot:
    return snapshot(
        100,
        endpoint("gpt-4o", answers=5_000, input_tokens=1_500_000, output_tokens=600_000),
        endpoint("my-model", answers=3_000, input_tokens=900_000, output_tokens=300_000),
        stages=STAGES,
        wanted=2_000,
        finished=(400, 380, 10),
        calls=CALLS,
        cost=2.0,
    )


def healthy() -> Snapshot:
    """Calls in flight are what limits."""
    return snapshot(
        110,
        endpoint(
            "gpt-4o",
            in_flight=64,
            waiting=88,
            busy_s=640,
            held_up={(Cause.in_flight, "respond"): 9.5},
            answers=5_600,
            input_tokens=1_700_000,
            output_tokens=650_000,
            latencies=SLOW,
        ),
        endpoint(
            "my-model",
            allowed=16,
            in_flight=3,
            busy_s=30,
            answers=3_150,
            input_tokens=940_000,
            output_tokens=312_000,
            latencies=QUICK,
        ),
        stages=LATER_STAGES,
        wanted=2_000,
        finished=(440, 400, 10),
        calls={**CALLS, "calls": 8_750},
        accepted=(Accepted(1, 300, 900), Accepted(2, 100, 500), Accepted(3, 40, 380)),
        cost=2.25,
    )


def limited() -> Snapshot:
    """A limit on tokens is in force, the other endpoint pauses; prices are not known, nor is the end."""
    tokens = Allowance(64, output_tokens_per_minute=90_000)
    return snapshot(
        110,
        endpoint(
            "gpt-4o",
            allowance=tokens,
            in_flight=9,
            waiting=140,
            busy_s=90,
            held_up={(Cause.output_tokens, "judge"): 9.9},
            answers=5_025,
            input_tokens=1_510_000,
            output_tokens=615_000,
            latencies=SLOW,
        ),
        endpoint(
            "a-rather-long-name-of-a-model-70b-instruct",
            allowed=40,
            busy_s=30,
            rate_limited=12,
            retries=3,
            paused_left_s=12.0,
            answers=3_150,
        ),
        stages=LATER_STAGES,
        wanted=0,
        finished=(440, 400, 10),
        calls={**CALLS, "calls": 8_050},
    )


def down() -> Snapshot:
    """One endpoint is out of service, in another script."""
    return snapshot(
        110,
        endpoint("模型-70b", waiting=20, is_down=True, down_for_s=42, failures=10, retries=10),
        stages=LATER_STAGES,
        finished=(440, 400, 10),
    )


def shown(later: Snapshot, width: int) -> str:
    recent = Recent(before())
    recent.add(later)
    console = Console(file=io.StringIO(), record=True, width=width)
    console.print(picture(recent, width, NOW))
    return "".join(f"{line.rstrip()}\n" for line in console.export_text().splitlines())


SCENES = {"healthy": healthy, "limited": limited, "down": down}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("scene", SCENES)
def test_the_picture(scene: str, width: int) -> None:
    """Line by line what is on file, and nowhere wider than the terminal."""
    text = shown(SCENES[scene](), width)
    assert text == (GOLDEN / f"live_{scene}_{width}.txt").read_text("utf-8")
    console = Console()
    assert max(console.measure(line).maximum for line in text.splitlines()) <= width


def test_a_narrow_terminal_cuts_and_does_not_wrap() -> None:
    """At 40 columns each row is one line still."""
    assert len(shown(healthy(), 40).splitlines()) <= len(shown(healthy(), 80).splitlines()) + 1


def test_the_live_view_draws_in_place_and_says_above() -> None:
    """On a terminal: what is said stays, markup in it is text, and what is drawn goes away at the end."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    with LiveView(console, now=lambda: NOW) as view:
        view.show(before())
        view.say("[bold]careful[/]")
        view.show(healthy())
        assert "840 instructions" not in out.getvalue()
        assert "limited by 64 calls in flight" in out.getvalue()
    assert "[bold]careful[/]" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")


def test_what_takes_long_to_draw_is_drawn_less_often() -> None:
    """Its share of the machine is the same, however slow that is; but not too seldom to be looked at."""
    ticks = iter([0.0, 0.004, 1.0, 1.0001, 2.0, 3.0])
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with LiveView(console, cpu_clock=lambda: next(ticks)) as view:
        view.show(before())  # it loads what it needs: nothing follows from that
        for expected_s in (2.0, 0.4, 5.0):
            view.show(healthy())
            assert view.interval_s == pytest.approx(expected_s)


def test_on_a_crowded_machine_it_is_drawn_less_often() -> None:
    """Where the run could have used a second, and got a quarter of it, looking gets a quarter too."""
    ticks = iter([0.0, 0.001, 0.251, 0.252, 1.252, 1.253])
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with LiveView(console, cpu_clock=lambda: next(ticks)) as view:
        view.show(snapshot(0))
        for cpu_s, expected_s in ((0.0, 0.5), (1.0, 2.0), (2.0, 0.5)):
            view.show(snapshot(cpu_s + 1, cpu_s=cpu_s))
            assert view.interval_s == pytest.approx(expected_s)


def test_a_dumb_terminal_and_a_pipe_get_lines() -> None:
    """The picture needs a terminal that can move its cursor, or a notebook."""
    terminal = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"})
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(choose_view(terminal), LiveView)
    assert isinstance(choose_view(Console(file=io.StringIO(), force_jupyter=True)), LiveView)
    assert isinstance(choose_view(dumb), PlainView)
    assert isinstance(choose_view(Console(file=io.StringIO())), PlainView)


def test_plain_lines() -> None:
    """One now and then, with all that matters in it."""
    lines: list[str] = []
    view = PlainView(lines.append, every_s=10)
    view.show(before())
    view.show(healthy())
    view.show(snapshot(112))
    view.say("something")
    assert lines == [
        "0:01:40  790 of 2,000 instructions, 400 selected, 380 discarded, 10 failed, "
        "8,000 calls (0/s), 120 cache hits, $2.00; starting",
        "0:01:50  850 of 2,000 instructions, 440 selected, 400 discarded, 10 failed, "
        "8,750 calls (75/s), 120 cache hits, $2.25 of about $7.04, 0:03:12 left; "
        "limited by 64 calls in flight of gpt-4o, respond stage",
        "something",
    ]


def began(**more: Any) -> RunBegan:
    return RunBegan(Path("runs/first"), "0" * 64, ("openai:gpt-4o",), 2_000, 1, **more)


def ended(**more: Any) -> RunEnded:
    usual: dict[str, Any] = {
        "exit_code": 4,
        "state": "stopped",
        "reason": "interrupted",
        "error": "RunStopped",
        "counts": {"selected": 440},
        "calls": {"calls": 8_750},
        "cost": None,
        "wall_time_s": 110.0,
        "dataset": None,
    }
    return RunEnded(**(usual | more))


def json_view(lines: list[str]) -> JsonView:
    return JsonView(lines.append, lambda: datetime(2026, 1, 2, 3, 4, 5, 678901, UTC))


def test_json_lines() -> None:
    """A start, then objects of one schema, then an end: what is on file."""
    lines: list[str] = []
    with json_view(lines) as view:
        view.notice(began())
        view.show(before())
        view.show(limited())
        view.say('a "line"')
        view.notice(ended())
    found = [json.loads(line) for line in lines]
    assert all(found[0].pop(name) for name in ("pid", "codeclm"))
    golden = (GOLDEN / "progress.jsonl").read_text("utf-8").splitlines()
    assert found == [json.loads(line) for line in golden]
    assert all("\n" not in line for line in lines)


def test_json_lines_end_however_the_run_ends() -> None:
    """An error of ours with its words and exit code, a bug with its name only; once."""
    for error, expected in (
        (UsageError("no room"), (2, "no room", "UsageError")),
        (EndpointRefused("bad key"), (2, "bad key", "EndpointRefused")),
        (ZeroDivisionError("secret"), (1, "", "ZeroDivisionError")),
    ):
        lines: list[str] = []
        with pytest.raises(type(error)), json_view(lines):
            raise error
        end = json.loads(lines[-1])
        assert (end["exit_code"], end["reason"], end["error"]) == expected
    lines = []
    with pytest.raises(UsageError), json_view(lines) as view:
        view.notice(ended())
        raise UsageError("too late")
    assert [json.loads(line)["event"] for line in lines] == ["start", "end"]


class Noting(NoView):
    def __init__(self, interval_s: float = 1.0, broken: bool = False) -> None:
        self.interval_s, self.seen, self._broken = interval_s, [], broken  # type: ignore[var-annotated]

    def __enter__(self) -> Noting:
        if self._broken:
            raise UsageError("no room")
        self.seen.append("in")
        return self

    def __exit__(self, *_: object) -> None:
        self.seen.append("out")

    def say(self, line: str) -> None:
        self.seen.append(line)

    def notice(self, event: object) -> None:
        self.seen.append(event)


def test_several_views_are_one() -> None:
    """Each is told everything, and shown as often as the one that wants most."""
    one, other = Noting(2.0), Noting(0.5)
    views: View = Views([one, other])
    with views:
        views.say("x")
        views.notice(1)
        views.show(before())
        assert views.interval_s == 0.5
    assert one.seen == other.seen == ["in", "x", 1, "out"]
    assert not views.is_for_machines
    assert Views([one, json_view([])]).is_for_machines


def test_where_one_view_cannot_begin_the_others_end() -> None:
    """Nothing is left open."""
    one = Noting()
    with pytest.raises(UsageError), Views([Noting(broken=True), one]):
        pass
    assert one.seen == ["in", "out"]


def test_a_long_run_needs_no_more_memory() -> None:
    """A day of snapshots: the course is thinned, the speed is right still."""
    recent = Recent(snapshot(0, wanted=90_000))
    for second in range(1, 86_401):
        recent.add(snapshot(second, wanted=90_000, finished=(second, 0, 0), cost=second / 100))
    assert len(recent._course) <= 200
    assert len(recent._snapshots) <= 12
    assert recent.left_s() == pytest.approx(3_600, rel=0.01)
    assert recent.projected_cost() == pytest.approx(900, rel=0.01)


def test_what_is_not_known_is_not_guessed() -> None:
    """No time left and no cost where nothing is finished, the end is not known, or a price is not."""
    recent = Recent(snapshot(0))
    assert recent.left_s() is recent.projected_cost() is None
    recent.add(snapshot(10, cost=1.0))
    assert recent.left_s() is recent.projected_cost() is None
    recent.add(snapshot(20, wanted=0, finished=(5, 0, 0)))
    assert recent.left_s() is recent.projected_cost() is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.04, "0.0"),
        (9.94, "9.9"),
        (9.96, "10"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (99_960, "100k"),
        (1_234_567, "1.2M"),
        (4e9, "4.0G"),
        (5e12, "5.0T"),
    ],
)
def test_numbers_are_brief(number: float, text: str) -> None:
    """Five characters at the most."""
    assert brief(number) == text


def test_times_are_words() -> None:
    """For persons."""
    words = [seconds_words(one) for one in (None, 0.0123, 0.2, 9.94, 75.0)]
    assert words == ["-", "12 ms", "0.20 s", "9.94 s", "75 s"]
    assert clock_time(3723.4) == "1:02:03"


def test_who_is_asked_for_looks_on(tmp_path: Path) -> None:
    """One view for each flag; and one alone is not wrapped."""
    kinds = {Progress.none: NoView, Progress.plain: PlainView, Progress.rich: LiveView}
    for progress, kind in {**kinds, Progress.json: JsonView, Progress.auto: PlainView}.items():
        assert type(view_for(progress)) is kind
    both = view_for(Progress.none, tmp_path / "log", 9464)
    assert isinstance(both, Views)
    assert [type(one).__name__ for one in both._views] == ["NoView", "LogFile", "Metrics"]
    assert not [*tmp_path.iterdir()]
