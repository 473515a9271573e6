"""How far two judges, or a judge and people, agree on the same comparisons; how often the order decides."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.evaluation.crr import OUTCOMES, Outcome, Scores

__all__ = ["Agreement", "Flips", "Key", "agreement", "flips", "read_labels"]

Key = tuple[str, str]
"""An item of the test set and a candidate; "" where there is only one, or none is named."""

_PLACE = {outcome: place for place, outcome in enumerate(OUTCOMES)}
_WORDS: Mapping[str, Outcome] = {
    **dict.fromkeys(("win", "w", "candidate", "1"), "win"),
    **dict.fromkeys(("tie", "t", "same", "equal", "0"), "tie"),
    **dict.fromkeys(("loss", "lose", "l", "reference", "-1"), "loss"),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two judges said of the same comparisons. Kappas are None where one of them always says the same.

    ``raw`` is the share of equal outcomes; ``kappa`` is Cohen's, ``linear`` and ``quadratic`` weigh a win against a
    loss as worse than against a tie. ``table[a][b]`` counts outcomes of the first judge by those of the second.
    """

    items: int
    raw: float
    kappa: float | None
    linear: float | None
    quadratic: float | None
    table: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Flips:
    """Of ``items`` judged in both orders: ``flipped``, where each order names another winner; ``changed``, where
    they differ at all (a winner in one and a draw in the other as well); ``first`` is by how many points the response
    shown first is favoured on average."""

    items: int
    flipped: float
    changed: float
    first: float


def agreement(pairs: Sequence[tuple[Outcome, Outcome]]) -> Agreement:
    """Compare outcomes of the same comparisons. Raises UsageError where there are none."""
    if not pairs:
        raise UsageError("the two have no comparison in common")
    table: dict[str, dict[str, int]] = {a: dict.fromkeys(OUTCOMES, 0) for a in OUTCOMES}
    for a, b in pairs:
        table[a][b] += 1
    return Agreement(
        items=len(pairs),
        raw=sum(a == b for a, b in pairs) / len(pairs),
        kappa=_kappa(pairs, lambda apart: float(apart > 0)),
        linear=_kappa(pairs, lambda apart: apart / 2),
        quadratic=_kappa(pairs, lambda apart: apart**2 / 4),
        table=table,
    )


def flips(judged: Iterable[tuple[Scores, Scores]]) -> Flips:
    """How much the order matters; ``judged`` as for ``outcome_of``."""
    items = flipped = changed = 0
    first = 0.0
    for candidate_first, reference_first in judged:
        gaps = (candidate_first[0] - candidate_first[1], reference_first[0] - reference_first[1])
        items += 1
        flipped += gaps[0] * gaps[1] < 0
        changed += (gaps[0] > 0) - (gaps[0] < 0) != (gaps[1] > 0) - (gaps[1] < 0)
        first += (gaps[0] - gaps[1]) / 2
    shared = max(1, items)
    return Flips(items, flipped / shared, changed / shared, first / shared)


def read_labels(path: Path) -> dict[Key, Outcome]:
    """Labels of people: a CSV with ``id`` (of the test set's item), ``label``, and ``candidate`` where several are.

    A label is win, tie or loss, as seen from the candidate. Raises UsageError with file and line.
    """
    labels: dict[Key, Outcome] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"id", "label"} - {*(reader.fieldnames or ())}
            if missing:
                raise UsageError(
                    f"{path}: no column {' and no column '.join(map(repr, sorted(missing)))}"
                )
            for row in reader:
                _take(labels, row, f"{path}, line {reader.line_num}")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    return labels


def _take(labels: dict[Key, Outcome], row: Mapping[str, Any], where: str) -> None:
    word = str(row["label"] or "").strip().casefold()
    if word not in _WORDS:
        raise UsageError(f"{where}: the label {word!r} is none of win, tie, loss")
    key = (str(row["id"]), str(row.get("candidate") or ""))
    if labels.setdefault(key, _WORDS[word]) != _WORDS[word]:
        raise UsageError(f"{where}: {key[0]!r} has two different labels")


def _kappa(
    pairs: Sequence[tuple[Outcome, Outcome]], weight: Callable[[int], float]
) -> float | None:
    """1 less the disagreement seen in proportion to that by chance, ``weight`` telling what one apart counts."""
    firsts, seconds = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    seen = sum(weight(abs(_PLACE[a] - _PLACE[b])) for a, b in pairs) / len(pairs)
    by_chance = (
        sum(
            weight(abs(_PLACE[a] - _PLACE[b])) * n * m
            for a, n in firsts.items()
            for b, m in seconds.items()
        )
        / len(pairs) ** 2
    )
    return 1 - seen / by_chance if by_chance else None
