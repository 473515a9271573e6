"""How trainers are told of an exported dataset: words for its card, and LLaMA-Factory's dataset_info.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codeclm.export.formats import Wording

__all__ = ["dataset_info", "recipes"]

_TEXTS = {"prompt": "prompt"}
_OPENAI_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def dataset_info(
    name: str, form: str, wording: Wording, files: Mapping[str, str]
) -> dict[str, Any] | None:
    """What LLaMA-Factory's dataset_info.json says of it, a name a split; None for what it does not read."""
    described = _described(form, wording)
    if described is None:
        return None
    return {f"{name}_{split}": {"file_name": file, **described} for split, file in files.items()}


def _described(form: str, wording: Wording) -> dict[str, Any] | None:
    if form == "alpaca":
        system = {"system": "system"} if wording.system else {}
        return {
            "columns": {"prompt": "instruction", "query": "input", "response": "output", **system}
        }
    if form == "sharegpt":
        return {"formatting": "sharegpt", "columns": {"messages": "conversations"}}
    if form == "messages":
        columns = {"messages": "messages"}
        return {"formatting": "sharegpt", "columns": columns, "tags": _OPENAI_TAGS}
    if not wording.plain:  # its ranked conversations have another form than those of TRL
        return None
    if form == "prompt-completion":
        return {"columns": {**_TEXTS, "response": "completion"}}
    if form == "dpo":
        return {"ranking": True, "columns": {**_TEXTS, "chosen": "chosen", "rejected": "rejected"}}
    if form == "kto":
        return {"columns": {**_TEXTS, "response": "completion", "kto_tag": "label"}}
    return None


def recipes(
    form: str, wording: Wording, files: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """For each trainer its name, and what to tell it: language and text of a snippet."""
    trainer = {"dpo": "DPO", "kto": "KTO"}.get(form, "SFT")
    if form not in {"alpaca", "sharegpt"}:
        yield "TRL", "python", _TRL.format(trainer=trainer, test=_test(files))
    axolotl = _axolotl(form, wording)
    if axolotl:
        yield "Axolotl", "yaml", axolotl.format(file=files["train"])
    if _described(form, wording) is not None:
        yield "LLaMA-Factory", "yaml", _LLAMA_FACTORY


def _test(files: Mapping[str, str]) -> str:
    return ', eval_dataset=data["test"]' if "test" in files else ""


_TRL = """\
from datasets import load_dataset
from trl import {trainer}Config, {trainer}Trainer

data = load_dataset("PATH/TO/THIS/DIRECTORY")
trainer = {trainer}Trainer("YOUR-MODEL", args={trainer}Config("out"), train_dataset=data["train"]{test})
"""

_LLAMA_FACTORY = """\
dataset_dir: PATH/TO/THIS/DIRECTORY  # its dataset_info.json says the rest
dataset: codeclm_train
"""


def _axolotl(form: str, wording: Wording) -> str:
    place = "datasets:\n  - path: PATH/TO/THIS/DIRECTORY/{file}\n    ds_type: json\n"
    place = place.replace("json", "parquet") if form in {"parquet", "hf"} else place
    if form == "alpaca":
        return place + "    type: alpaca\n"
    if form == "sharegpt":
        return place + (
            "    type: chat_template\n    field_messages: conversations\n"
            "    message_property_mappings:\n      role: from\n      content: value\n"
        )
    if form in {"messages", "parquet", "hf"}:
        return place + "    type: chat_template\n    field_messages: messages\n"
    if form == "dpo" and not wording.plain:
        return "rl: dpo\n" + place + "    type: chat_template.default\n    field_messages: prompt\n"
    if wording.plain:
        return _axolotl_plain(form, place)
    return ""


def _axolotl_plain(form: str, place: str) -> str:
    if form == "dpo":
        fields = "      field_prompt: prompt\n      field_chosen: chosen\n      field_rejected: rejected\n"
        return "rl: dpo\n" + place + "    type:\n" + fields
    if form == "kto":
        fields = "      field_prompt: prompt\n      field_completion: completion\n      field_label: label\n"
        return "rl: kto\nremove_unused_columns: false\n" + place + "    type:\n" + fields
    return place + "    type:\n      field_instruction: prompt\n      field_output: completion\n"
