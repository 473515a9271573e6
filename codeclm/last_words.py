"""What a run says of itself when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeclm.errors import UsageError
from codeclm.llm.money import PICODOLLARS, dollars
from codeclm.prices import how_to_give
from codeclm.run import Finished

__all__ = ["MEND", "call_words", "last_words", "next_words"]

MEND = UsageError.exit_code
"""Something is to be mended before the same command can go on."""


def last_words(finished: Finished, advice: str) -> list[str]:
    """How the run ended, line by line; ``advice`` says how it goes on where it did not come to its end."""
    summary = finished.summary
    counts = summary["counts"]
    surplus = counts.get("surplus", 0)
    done = counts["selected"] + surplus + counts["discarded"] + counts["failed"]
    state = f"stopped ({finished.reason})" if finished.reason else "complete"
    missing = f", {counts['missing']:,} missing" if counts["missing"] else ""
    lines = [
        f"{state}: {done:,} of {summary['wanted']:,} instructions: {counts['selected']:,} selected, "
        f"{f'{surplus:,} surplus, ' if surplus else ''}"
        f"{counts['discarded']:,} discarded, {counts['failed']:,} failed, {counts['pending']:,} pending{missing}",
        call_words(summary),
    ]
    lines += _about_selection(summary, complete=not finished.reason)
    lines += _cost_words(summary)
    lines += [f"warning: {reason}" for reason in summary["cache_troubles"]]
    if failed := summary["failed_by_stage"]:
        stages = ", ".join(f"{number:,} in {stage}" for stage, number in failed.items())
        lines.append(
            f"failed items: {stages}; reasons in failed.jsonl, --retry-failed tries them again"
        )
    if finished.dataset:
        lines.append(f"dataset: {finished.dataset} ({counts['selected']:,} examples)")
    return lines + next_words(finished, advice)


def call_words(summary: Mapping[str, Any]) -> str:
    """What was called in all sessions, and how long they took."""
    calls = sum(row["calls"] for row in summary["calls"])
    hits = sum(row["cache_hits"] for row in summary["calls"])
    return (
        f"{calls:,} calls, {hits:,} cache hits in {summary['sessions']} session(s), "
        f"{summary['wall_time_s']:,.1f} s"
    )


def next_words(finished: Finished, advice: str) -> list[str]:
    """What is to be done where it was stopped, unless the reason says so itself."""
    if not finished.reason or finished.says_how:
        return []
    return [advice if finished.exit_code != MEND else f"mend that, then {advice}"]


def _cost_words(summary: Mapping[str, Any]) -> list[str]:
    """What was paid; or of what model nobody knows the price."""
    cost = summary.get("cost") or {}
    if not cost:  # of a version that knew no prices
        return []
    unpriced, uncounted = cost["unpriced"], cost["uncounted_calls"]
    if cost["paid"] is None:
        others = f" (and {len(unpriced) - 1} more)" if len(unpriced) > 1 else ""
        return [
            f"cost: unknown, as no price is known of {unpriced[0]}{others}; {how_to_give(unpriced[0])}"
        ]
    each = cost["per_selected"]
    parts = [f"cost: {dollars(cost['paid'] * PICODOLLARS)}"]
    parts += [] if each is None else [f"{dollars(each * PICODOLLARS)} for each selected example"]
    if saved := cost["saved"]["by_prompt_cache"]:
        parts.append(f"{dollars(saved * PICODOLLARS)} less by the provider's prompt cache")
    if retried := cost["by_fate"]["retried"]:
        parts.append(f"failed attempts may add up to {dollars(retried * PICODOLLARS)}")
    if uncounted:
        parts.append(f"without {uncounted:,} answers whose tokens were not counted")
    return [", ".join(parts)]


def _about_selection(summary: Mapping[str, Any], *, complete: bool) -> list[str]:
    """Where examples are counted: what became of the number that was wanted."""
    selection = summary.get("selection")
    if not selection:
        return []
    selected, wanted = selection["selected"], selection["wanted"]
    if complete and selected < wanted:
        return [
            f"only {selected:,} of {wanted:,} wanted examples: no more instructions may be made for them; "
            "a larger --total goes on, and discarded.jsonl tells why so few are selected"
        ]
    if not complete:
        return [f"{selected:,} of {wanted:,} wanted examples so far"]
    number = selection["beyond"]
    were = "instruction was" if number == 1 else "instructions were"
    beyond = f"{number:,} {were} begun beyond those that make them"
    return [f"{selected:,} of {wanted:,} wanted examples; {beyond}"]
