"""The job every client gets: the same prompts, the same endpoint. Standard library only: every environment has it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KEY", "MODEL", "Job", "read_job"]

MODEL = "gpt-4o-mini"  # a name that the token counters of all know
KEY = "no-key-needed"
FILLER = (
    "Explain in plain words what is meant, why it matters, and where it goes wrong in practice. "
)
CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Job:
    """Ask each prompt once and keep the answers in ``place``, where an earlier run may have left some.

    ``option`` is the client's own affair.
    """

    base_url: str
    calls: int
    in_flight: int
    place: Path
    option: str

    def prompts(self) -> list[str]:
        """All prompts; those of a smaller job are the first ones of a larger."""
        return [(f"Question {n:08d}. " + FILLER * 8)[:CHARACTERS] for n in range(self.calls)]

    def tell(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Say what came out, in the last line: ``rows`` are the prompts and answers of the final output."""
        rows = list(rows)
        answered = {prompt for prompt, answer in rows if answer}
        kept = len(answered.intersection(self.prompts()))
        print(json.dumps({"rows": kept, "more_rows": len(rows) - kept}), flush=True)


def read_job() -> Job:
    """The job on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--option", default="")
    return Job(**vars(parser.parse_args()))
