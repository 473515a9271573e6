"""Reads seed instructions, or metadata given directly, lazily from files; counts and checks them before a run."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.records import Entry, Metadata, Seed, digest

__all__ = ["MetadataFile", "SeedFile", "SeedList", "Tally", "parse_seed", "parsed_rows"]

Row = tuple[int, object]
"""A line number (from 1) and what stands there."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a source holds: usable items, lines passed over as bad, and a digest of its content."""

    items: int
    bad_lines: int
    content: str


@dataclass(frozen=True, slots=True)
class SeedFile:
    """Seeds in a file: ``.jsonl``, ``.json`` (an array), ``.csv`` (with a header), ``.txt`` (one a line).

    ``field`` names the instruction; an ``id`` beside it is kept, else the line number is the id. With
    ``skip_bad_lines`` what cannot be read is counted and passed over. Raises UsageError with file and line;
    ``label`` is what the file is called there, if not by its path.
    """

    path: Path
    field: str = "instruction"
    skip_bad_lines: bool = False
    label: str = ""

    def __iter__(self) -> Iterator[Seed]:
        rows = _usable(self.path, self._parse, self.skip_bad_lines)
        for number, (line, row) in enumerate(rows):
            instruction, identity = row
            yield Seed(number, identity or f"line-{line}", instruction)

    def tally(self) -> Tally:
        """Read it all once: UsageError for what is wrong, or how much there is."""
        try:
            return _tally(self.path, self._parse, self.skip_bad_lines, "seed")
        except UsageError as error:
            named = str(error).replace(str(self.path), self.label or str(self.path))
            raise UsageError(named) from None

    def rows(self) -> Iterator[tuple[int, Any, UsageError | None]]:
        """As ``parsed_rows``."""
        return parsed_rows(self.path, self._parse)

    def _parse(self, row: object) -> tuple[str, str]:
        return parse_seed(row, self.field)


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """Metadata in a ``.jsonl`` or ``.json`` file: objects with ``use_case`` (text) and ``skills`` (texts)."""

    path: Path
    skip_bad_lines: bool = False

    def __iter__(self) -> Iterator[Entry]:
        rows = _usable(self.path, self._parse, self.skip_bad_lines)
        for number, (_, metadata) in enumerate(rows):
            identity = digest("metadata", number, metadata.use_case, *metadata.skills)
            yield Entry(number, identity, metadata)

    def tally(self) -> Tally:
        """Read it all once: UsageError for what is wrong, or how much there is."""
        return _tally(self.path, self._parse, self.skip_bad_lines, "metadata entry")

    def rows(self) -> Iterator[tuple[int, Any, UsageError | None]]:
        """As ``parsed_rows``."""
        return parsed_rows(self.path, self._parse)

    @staticmethod
    def _parse(row: object) -> Metadata:
        if not isinstance(row, dict):
            raise UsageError("not an object with the fields 'use_case' and 'skills'")
        use_case, skills = _field(row, "use_case"), _field(row, "skills")
        if not isinstance(use_case, str) or not use_case.strip():
            raise UsageError("'use_case' is not a text")
        if isinstance(skills, str):
            skills = [part.strip() for part in skills.split(",")]
        if not isinstance(skills, list) or not skills:
            raise UsageError("'skills' is not a list of at least one text")
        if not all(isinstance(skill, str) and skill.strip() for skill in skills):
            raise UsageError("'skills' is not a list of texts")
        if not all(map(_encodable, [use_case, *skills])):
            raise UsageError("it holds half a surrogate pair, which is no character")
        return Metadata(use_case, tuple(skills))


@dataclass(frozen=True, slots=True)
class SeedList:
    """Seeds that a program already holds. Raises UsageError for what is no instruction."""

    instructions: tuple[str, ...]

    def __post_init__(self) -> None:
        for number, instruction in enumerate(self.instructions, 1):
            try:
                parse_seed(instruction if isinstance(instruction, str) else None, "instruction")
            except UsageError as error:
                raise UsageError(f"seed {number} of the list: {error}") from None
        if not self.instructions:
            raise UsageError("the list of seeds is empty")

    def __iter__(self) -> Iterator[Seed]:
        for number, instruction in enumerate(self.instructions):
            yield Seed(number, f"seed-{number + 1}", instruction)

    def tally(self) -> Tally:
        """How many there are."""
        return Tally(len(self.instructions), 0, digest(*self.instructions))


def parse_seed(row: object, field: str) -> tuple[str, str]:
    """Instruction and id ("" if none) of a text, or of an object with ``field``. Raises UsageError."""
    if isinstance(row, str):
        instruction: object = row
        identity = ""
    elif isinstance(row, dict):
        instruction = _field(row, field)
        identity = "" if row.get("id") is None else str(row["id"])
    else:
        raise UsageError(f"not a text, nor an object with a field {field!r}")
    if not isinstance(instruction, str):
        raise UsageError("the instruction is no text")
    if not (_encodable(instruction) and _encodable(identity)):
        raise UsageError("it holds half a surrogate pair, which is no character")
    if not instruction.strip():
        raise UsageError("the instruction is empty")
    return instruction, identity


def _encodable(text: str) -> bool:
    """False for half a surrogate pair, which JSON can hold and no request can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _field(row: dict[str, Any], name: str) -> object:
    if name not in row:
        raise UsageError(f"no field {name!r}; it has {', '.join(map(repr, row)) or 'none'}")
    return row[name]


def _tally(path: Path, parse: Callable[[object], object], skip: bool, noun: str) -> Tally:
    good = bad = 0
    for _, _, problem in parsed_rows(path, parse):
        if problem is None:
            good += 1
        elif skip:
            bad += 1
        else:
            raise UsageError(f"{problem}; mend it, or pass over such lines with --skip-bad-lines")
    if not good:
        raise UsageError(f"{path}: no {noun} in it")
    with path.open("rb") as file:
        return Tally(good, bad, hashlib.file_digest(file, "sha256").hexdigest())


def _usable(path: Path, parse: Callable[[object], Any], skip: bool) -> Iterator[tuple[int, Any]]:
    for line, value, problem in parsed_rows(path, parse):
        if problem is None:
            yield line, value
        elif not skip:
            raise problem


def parsed_rows(
    path: Path, parse: Callable[[object], Any]
) -> Iterator[tuple[int, Any, UsageError | None]]:
    """Line number, value, and what is wrong with the line, if anything. Raises UsageError for what is no such file."""
    for line, row in _rows(path):
        try:
            if isinstance(row, UsageError):
                raise row
            yield line, parse(row), None
        except UsageError as error:
            yield line, None, UsageError(f"{path}, line {line}: {error}")


def _rows(path: Path) -> Iterator[Row]:
    kind = path.suffix.lower()
    if kind not in _READERS:
        raise UsageError(f"{path}: unknown kind of file; use one of {', '.join(_READERS)}")
    try:
        yield from _READERS[kind](path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None


def _lines(path: Path) -> Iterator[tuple[int, str | UsageError]]:
    """Lines that are not blank; a UsageError where one is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                yield number, UsageError(f"not UTF-8 (byte {error.start + 1} of the line)")
            else:
                if text:
                    yield number, text


def _jsonl(path: Path) -> Iterator[Row]:
    for number, line in _lines(path):
        yield number, line if isinstance(line, UsageError) else _json(line)


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except (
        json.JSONDecodeError
    ) as error:  # its own line number is always 1, beside that of the file
        return UsageError(f"not JSON ({error.msg}, at character {error.colno})")
    except (ValueError, RecursionError) as error:
        return UsageError(f"not JSON ({error})")


def _json_array(path: Path) -> Iterator[Row]:
    """A whole array at once: JSON cannot be read by lines. Its elements are numbered from 1."""
    try:
        rows = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 (byte {error.start + 1})") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
    if not isinstance(rows, list):
        raise UsageError(f"{path}: not an array; for one object a line name it .jsonl")
    yield from enumerate(rows, 1)


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            for row in reader:
                yield reader.line_num, {key: value for key, value in row.items() if key is not None}
        except UnicodeDecodeError:
            raise UsageError(f"{path}: not UTF-8 after line {reader.line_num}") from None
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num}: {error}") from None


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _json_array,
    ".csv": _csv,
    ".txt": _lines,
}
