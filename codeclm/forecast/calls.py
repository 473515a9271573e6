"""The call graph as arithmetic: from a workload and a profile to calls and tokens, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codeclm.forecast.profile import NOTHING, Key, Profile, Use
from codeclm.forecast.workload import Workload

__all__ = ["STAGES", "Line", "lines", "made"]

STAGES = ("encode", "pairs", "decode", "rubrics", "improve", "respond", "judge")


@dataclass(frozen=True, slots=True)
class Line:
    """Calls of one stage to one role, in one iteration (0 before there are instructions), with all their tokens."""

    stage: str
    role: str
    iteration: int
    calls: float
    input: float
    output: float


def lines(work: Workload, profile: Profile) -> list[Line]:
    """What ``work`` takes where all goes as ``profile`` says; nothing is rounded."""
    return [line for line in (*_before(work, profile), *_each(work, profile)) if line.calls]


def made(work: Workload, profile: Profile) -> float:
    """Instructions that there will be."""
    return work.instructions * profile.kept


def _before(work: Workload, profile: Profile) -> Iterator[Line]:
    uses = profile.uses
    encode = uses.get("encode", NOTHING)
    longer = work.prompt_bytes / profile.prompt_bytes if profile.prompt_bytes else 1.0
    yield _line(
        "encode", "strong", 0, work.seeds, Use(encode.calls, encode.input * longer, encode.output)
    )
    yield _line("pairs", "strong", 0, work.pairs, uses.get("pairs", NOTHING))
    decode = uses.get("decode", NOTHING)
    a_call = work.listed / work.units
    yield _line(
        "decode", "strong", 0, work.units, Use(decode.calls, decode.input, decode.output * a_call)
    )
    yield _line("rubrics", "strong", 0, _asking(work, profile), uses.get("rubrics", NOTHING))


def _asking(work: Workload, profile: Profile) -> float:
    """Distinct entries whose rubrics are asked for."""
    if work.iterations < 2:
        return 0.0
    distinct = profile.variety.among(work.entries - work.mixed)
    each = made(work, profile) / work.entries
    return (distinct + work.mixed) * profile.asking_for_rubrics(each)


def _each(work: Workload, profile: Profile) -> Iterator[Line]:
    instructions = made(work, profile)
    for (stage, role, iteration), use in sorted(profile.steps.items(), key=_order):
        if iteration > work.iterations:
            continue
        if not work.filters and stage == "respond" and iteration < work.iterations:
            continue  # only what was improved so many times is responded to
        things = instructions * profile.reaching(iteration)
        calls = use.calls * work.judgements if stage == "judge" else use.calls
        yield _line(stage, role, iteration, things, Use(calls, use.input, use.output))


def _order(step: tuple[Key, Use]) -> tuple[int, int, str]:
    stage, role, iteration = step[0]
    return STAGES.index(stage), iteration, role


def _line(stage: str, role: str, iteration: int, things: float, use: Use) -> Line:
    calls = things * use.calls
    return Line(stage, role, iteration, calls, calls * use.input, calls * use.output)
