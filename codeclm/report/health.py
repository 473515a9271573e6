"""The judge's health, in words for whoever must decide whether to trust a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from codeclm.report.figures import Figures
from codeclm.report.judge import FEWEST, Noise
from codeclm.report.words import count, percent

__all__ = ["Health", "health_of"]

BIASED = 0.5
"""Points of a position's effect that are worth a word, on a scale to 10."""


@dataclass(frozen=True, slots=True)
class Health:
    """Rows of name, value and what it means; warnings are for the top of the page as well."""

    rows: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]


def health_of(figures: Figures) -> Health:
    """What all comparisons on record say about the judge."""
    judge = figures.judge
    if not judge.comparisons:
        return Health((), ())
    rows = [
        ("comparisons", count(judge.comparisons), "each a pair of responses, rated by the judge"),
        (
            "ties",
            percent(judge.ties, judge.comparisons),
            "gap exactly 0: the judge sees no difference",
        ),
    ]
    if not judge.both_orders:
        rows.append(("orders", "one", "responses never changed places: its noise cannot be told"))
        return Health(tuple(rows), ())
    rows.append(
        (
            "order flips",
            percent(judge.flips, judge.both_orders),
            "the other response wins when they change places",
        )
    )
    warnings = [*_position(figures, rows), *_noise(figures, rows)]
    return Health(tuple(rows), tuple(warnings))


def _position(figures: Figures, rows: list[tuple[str, str, str]]) -> list[str]:
    effect = figures.judge.position_effect or 0.0
    meaning = "points that the response shown first gets more; both orders together cancel it"
    rows.append(("effect of the place", f"{effect:+.2f}", meaning))
    if abs(effect) < BIASED * figures.scale / 10:
        return []
    place = "first" if effect > 0 else "second"
    return [
        f"The judge prefers what is shown {place}, by {abs(effect):.2f} points on average. "
        "Rating both orders cancels that out of the gap: do not switch swap_positions off with this judge."
    ]


def _noise(figures: Figures, rows: list[tuple[str, str, str]]) -> list[str]:
    noise = figures.judge.noise
    if noise is None:
        rows.append(("noise", "–", f"told from {FEWEST} comparisons on"))
        return []
    theta = figures.theta
    rows += [
        (
            "noise of a gap",
            f"± {noise.reach:.2f}",
            f"The two orders' gaps differ with a standard deviation of {noise.spread:.2f} points. A gap is the mean "
            f"of both, so its own error is half of that, {noise.of_a_gap:.2f}; 95 % of pairs of equally good "
            f"responses lie within {noise.reach:.2f} (1.96 times as much).",
        ),
        (
            "selected by chance",
            _small(noise.chance(theta)),
            f"of pairs that are equally good, by that noise alone, at theta {theta:g}",
        ),
    ]
    return [] if theta > noise.reach else [_warning(theta, noise)]


def _warning(theta: float, noise: Noise) -> str:
    return (
        f"Theta lies inside the judge's noise: theta is {theta:g}, and by the differences between the two orders "
        f"a gap is uncertain by ± {noise.reach:.2f} points (95 %). About {_small(noise.chance(theta))} of pairs whose "
        "responses are equally good would be selected all the same. Raise theta above that, or take a steadier judge."
    )


def _small(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"
