"""DataDesigner: the prompts as its seed dataset and a column of text, resumed where it can be.

Settings: "Architecture & Performance" (``max_parallel_requests``; the default ``buffer_size`` of 1,000 is "good for
most cases") and ``DataDesigner.create`` (``ResumeMode``). The health check before the run and metrics are off.
"""

from __future__ import annotations

import data_designer.config as dd
import pandas as pd
from data_designer.config import ResumeMode
from data_designer.interface import DataDesigner
from job import KEY, MODEL, Job, read_job


def builder(job: Job) -> dd.DataDesignerConfigBuilder:
    """One column: the answer to the prompt."""
    model = dd.ModelConfig(
        alias=MODEL,
        model=MODEL,
        provider="bench",
        inference_parameters=dd.ChatCompletionInferenceParams(max_parallel_requests=job.in_flight),
        skip_health_check=True,
    )
    config = dd.DataDesignerConfigBuilder(model_configs=[model])
    seeds = job.place / "seeds.parquet"
    if not seeds.exists():
        pd.DataFrame({"question": job.prompts()}).to_parquet(seeds)
    config.with_seed_dataset(dd.LocalFileSeedSource(path=str(seeds)))
    config.add_column(
        dd.LLMTextColumnConfig(name="answer", prompt="{{ question }}", model_alias=MODEL)
    )
    return config


def run(job: Job) -> None:
    """Ask all prompts and read the dataset."""
    provider = dd.ModelProvider(
        name="bench", endpoint=job.base_url, provider_type="openai", api_key=KEY
    )
    designer = DataDesigner(
        artifact_path=job.place, model_providers=[provider], auto_configure_logging=False
    )
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None, jinja_rendering_engine="native"))
    results = designer.create(
        builder(job), num_records=job.calls, dataset_name="peers", resume=ResumeMode.IF_POSSIBLE
    )
    dataset = results.load_dataset()
    job.tell(zip(dataset["question"], dataset["answer"], strict=True))


if __name__ == "__main__":
    run(read_job())
