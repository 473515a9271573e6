"""What a trained model answers to a test set, as a file that ``codeclm evaluate`` and ``codeclm compare`` take.

    python examples/training/answer.py MODEL TEST_SET.jsonl ANSWERS.jsonl

Needs the extra ``training``. A server (vLLM, say) does the same faster: name it as a candidate instead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MOST_TOKENS = 40


def answer(model_path: Path, test_set: Path, answers: Path) -> None:
    """Write a row with ``id`` and ``response`` for each row of ``test_set``."""
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    model = AutoModelForCausalLM.from_pretrained(model_path)
    torch.manual_seed(0)
    with answers.open("w", encoding="utf-8") as file:
        for line in test_set.read_text("utf-8").splitlines():
            row = json.loads(line)
            asked = tokenizer.apply_chat_template(
                [{"role": "user", "content": row["instruction"]}],
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            )
            asked.pop("token_type_ids", None)
            made = model.generate(**asked, max_new_tokens=MOST_TOKENS, do_sample=False)
            text = tokenizer.decode(
                made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True
            )
            file.write(json.dumps({"id": row["id"], "response": text or "(nothing)"}) + "\n")


if __name__ == "__main__":
    answer(*map(Path, sys.argv[1:4]))
