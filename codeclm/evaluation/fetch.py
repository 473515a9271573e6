"""Gets a test set of the paper from where its authors publish it, and sees that it is that one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from codeclm.disk import replace_file
from codeclm.errors import UsageError
from codeclm.evaluation.records import TestItem
from codeclm.evaluation.test_sets import PAPER_SETS, PaperSet, TestSet, read_test_set

__all__ = ["fetch", "paper_set", "write_items"]

LARGEST = 16 << 20
TIMEOUT_S = 60.0


def paper_set(name: str) -> PaperSet:
    """The set of this name. Raises UsageError."""
    found = next((one for one in PAPER_SETS if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in PAPER_SETS)
        raise UsageError(f"{name!r} is no test set of the paper; they are {known}")
    return found


def fetch(wanted: PaperSet, place: str) -> TestSet:
    """The set ``wanted``, read from a file or downloaded once from a URL. Raises UsageError where it is another one."""
    if urlsplit(place).scheme in {"http", "https"}:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "downloaded.jsonl"
            file.write_bytes(_download(place))
            place = _shown(place)
            try:
                found = read_test_set(file)
            except UsageError as error:
                raise UsageError(str(error).replace(str(file), place)) from None
    else:
        found = read_test_set(Path(place))
    if found.content != wanted.content:
        raise UsageError(
            f"{place}: not {wanted.title} as the paper has it: {len(found.items):,} items with digest "
            f"{found.content[:12]}, {wanted.items:,} with {wanted.content[:12]} are expected"
        )
    return found


def write_items(path: Path, items: Iterable[TestItem], *, by_length: bool) -> None:
    """Write ``items`` as a file of seeds. Raises UsageError where a file with other content is there."""
    rows = (
        {"id": item.id, "instruction": item.instruction}
        | ({"category": item.category} if item.category and not by_length else {})
        for item in items
    )
    data = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_bytes() != data:
            raise UsageError(f"{path}: there is another file of this name; give another -o")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
    replace_file(path, [data])


def _download(url: str) -> bytes:
    try:
        with urlopen(Request(url), timeout=TIMEOUT_S) as response:  # noqa: S310 - http and https only
            data: bytes = response.read(LARGEST + 1)
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", type(error).__name__)
        if isinstance(error, HTTPError):
            error.close()  # it is an answer, with a connection
        raise UsageError(f"{_shown(url)}: cannot be downloaded ({reason})") from None
    if len(data) > LARGEST:
        raise UsageError(f"{_shown(url)}: larger than {LARGEST >> 20} MB; no test set")
    return data


def _shown(url: str) -> str:
    """``url`` without what may be secret in it: a password, a token in the query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
