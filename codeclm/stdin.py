"""Seeds from standard input: kept in a file where they must be counted, as they come where they need not be."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from codeclm.errors import UsageError
from codeclm.records import Seed
from codeclm.seeds import SeedFile, parse_seed

__all__ = ["SeedStream", "spooled_stdin"]

LONGEST_LINE_BYTES = 16 << 20


@contextmanager
def spooled_stdin(
    field: str, skip_bad_lines: bool, stdin: IO[bytes] | None = None
) -> Iterator[SeedFile]:
    """Standard input (JSON lines) in a file that lasts as long as the block, so that it can be counted first.

    To resume, give the same lines again: a run sees by their digest whether they are.
    """
    with NamedTemporaryFile(prefix="codeclm-", suffix=".jsonl") as spool:
        try:
            shutil.copyfileobj(stdin or sys.stdin.buffer, spool)
            spool.flush()
        except OSError as error:
            raise UsageError(
                f"standard input cannot be kept in {spool.name} ({error.strerror or error})"
            ) from None
        yield SeedFile(Path(spool.name), field, skip_bad_lines, label="standard input")


@dataclass(frozen=True, slots=True)
class SeedStream:
    """Seeds as they arrive, without end if need be: JSON lines, read while the run goes on.

    To resume, give the same lines again. Raises UsageError, naming the line, for what cannot be read.
    """

    field: str = "instruction"
    skip_bad_lines: bool = False
    stdin: IO[bytes] = dataclasses.field(default_factory=lambda: sys.stdin.buffer)

    async def __aiter__(self) -> AsyncIterator[Seed]:
        number = 0
        async for line_number, line in _lines(self.stdin):
            try:
                instruction, identity = parse_seed(_row(line), self.field)
            except UsageError as error:
                if self.skip_bad_lines:
                    continue
                raise UsageError(f"standard input, line {line_number}: {error}") from None
            yield Seed(number, identity or f"line-{line_number}", instruction)
            number += 1


async def _lines(stdin: IO[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    if stat.S_ISREG(os.fstat(stdin.fileno()).st_mode):  # a file is never late
        for number, line in _numbered(stdin):
            yield number, line
        return
    reader = asyncio.StreamReader(limit=LONGEST_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), stdin
    )
    try:
        number = 0
        while line := await reader.readline():
            number += 1
            if line.strip():
                yield number, line
    except ValueError:
        raise UsageError(f"standard input, line {number + 1}: longer than 16 MB") from None
    finally:
        transport.close()


def _numbered(stdin: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(stdin, 1) if line.strip())


def _row(line: bytes) -> object:
    try:
        return json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON ({error})") from None
