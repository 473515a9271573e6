"""From samples of stacks to parts of a call: who spent the CPU time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["LOOP", "PARTS", "Attribution", "Stack", "attribute", "read_stacks"]


def _files(form: str, names: str) -> tuple[str, ...]:
    return tuple(form.format(name) for name in names.split())


LOOP, THREADS = "event loop and sockets", "cache hand-over"
LIMITS = (
    "limits regulated regulator concurrency adaptive hidden_rate pace pauses circuit episode line tokens acceptance"
    " throughput refused_levels retry deadlines"
)
PARTS: Mapping[str, tuple[str, ...]] = {
    "benchmark": ("Watcher.", "Gauge.", "Pulse.", "memory_mb ("),
    "prompt": ("/jinja2/", "/markupsafe/", "<template>", "stages/prompt.py"),
    "key": ("llm/key.py",),
    "cache read": _files("{} (", "decode Shelf._read unseal RawCache.get CachedModel._follow"),
    "cache write": _files("{} (", "encode Shelf.keep Shelf._write seal"),
    "cache hand-over": _files("llm/{}.py", "batches store shelf cache patient seal"),
    "limits and retries": _files("llm/{}.py", LIMITS),
    "request and answer": _files("llm/{}.py", "direct dialect openai wire answer thoughts chat refusal"),
    "aiohttp": ("/aiohttp/", "/yarl/", "/multidict/", "/propcache/", "llm/http.py"),
    "parse": ("/parsing/", *_files("{} (", "parse_metadata parse_instructions parse_instruction parse_rubrics")),
    "output": _files("codeclm/{}.py", "sink rows lines disk session ledger rundir progress"),
    "queues": ("/engine/", "/methods/", "/stages/", "codeclm/records.py", "codeclm/seeds.py", "codeclm/watch.py"),
    "start and end": _files("codeclm/{}.py", "run plan console assembly settings synthesis"),
}  # fmt: skip
"""What the frame nearest to where time is spent says; the first that fits. What fits nowhere is its caller's."""

LOOP_RUNS, COMMAND = "asyncio/runners.py", "_run_module_as_main"
WAITS = ("_worker (", "BatchThread._batches (", "wait (", "RealDisk.sync (")
"""Where threads wait for work or for the disk: the sampler takes them for busy now and then."""


@dataclass(frozen=True, slots=True)
class Stack:
    """``count`` samples of one stack, its outermost frame first; of the ``main`` thread or of another."""

    main: bool
    frames: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """Shares by part; by function alone, and with all that it calls. Those of parts add up to 1."""

    parts: Mapping[str, float]
    own: Mapping[str, float]
    with_callees: Mapping[str, float]


def read_stacks(text: str) -> Iterator[Stack]:
    """What the sampler wrote: ``thread (1): name;frame;frame count`` lines. What is not the run is left out."""
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        main = thread.endswith("MainThread") or any(COMMAND in one for one in frames)
        if main:
            running = [place for place, frame in enumerate(frames) if LOOP_RUNS in frame]
            if not running:
                continue
            frames = frames[running[-1] + 1 :]
        elif not frames or frames[-1].startswith(WAITS):
            continue
        yield Stack(main, tuple(frames), int(count))


def attribute(stacks: Iterable[Stack], main_share: float) -> Attribution:
    """Spread one call's CPU time, of which the main thread has ``main_share`` and the other threads the rest."""
    stacks = [*stacks]
    parts: Counter[str] = Counter()
    own: Counter[str] = Counter()
    with_callees: Counter[str] = Counter()
    for main, share in ((True, main_share), (False, 1 - main_share)):
        here = [stack for stack in stacks if stack.main is main]
        whole = sum(stack.count for stack in here)
        if not whole:
            _add(parts, LOOP if main else THREADS, share)
        for stack in here:
            weight = share * stack.count / whole
            _add(parts, _part(stack), weight)
            _add(own, _short(stack.frames[-1]) if stack.frames else LOOP, weight)
            for name in {*map(_short, stack.frames)}:
                _add(with_callees, name, weight)
    return Attribution(parts, own, with_callees)


def _add(to: Counter[str], name: str, weight: float) -> None:
    to[name] += weight  # type: ignore[assignment]


def _part(stack: Stack) -> str:
    for frame in reversed(stack.frames):
        for part, marks in PARTS.items():
            if any(mark in frame for mark in marks):
                return part
    return LOOP


def _short(frame: str) -> str:
    """As a person finds it again: no place on this machine."""
    name, _, place = frame.rpartition(" (")
    parts = place.rstrip(")").split("/")
    for root in ("site-packages", "codeclm", "benchmarks"):
        if root in parts[:-1]:
            last = len(parts) - 1 - parts[::-1].index(root)
            parts = parts[last + (root == "site-packages") :]
            break
    else:
        parts = parts[-2:]
    return f"{name} ({'/'.join(parts)})"
