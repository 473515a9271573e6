"""The work of ``codeclm export``."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.export.card import CardFacts, card
from codeclm.export.choice import Chosen, Example, Preference
from codeclm.export.figures import Figures
from codeclm.export.formats import FORMATS, Format, Wording
from codeclm.export.jsonl import JsonLines
from codeclm.export.trainers import dataset_info
from codeclm.new_directory import check_new, new_directory
from codeclm.ordered_rows import OrderedRows
from codeclm.records import Responder, digest

__all__ = ["ExportOrder", "export_run"]

MARK = "export.json"
PREFERRED_BY = 1.0
"""By how much a comparison must be decided to be a preference: judges waver by a half."""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is to be exported, how, and where to. ``min_gap`` None is 1 for preferences and 0 for examples."""

    run: Path
    form: str
    output: Path
    split: float = 0.0
    only: Responder | None = None
    min_gap: float | None = None
    shuffle: int | None = None
    wording: Wording = field(default_factory=Wording)
    licence: str | None = None
    force: bool = False
    push: str | None = None
    public: bool = False


class Records(Protocol):
    """Where records of one split go."""

    def write(self, record: dict[str, Any]) -> None:
        """Append one record."""
        ...


def export_run(order: ExportOrder, tell: Callable[[str], None]) -> None:
    """Write the dataset whole or not at all, and push it where that is asked for. Raises UsageError."""
    form = _checked(order)
    archive = RunArchive(order.run)
    hub = _library("codeclm.export.hub", "--push") if order.push else None
    if hub is not None:
        hub.check_access(order.push)
    kind = (
        _library("codeclm.export.parquet", f"--format {form.name}") if _is_parquet(form) else None
    )
    opened = kind.ParquetRows if kind else JsonLines
    min_gap = PREFERRED_BY if form.preferences else 0.0
    chosen = Chosen(archive, order.only, min_gap if order.min_gap is None else order.min_gap)
    with new_directory(order.output, mark=MARK, force=order.force) as place:
        figures = _write(order, form, chosen, place, opened)
        _describe(order, archive, chosen, figures, place)
    for line in _words(order, archive, chosen, figures):
        tell(line)
    if hub is not None:
        seen = hub.push(order.output, order.push, public=order.public, may_exist=order.force)
        tell(f"pushed ({'public' if order.public else 'private'}): {seen}")


def _checked(order: ExportOrder) -> Format:
    form = FORMATS[order.form]
    if not 0 <= order.split < 1:
        raise UsageError(f"--split is {order.split:g}; it must be at least 0 and below 1")
    if order.wording.plain and not form.can_be_plain:
        able = ", ".join(one.name for one in FORMATS.values() if one.can_be_plain)
        raise UsageError(f"--plain: {form.name} has no such form; these have: {able}")
    if order.wording.plain and order.wording.system:
        raise UsageError("--plain has no place for --system; leave one of them out")
    if order.output.suffix in {".json", ".jsonl", ".parquet", ".csv"}:
        raise UsageError(
            f"{order.output}: the output is a directory; give a name without an ending"
        )
    check_new(order.output, mark=MARK, force=order.force)
    return form


def _library(module: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = (error.name or "a library").partition(".")[0]
        raise UsageError(f"{what} needs {name}: pip install 'codeclm[hf]'") from None


def _is_parquet(form: Format) -> bool:
    return form.ending == "parquet"


def _files(order: ExportOrder) -> Mapping[str, str]:
    splits = ("train", "test") if order.split else ("train",)
    if order.form == "hf":
        return {split: f"data/{split}-00000-of-00001.parquet" for split in splits}
    return {split: f"{split}.{FORMATS[order.form].ending}" for split in splits}


def _write(
    order: ExportOrder,
    form: Format,
    chosen: Chosen,
    place: Path,
    opened: Callable[[Path], AbstractContextManager[Records]],
) -> Figures:
    figures, files = Figures(), _files(order)
    with OrderedRows(place) as waiting, ExitStack() as stack:
        for identity, key, one, records in _items(form, chosen, order.wording):
            figures.take(one)
            for number, record in enumerate(records):
                place_of = f"{key}.{number}"
                if order.shuffle is not None:
                    place_of = digest("shuffle", order.shuffle, place_of)
                waiting.add(place_of, {"id": identity, "record": record})
        writers: dict[str, Records] = {}
        for split, name in files.items():
            (place / name).parent.mkdir(exist_ok=True)
            writers[split] = stack.enter_context(opened(place / name))
        for row in waiting:
            split = "test" if _is_test(row["id"], order.split) else "train"
            writers[split].write(row["record"])
            figures.write(split, row["record"])
    _check_filled(order, chosen, figures)
    return figures


def _items(
    form: Format, chosen: Chosen, wording: Wording
) -> Iterator[tuple[str, str, Example | Preference, Any]]:
    """Whose it is, a key that sorts, what was taken, and its records."""
    if form.examples is not None:
        for example in chosen.examples():
            identity = example.row["id"]
            yield identity, identity, example, form.examples(example, wording)
    elif form.preferences is not None:
        for one in chosen.preferences():
            yield one.id, f"{one.id}.{one.iteration}", one, form.preferences(one, wording)


def _is_test(identity: str, share: float) -> bool:
    """By the id alone: an example stays where it is when others join it."""
    return int(digest("split", identity), 16) < share * 2**64


def _check_filled(order: ExportOrder, chosen: Chosen, figures: Figures) -> None:
    empty = [split for split in _files(order) if not figures.records[split]]
    if not empty:
        return
    if figures.taken:
        why = f"none of {figures.taken:,} is in {empty[0]}; give another --split"
    elif chosen.left_out:
        why = "; ".join(f"{reason}: {number:,}" for reason, number in chosen.left_out.items())
    else:
        why = "nothing is on record that this format is made of"
    raise UsageError(f"{order.run}: nothing to export: {why}")


def _describe(
    order: ExportOrder, archive: RunArchive, chosen: Chosen, figures: Figures, place: Path
) -> None:
    files = _files(order)
    choice = {
        "format": order.form,
        "split": order.split,
        "only": order.only,
        "min_gap": chosen.min_gap,
        "shuffle": order.shuffle,
        "system": order.wording.system,
        "plain": order.wording.plain,
    }
    facts = CardFacts(
        order.output.name,
        order.form,
        order.wording,
        files,
        figures,
        archive.settings,
        archive.summary,
        archive.is_complete,
        choice,
        order.licence,
    )
    (place / "README.md").write_text(card(facts), "utf-8")
    made = {
        **choice,
        "settings_sha256": archive.settings.get("sha256"),
        "run_is_complete": archive.is_complete,
        "records": dict(figures.records),
        "left_out": dict(chosen.left_out),
    }
    _write_json(place / MARK, made)
    info = dataset_info("codeclm", order.form, order.wording, files)
    if info is not None:
        _write_json(place / "dataset_info.json", info)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _words(
    order: ExportOrder, archive: RunArchive, chosen: Chosen, figures: Figures
) -> Iterator[str]:
    if not archive.is_complete:
        yield f"{order.run}: the run is not complete; this is what is on record so far"
    for split, name in _files(order).items():
        yield f"{split}: {order.output / name} ({figures.records[split]:,} records)"
    for reason, number in sorted(chosen.left_out.items()):
        yield f"left out: {number:,}: {reason}"
    yield f"card: {order.output / 'README.md'}"
