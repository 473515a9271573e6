"""The endpoint and the processes that benchmarks measure with."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable

import orjson
import pytest

from benchmarks.answers import answer_to
from benchmarks.child import run_child
from benchmarks.endpoint import endpoint
from codeclm.stages.augment import parse_yes_no
from codeclm.stages.decode import parse_instructions
from codeclm.stages.encode import parse_metadata
from codeclm.stages.improve import parse_instruction
from codeclm.stages.judge import parse_scores
from codeclm.stages.rubrics import parse_rubrics
from codeclm.stages.templates import load_templates

VARIABLES: dict[str, object] = {
    "instruction": "Explain tides.",
    "use_case": "explaining",
    "skills": ("physics", "clear writing"),
    "count": 4,
    "action": "Ask for more.",
    "first_response": "One.",
    "second_response": "Two.",
}
PARSERS: dict[str, Callable[[str], object]] = {
    "encode": parse_metadata,
    "pairs": parse_yes_no,
    "decode": parse_instructions,
    "rubrics": parse_rubrics,
    "improve": parse_instruction,
    "judge": parse_scores,
}


def request(prompt: str) -> bytes:
    return orjson.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]})


def text_of(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.rpartition(b"Content-Length: ")[2]) == len(body)
    return str(json.loads(body)["choices"][0]["message"]["content"])


@pytest.mark.parametrize("stage", PARSERS)
def test_every_stage_can_read_its_answer(stage: str) -> None:
    """The pipeline's own prompts get texts that its own parsers read."""
    template = load_templates()[stage]
    known = {name: VARIABLES[name] for name in template.requires}
    text = text_of(answer_to(request(template.render(known)), 7))
    assert PARSERS[stage](text)


def test_instructions_differ_from_request_to_request() -> None:
    """Decoding gives five instructions, and others for another request."""
    body = request("You write instructions that people ask for.")
    one, other = (parse_instructions(text_of(answer_to(body, mark))) for mark in (1, 2))
    assert len({*one, *other}) == 10


def test_equal_requests_get_equal_answers_and_are_counted() -> None:
    """What is paid twice shows, over real HTTP."""
    with endpoint(core=None) as served:
        url = served.base_url + "/chat/completions"
        bodies = [request("Hello"), request("Hello"), request("Good bye")]
        answers = [urllib.request.urlopen(url, data=body).read() for body in bodies]
        assert answers[0] == answers[1] != answers[2]
        stats = served.stats()
    assert (stats.requests, stats.repeated) == (3, 1)


def test_a_child_is_measured_with_its_children() -> None:
    """CPU and memory of what the process starts count too, and its last line is its own figures."""
    burn = "import time; x = bytearray(120 << 20); t = time.process_time()\nwhile time.process_time() - t < 0.2: pass"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print('{{\"calls\": 3}}')"
    ran = run_child([sys.executable, "-c", script], timeout_s=30, core=None)
    assert ran.figures() == {"calls": 3}
    assert ran.cpu_s >= 0.2
    assert ran.peak_mb >= 120
    assert ran.wall_s >= 0.2


def test_a_child_that_hangs_is_killed() -> None:
    """A client that never ends costs its time limit, and that is told."""
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    ran = run_child(sleeper, timeout_s=0.3, core=None)
    assert ran.timed_out
    assert ran.exit_code == -9
    with pytest.raises(RuntimeError, match="did not end well in time"):
        ran.figures()


def test_a_child_can_be_killed_half_way() -> None:
    """It is killed as soon as the condition holds, and that is no timeout."""
    looks = iter([False, False, True])
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    ran = run_child(sleeper, timeout_s=60, core=None, kill_after=lambda: next(looks))
    assert ran.exit_code == -9
    assert not ran.timed_out


def test_a_child_that_fails_tells_its_last_words() -> None:
    """The error of a measured process is not lost."""
    ran = run_child([sys.executable, "-c", "raise SystemExit('no such thing')"], timeout_s=30)
    with pytest.raises(RuntimeError, match="no such thing"):
        ran.figures()
