"""A run in a few words."""

from __future__ import annotations

from codeclm.progress.recent import Recent
from codeclm.progress.snapshot import Snapshot

__all__ = ["accepted_words", "brief", "clock_time", "cost_words", "headline", "seconds_words"]


def headline(recent: Recent) -> str:
    """The run in one line."""
    snapshot = recent.latest
    outcomes, calls = snapshot.outcomes, snapshot.calls
    of_wanted = f" of {snapshot.wanted:,}" if snapshot.wanted else ""
    parts = [
        f"{snapshot.finished:,}{of_wanted} {'selected' if snapshot.counts_selected else snapshot.things}",
        *(f"{outcomes[fate]:,} {fate}" for fate in snapshot.fates),
        f"{calls.get('calls', 0):,} calls ({recent.per_s('calls'):,.0f}/s)",
        f"{calls.get('cache_hits', 0):,} cache hits",
    ]
    if cost := cost_words(recent):
        parts.append(cost)
    left_s = recent.left_s()
    if left_s is not None:
        parts.append(f"{clock_time(left_s)} left")
    return f"{', '.join(parts)}; {recent.held_up_by().line}"


def accepted_words(snapshot: Snapshot) -> str:
    """Which share was selected at each iteration."""
    shares = (f"{one.iteration}: {one.share:.0%}" for one in snapshot.accepted if one.judged)
    return "  ".join(shares)


def cost_words(recent: Recent) -> str:
    """What it has cost, and what it will; "" where a price is not known."""
    cost, projected = recent.latest.cost, recent.projected_cost()
    if cost is None:
        return ""
    return f"${cost:,.2f}" + (f" of about ${projected:,.2f}" if projected is not None else "")


def clock_time(duration_s: float) -> str:
    """Like 1:02:03."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def brief(number: float) -> str:
    """In five characters at the most, like 9,999 and 12.3k and 1.2M."""
    if number < 9.95:
        return f"{number:.1f}" if number % 1 else f"{number:.0f}"
    if number < 9_999.5:
        return f"{number:,.0f}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if number < 99.95 * size:
            return f"{number / size:.1f}{unit}"
        if number < 999.5 * size:
            return f"{number / size:.0f}{unit}"
    return f"{number / 1e12:.1f}T"


def seconds_words(seconds: float | None) -> str:
    """Like 43 ms, 0.85 s and 12 s; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 9.95 else f"{seconds:,.0f} s"
