"""The benchmark of peers, as far as it needs no framework: jobs, what is missing, the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.endpoint import endpoint
from benchmarks.peers.catalogue import BARE, FRAMEWORKS, OURS, PEERS, chosen
from benchmarks.peers.environments import Unavailable, prepared, quiet, version_of
from benchmarks.peers.job import CLIENTS, Size, run_job
from benchmarks.peers.measure import ABSENT, Measuring, measure, to_result
from benchmarks.peers.memory import Highest
from benchmarks.peers.table import HEAD, lines, markdown, table
from benchmarks.peers.trial import METRICS, Terms
from benchmarks.repeats import Sample
from benchmarks.result import read, write

TERMS = Terms(Size(calls=40, in_flight=8, patience_s=30), latency_s=0)
HOLD_SOME = "x = bytearray(30_000_000); print(); input()"


def sample(**figures: float) -> Sample:
    return {**dict.fromkeys(METRICS, 2.0), "resume_hung": 0.0, "resume_broke": 0.0, **figures}


def test_each_client_is_a_script_with_pinned_requirements() -> None:
    """Each client has its script, and the version of each is known before anything is installed."""
    for peer in PEERS.values():
        assert (CLIENTS / f"{peer.client}.py").is_file()
        assert version_of(peer)
    assert {*FRAMEWORKS, BARE, OURS} <= {*PEERS}


def test_names_are_checked() -> None:
    """``--only`` takes some, keeps the order of the table, and refuses a name that there is not."""
    assert chosen("") == [*PEERS]
    assert chosen("distilabel, aiohttp") == ["aiohttp", "distilabel"]
    with pytest.raises(ValueError, match="no client is called 'distilable'"):
        chosen("distilabel,distilable")


def test_a_missing_environment_is_a_row(tmp_path: Path) -> None:
    """What cannot be installed is told in the table, in JSON and in Markdown, and measures nothing."""
    result = measure(["distilabel"], TERMS, 1, print, place=tmp_path, install=False)
    assert result.rows == ()
    assert lines(read(write(result, tmp_path))) == [["distilabel", "not installed", *[""] * 6]]
    assert "| distilabel | not installed |" in markdown(result)
    assert table(result).row_count == 1


def test_what_broke_is_not_tried_again() -> None:
    """A client that breaks has no figures, a reason, and costs no further time."""
    tried = []

    def attempt(*_: object) -> Sample:
        tried.append(1)
        raise Unavailable("broke: no such model")

    measuring = Measuring(TERMS, attempt)
    run = measuring.runs({"curator": Path(sys.executable)})["curator"]
    assert run() == run() == {}
    assert len(tried) == 1
    result = to_result({"curator": [{}, {}]}, measuring.absent, TERMS, 2)
    assert result.settings[f"{ABSENT}curator"] == "broke: no such model"
    assert not result.rows


def test_ratios_are_those_to_the_best_framework_of_the_repeat() -> None:
    """The best framework may be another one in each repeat; the SDKs are none."""
    cpu = "cpu_ms_a_call_job"
    found = {
        OURS: [sample(**{cpu: 0.5}), sample(**{cpu: 0.5})],
        "openai-httpx": [sample(**{cpu: 1.0})] * 2,
        "curator": [sample(**{cpu: 5.0}), sample(**{cpu: 7.0})],
        "distilabel": [sample(**{cpu: 6.0}), sample(**{cpu: 6.0})],
    }
    rows = [row for row in to_result(found, {}, TERMS, 2).rows if "best" in row.name]
    assert [row.values for row in rows if row.metric == cpu] == [(10.0, 12.0)]
    assert {row.metric: row.target for row in rows}[cpu] == 10


def test_the_table_has_medians_and_says_what_hung() -> None:
    """A line a client, medians of the repeats, and how often a resumed run had to be ended."""
    hung = [sample(rows_lost=40.0, resume_hung=1.0), sample(rows_lost=40.0), sample(wall_s=1.0)]
    result = to_result({"distilabel": hung, BARE: [sample(peak_mb=61.26)] * 3}, {}, TERMS, 3)
    bare, distilabel = lines(result)
    assert bare[0].startswith("bare aiohttp loop ")
    assert bare[5] == "61.3"
    assert distilabel[7] == "2 / 40 (hung: ended after 30 s, 1 of 3 times)"
    assert {len(cells) for cells in lines(result)} == {len(HEAD)}


def test_a_job_is_done_killed_and_done_again(tmp_path: Path) -> None:
    """Killed half-way and run again, this project's client loses no row, and pays at most what was in flight twice."""
    peer, place = PEERS[OURS], tmp_path / "job"
    python = prepared(peer)
    with endpoint(0.02) as served:
        killed = run_job(peer, python, served, place, TERMS.size, kill_at=20)
        resumed = run_job(peer, python, served, place, TERMS.size)
        assert killed.rows is None
        assert resumed.rows == 40
        assert not resumed.hung
        assert served.stats().repeated <= TERMS.size.in_flight


def test_a_client_that_breaks_says_why(tmp_path: Path) -> None:
    """The last words of a client that breaks are the reason in its row."""
    with endpoint() as served, pytest.raises(Unavailable, match=r"broke: \w+Error"):
        python = Path(sys.executable)  # which has no such framework
        run_job(PEERS["openai-httpx"], python, served, tmp_path / "job", TERMS.size)


def test_nothing_is_told_to_anyone(tmp_path: Path) -> None:
    """Telemetry is off and caches lie in the given directory."""
    found = quiet(PEERS["curator"], tmp_path, tmp_path)
    assert found["HOME"] == str(tmp_path)
    assert {found["TELEMETRY_ENABLED"], found["NEMO_TELEMETRY_ENABLED"]} == {"false"}


def test_prompts_are_distinct_and_of_one_length() -> None:
    """Prompts are what the endpoint tells answers apart by; a smaller job's are a larger one's first."""
    look = (
        "import json, job, pathlib; j = job.Job('', 50, 1, pathlib.Path(), '')"
        "; print(json.dumps(j.prompts())); j.tell([(j.prompts()[0], 'a'), ('?', 'b')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", look], cwd=CLIENTS, capture_output=True, text=True, check=True
    )
    prompts, told = map(json.loads, ran.stdout.splitlines())
    assert len({*prompts}) == 50
    assert {len(prompt) for prompt in prompts} == {600}
    assert told == {"rows": 1, "more_rows": 1}


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc here")
def test_memory_of_a_session_is_seen() -> None:
    """What a child in a session of its own holds is counted."""
    command = [sys.executable, "-c", HOLD_SOME]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        highest = Highest()
        highest.look()
        child.communicate(b"\n")
    assert 25 < highest.mb < 1_000
