"""distilabel: a pipeline that loads the prompts and generates a text for each, with its cache.

Settings: "Executing Steps and Tasks in a Pipeline" (batch sizes) and "Pipeline cache" (the same pipeline in the same
directory goes on where it was). A batch is asked at once, and the next one when all of it is answered: so many in
flight are a batch of that size.
"""

from __future__ import annotations

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from job import KEY, MODEL, Job, read_job


def run(job: Job) -> None:
    """Ask all prompts and read the dataset."""
    with Pipeline(name="peers", cache_dir=job.place, enable_metadata=False) as pipeline:
        data = [{"instruction": prompt} for prompt in job.prompts()]
        load = LoadDataFromDicts(data=data, batch_size=job.in_flight)
        ask = TextGeneration(
            llm=OpenAILLM(model=MODEL, base_url=job.base_url, api_key=KEY),
            input_batch_size=job.in_flight,
            add_raw_output=False,
            add_raw_input=False,
        )
        load >> ask
    dataset = pipeline.run(use_cache=True)["default"]["train"]
    job.tell(zip(dataset["instruction"], dataset["generation"], strict=True))


if __name__ == "__main__":
    run(read_job())
