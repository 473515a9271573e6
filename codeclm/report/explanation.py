"""One row of a run by its id, with the seed and the unit of work that it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.lines import Row
from codeclm.records import draft_id
from codeclm.report.costs import Tariff
from codeclm.report.lineage import Lineage, lineage_of
from codeclm.report.reading import theta_and_scale
from codeclm.report.seed_texts import SeedTexts
from codeclm.report.words import decision

__all__ = ["Explanation", "explanation"]

CANDIDATES = 5
ENDS = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """``unit`` is the id of the decode call that the instruction came from and its place in it, where on record."""

    lineage: Lineage
    theta: float
    tariff: Tariff
    seed: str | None
    seed_missing: str
    unit: tuple[str, int] | None

    @property
    def fate(self) -> str:
        """What became of it and why, in one line."""
        one = self.lineage
        if one.fate != "selected":
            stage = f" in {one.stage}" if one.stage else ""
            return f"{one.fate}{stage}: {one.reason}"
        if one.gap is None:
            return f"selected: not compared with another response, the {one.responder} response was taken"
        said = decision(one.gap, self.theta)
        return f"selected in iteration {one.iteration}: {said}, so the {one.responder} response was taken"

    def as_json(self) -> str:
        """All of it, on one line; what is no ASCII stands as its escape, so that no terminal obeys it."""
        whole = asdict(self.lineage)
        costs = [self.tariff.cost(call) for call in self.lineage.calls or ()]
        for call, cost in zip(whole["calls"] or (), costs, strict=True):
            call["cost"] = cost
        unit = None if self.unit is None else {"id": self.unit[0], "place": self.unit[1]}
        more = {"theta": self.theta, "seed": self.seed, "unit": unit, "explanation": self.fate}
        return json.dumps({**whole, **more})


def explanation(run: Path, identity: str) -> Explanation:
    """The row whose id is, or begins with, ``identity``. Raises UsageError where there is not exactly one."""
    archive = RunArchive(run)
    name, row = _found(archive, identity.strip().lower())
    lineage = lineage_of(name, row)
    seeds = SeedTexts(archive.settings)
    seed = seeds.find({lineage.seed_id}).get(lineage.seed_id) if lineage.seed_id else None
    return Explanation(
        lineage,
        theta_and_scale(archive)[0],
        Tariff(archive.settings, archive.summary),
        seed,
        seeds.why_not() if lineage.seed_id and seed is None else "",
        _unit(archive.units(), lineage.id) if lineage.rounds else None,
    )


def _found(archive: RunArchive, identity: str) -> tuple[str, Row]:
    """In one pass: the row of that very id, or the only one whose id begins so."""
    begun: list[tuple[str, Row]] = []
    near: list[str] = []
    for name, row in archive.outcomes():
        other = row["id"].lower()
        if other == identity:
            return name, row
        if identity and other.startswith(identity):
            begun = [*begun, (name, row)][:CANDIDATES]
        elif other[:ENDS] == identity[:ENDS] or other[-ENDS:] == identity[-ENDS:]:
            near.append(row["id"])
    if len(begun) == 1:
        return begun[0]
    ids = [row["id"] for _, row in begun]
    raise UsageError(f"{archive.path}: {_complaint(identity, ids, near)}")


def _complaint(identity: str, begun: list[str], near: list[str]) -> str:
    if begun:
        return f"several ids begin with {identity!r}: {', '.join(begun)} ..."
    close = get_close_matches(identity, near, 3, 0.6)
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else "ids stand in selected.jsonl, discarded.jsonl, failed.jsonl"
    )
    return f"nothing with the id {identity!r}; {hint}"


def _unit(units: Iterable[Row], identity: str) -> tuple[str, int] | None:
    """Rows do not name their unit, but an instruction's id is made of its unit's and its place there."""
    for unit in units:
        texts = unit.get("texts")
        for place in range(len(texts) if isinstance(texts, list) else 0):
            if draft_id(unit["id"], place) == identity:
                return unit["id"], place
    return None
