"""A method of your own on the same engine: a function that returns a job, a pipeline and its source.

This one lets both models answer the seeds themselves and keeps what the strong model answers at greater length.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from codeclm import (
    Comparison,
    Draft,
    Entry,
    Example,
    Job,
    Metadata,
    Party,
    Pipeline,
    ScriptedModel,
    Stage,
)
from codeclm.stages.prompt import Sampling
from codeclm.stages.respond import Respond, Respondent


def longer_answer(instructions: Iterable[str], strong: Party, target: Party) -> Job:
    """Instructions -> responses of both -> examples where strong wrote more."""
    sampling = Sampling(temperature=0.7, max_tokens=512)
    respond = Respond(Respondent(strong.model, sampling), Respondent(target.model, sampling))

    async def keep_longer(comparison: Comparison) -> Sequence[Example]:
        longer = len(comparison.strong) > len(comparison.target or "")
        return [Example(comparison, "strong")] if longer else []

    async def drafts() -> AsyncIterator[Draft]:
        for number, instruction in enumerate(instructions):
            entry = Entry(number, f"seed-{number}", Metadata("as given", ()))
            yield Draft(entry.id, entry, instruction)

    pipeline = Pipeline(
        [
            Stage("respond", respond, accepts=Draft, emits=(Comparison,)),
            Stage("compare", keep_longer, accepts=Comparison, emits=(Example,)),
        ],
        outcomes=(Example,),
    )
    return Job(pipeline, drafts(), dict)


async def main() -> None:
    """Run it on two scripted models."""
    strong = Party(ScriptedModel(lambda request: "A long and careful answer. " * 3))
    target = Party(ScriptedModel(lambda request: "No idea."))
    job = longer_answer(["Why is the sky blue?", "What is a monad?"], strong, target)
    async with job.pipeline.open(job.source) as outcomes:
        async for example in outcomes:
            print(example)


if __name__ == "__main__":
    asyncio.run(main())
