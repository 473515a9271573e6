"""The work of ``codeclm rethreshold``."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from codeclm.archive import RunArchive
from codeclm.disk import replace_file, replace_json
from codeclm.new_directory import check_new, new_directory
from codeclm.records import Responder
from codeclm.rethreshold.chart import yield_chart
from codeclm.rethreshold.curve import Counts
from codeclm.rethreshold.selection import Selection, selection_of

__all__ = ["rethreshold_run"]

MARK = "rethreshold.json"


def rethreshold_run(
    run: Path,
    *,
    theta: float | None,
    winners: Collection[Responder],
    output: Path | None,
    as_json: bool,
    tell: Callable[[str], None],
) -> None:
    """Decide the instructions of ``run`` anew; tell the curve, and write the selection where ``output`` is given."""
    if output is not None:
        check_new(output)
    selection = selection_of(RunArchive(run), theta, winners)
    curve = selection.curve()
    counts = curve.counts[selection.rule.theta]
    result = {**selection.about(), "counts": counts.as_json(), "curve": curve.as_json()}
    if output is not None:
        with new_directory(output) as place:
            selection.write(place, counts)
            replace_json(place / MARK, result)
            replace_file(place / "curve.svg", [yield_chart(curve.counts).encode()])
    if as_json:
        tell(json.dumps(result, ensure_ascii=False))
        return
    for line in [*_table(curve.counts, selection), *_words(selection, counts, output)]:
        tell(line)


def _table(curve: Mapping[float, Counts], selection: Selection) -> Iterator[str]:
    yield "   theta  selected   strong   target  discarded  failed  undetermined   yield"
    for theta, one in curve.items():
        fates, winners = one.fates, one.by_responder
        mark = ">" if theta == selection.rule.theta else " "
        share = fates["selected"] / max(1, fates.total())
        yield (
            f"{mark}{theta:7g} {fates['selected']:9,} {winners['strong']:8,} {winners['target']:8,} "
            f"{fates['discarded']:10,} {fates['failed']:7,} {fates['undetermined']:13,} {share:7.1%}"
        )


def _words(selection: Selection, counts: Counts, output: Path | None) -> Iterator[str]:
    about = selection.about()
    if not about["run_is_complete"]:
        yield "the run is not complete: this is what is on record so far"
    fates = counts.fates
    yield (
        f"theta {about['theta']:g} (the run's: {about['run_theta']:g}): {fates['selected']:,} selected, "
        f"{fates['discarded']:,} discarded, {fates['failed']:,} failed, {fates['undetermined']:,} undetermined"
    )
    for reason, number in sorted(counts.reasons.items()):
        yield f"undetermined: {number:,}: {reason}"
    if output is not None:
        name = "dataset.jsonl" if about["run_is_complete"] else "selected.jsonl"
        yield f"selection: {output / name} ({fates['selected']:,} examples)"
