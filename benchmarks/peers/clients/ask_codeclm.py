"""This project: a pipeline of one stage behind its limits and its cache, and the file its runs write rows to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import uvloop
from job import MODEL, Job, read_job

from codeclm.collector import calm_collector
from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.lines import LinesFile
from codeclm.llm.chat import ChatModel, ChatRequest, Message
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import AnswerStore


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Answered:
    """And what was said."""

    prompt: str
    answer: str


def asking(model: ChatModel, in_flight: int) -> Pipeline:
    """One prompt, one answer."""

    async def ask(question: Question) -> list[Answered]:
        request = ChatRequest((Message("user", question.prompt),))
        return [Answered(question.prompt, (await model.complete(request)).text)]

    stage = Stage("ask", ask, Question, (Answered,), workers=in_flight)
    return Pipeline([stage], (Answered,), tickets=2 * in_flight)


async def run(job: Job, file: LinesFile, done: set[str]) -> None:
    """Ask what is not on file yet: first the cache, then the endpoint."""
    questions = [Question(prompt) for prompt in job.prompts() if prompt not in done]
    async with AnswerStore(job.place / "cache") as store, Models() as models:
        spec = ModelSpec(f"vllm:{MODEL}@{job.base_url}", max_in_flight=job.in_flight)
        pipeline = asking(models.open(spec, store), job.in_flight)
        async with pipeline.open(questions) as outcomes:
            async for outcome in outcomes:
                if isinstance(outcome, Answered):
                    file.append({"id": outcome.prompt, "answer": outcome.answer})
    file.sync()


def rows(file: LinesFile) -> Iterator[tuple[str, str]]:
    """What is on file."""
    for row in file.rows():
        yield row["id"], row["answer"]


if __name__ == "__main__":
    found = read_job()
    kept = LinesFile(found.place / "answers.jsonl")
    calm_collector()  # as its own command does
    uvloop.run(run(found, kept, {str(row["id"]) for row in kept.recover()}))
    found.tell(rows(kept))
    kept.close()
