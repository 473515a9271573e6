"""The whole method in a program, offline: simulated models behind a real HTTP server on loopback."""

import asyncio

from codeclm import load_settings, synthesize
from codeclm.simulator import SimulatorServer, World

SEEDS = [
    "Explain the offside rule to somebody who has never seen a football match.",
    "Write a function that merges two sorted lists.",
    "A tap drips twice a second. How many drops is that in a day?",
]


async def main() -> None:
    """Make 20 instructions from 3 seeds and print what was selected."""
    async with SimulatorServer(World()) as server:
        settings = load_settings(
            None,
            {
                "models": {
                    "strong": {"model": f"openai:sim-strong@{server.base_url}"},
                    "target": {"model": f"openai:sim-target@{server.base_url}"},
                },
                "method": {"total": 20, "augment_to": 8},
            },
        )
        async with synthesize(SEEDS, settings) as examples:
            async for example in examples:
                draft = example.comparison.draft
                print(
                    f"iteration {draft.iteration}, {example.responder} responds: {draft.instruction}"
                )


if __name__ == "__main__":
    asyncio.run(main())
