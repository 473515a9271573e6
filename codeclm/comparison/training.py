"""Training sets, and configurations of two trainers with the paper's settings, ready to be started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codeclm.comparison.settings import TrainingSettings
from codeclm.yaml_file import yaml_text

__all__ = ["axolotl_configuration", "conversations", "prompt_completions", "trl_configuration"]

Row = Mapping[str, Any]


def prompt_completions(rows: Iterable[Row]) -> Iterable[dict[str, Any]]:
    """Conversational prompt and completion: TRL trains on the completion alone."""
    for row in rows:
        yield {
            "prompt": [{"role": "user", "content": row["instruction"]}],
            "completion": [{"role": "assistant", "content": row["response"]}],
        }


def conversations(rows: Iterable[Row]) -> Iterable[dict[str, Any]]:
    """Messages of user and assistant, as Axolotl's chat templates take them."""
    for row in rows:
        yield {
            "messages": [
                {"role": "user", "content": row["instruction"]},
                {"role": "assistant", "content": row["response"]},
            ]
        }


def trl_configuration(settings: TrainingSettings, data: str, output: str) -> str:
    """For ``trl sft --config FILE``; ``data`` is a directory with the training set."""
    template = settings.chat_template
    return yaml_text(
        {
            "model_name_or_path": settings.base_model,
            "dataset_name": data,
            "output_dir": output,
            "num_train_epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            **_schedule(settings, "lr_scheduler_type"),
            "optim": "adamw_torch",
            "adam_beta1": 0.9,
            "adam_beta2": 0.95,
            "per_device_train_batch_size": settings.per_device,
            "gradient_accumulation_steps": _accumulated(settings),
            "max_length": settings.max_length,
            "completion_only_loss": True,
            **({"chat_template_path": str(template.resolve())} if template else {}),
            "logging_steps": 10,
            "save_strategy": "epoch",
            "report_to": "none",
        }
    )


def axolotl_configuration(settings: TrainingSettings, data: str, output: str) -> str:
    """For ``axolotl train FILE``; ``data`` is the file of the training set."""
    template = settings.chat_template
    jinja = (
        {"chat_template": "jinja", "chat_template_jinja": str(template.resolve())}
        if template
        else {}
    )
    return yaml_text(
        {
            "base_model": settings.base_model,
            "datasets": [
                {
                    "path": data,
                    "ds_type": "json",
                    "type": "chat_template",
                    "field_messages": "messages",
                    "roles_to_train": ["assistant"],
                }
            ],
            **jinja,
            "output_dir": output,
            "num_epochs": settings.epochs,
            "learning_rate": settings.learning_rate,
            **_schedule(settings, "lr_scheduler"),
            "optimizer": "adamw_torch",
            "adam_beta1": 0.9,
            "adam_beta2": 0.95,
            "micro_batch_size": settings.per_device,
            "gradient_accumulation_steps": _accumulated(settings),
            "sequence_len": settings.max_length,
            "train_on_inputs": False,
            "bf16": "auto",
            "gradient_checkpointing": True,
            "logging_steps": 10,
            "saves_per_epoch": 1,
        }
    )


def _schedule(settings: TrainingSettings, name: str) -> dict[str, Any]:
    """A line from the first learning rate to the last: a polynomial of power 1, which both trainers have."""
    return {
        name: "polynomial",
        "lr_scheduler_kwargs": {"lr_end": settings.final_learning_rate, "power": 1.0},
        "warmup_steps": 0,
    }


def _accumulated(settings: TrainingSettings) -> int:
    """Steps whose gradients are added up, so that ``batch`` examples make one update."""
    return max(1, round(settings.batch / (settings.per_device * settings.devices)))
