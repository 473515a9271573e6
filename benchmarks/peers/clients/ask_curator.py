"""Bespoke curator: its OpenAI backend over all prompts, with its cache.

Settings: "Online processing" (rate limits and concurrent requests in ``backend_params``; unset limits would be 200
requests a minute) and "Caching and recovery" (the same call in the same directory goes on where it was).
"""

from __future__ import annotations

from bespokelabs import curator
from job import KEY, MODEL, Job, read_job

UNLIMITED = 10**9


class Answers(curator.LLM):
    """One prompt, one answer."""

    def prompt(self, input: dict[str, str]) -> str:  # noqa: A002 - its name for it
        return input["question"]

    def parse(self, input: dict[str, str], response: str) -> dict[str, str]:  # noqa: A002
        return {"question": input["question"], "answer": response}


def run(job: Job) -> None:
    """Ask all prompts and read the dataset."""
    ask = Answers(
        model_name=MODEL,
        backend="openai",
        backend_params={
            "base_url": job.base_url,
            "api_key": KEY,
            "max_requests_per_minute": UNLIMITED,
            "max_tokens_per_minute": UNLIMITED,
            "max_concurrent_requests": job.in_flight,
        },
    )
    questions = [{"question": prompt} for prompt in job.prompts()]
    dataset = ask(questions, working_dir=str(job.place)).dataset
    job.tell(zip(dataset["question"], dataset["answer"], strict=True))


if __name__ == "__main__":
    run(read_job())
