"""Whole rows as Parquet, in row groups: memory holds one of them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["ParquetRows"]

ROWS_A_GROUP = 1_000

_TEXTS = pa.list_(pa.string())
_SCORES = pa.struct([("strong", pa.list_(pa.float64())), ("target", pa.list_(pa.float64()))])
_COMPARED = [
    ("instruction", pa.string()),
    ("gap", pa.float64()),
    ("scores", _SCORES),
    ("strong_response", pa.string()),
    ("target_response", pa.string()),
    ("target_cut_off", pa.bool_()),
    ("target_refused", pa.bool_()),
]
SCHEMA = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("id", pa.string()),
        ("instruction", pa.string()),
        ("response", pa.string()),
        ("responder", pa.string()),
        ("use_case", pa.string()),
        ("skills", _TEXTS),
        ("iteration", pa.int32()),
        ("seed_id", pa.string()),
        ("actions", _TEXTS),
        *_COMPARED[1:],
        ("history", pa.list_(pa.struct(_COMPARED))),
    ]
)


class ParquetRows:
    """A new file at ``path``, complete at the end of the block. What the schema does not know is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> ParquetRows:
        self._file = pq.ParquetWriter(self._path, SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._file.close()

    def write(self, record: dict[str, Any]) -> None:
        """Append one record."""
        self._rows.append(record)
        if len(self._rows) == ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows = []
