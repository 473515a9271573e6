"""A stage of your own between two of the method's: a plain async function of one record.

This one drops instructions that are too short, before any model answers them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from codeclm import Draft, Job, Stage, load_settings, synthesize
from codeclm.simulator import SimulatorServer, World

SEEDS = [
    "Write a limerick about tea.",
    "Sort a list of names by length.",
    "Why do leaves turn red?",
]
SHORTEST = 120


async def long_enough(draft: Draft) -> Sequence[Draft]:
    """Pass on what has at least so many characters; a stage may return none, one or many records."""
    return [draft] if len(draft.instruction) >= SHORTEST else []


def with_my_stage(job: Job) -> Job:
    """The same job with the stage before the responses."""
    stage = Stage("long enough", long_enough, accepts=Draft, emits=(Draft,))
    return replace(job, pipeline=job.pipeline.insert(stage, before="respond"))


async def main() -> None:
    """Print the shortest instruction that was selected."""
    async with SimulatorServer(World()) as server:
        models = {
            "strong": {"model": f"openai:sim-strong@{server.base_url}"},
            "target": {"model": f"openai:sim-target@{server.base_url}"},
        }
        settings = load_settings(
            None, {"models": models, "method": {"total": 40, "augment_to": 10}}
        )
        async with synthesize(SEEDS, settings, rewire=with_my_stage) as examples:
            lengths = [len(example.comparison.draft.instruction) async for example in examples]
    print(f"{len(lengths)} selected, the shortest has {min(lengths, default=0)} characters")


if __name__ == "__main__":
    asyncio.run(main())
