"""A tiny language model with random weights, and a tokenizer of its own: enough to train, serve and answer on a CPU.

    python examples/training/tiny_model.py TRAINING_SET.jsonl OUTPUT

Needs the extra ``training`` (pip install "codeclm[training]").
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def texts(path: Path) -> Iterator[str]:
    """Everything that is said in a training set of prompts and completions."""
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield from (message["content"] for message in (*row["prompt"], *row["completion"]))


def make(training_set: Path, output: Path) -> None:
    """Write model and tokenizer to ``output``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=[*SPECIAL], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts(training_set), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=TEMPLATE,
        **dict(zip(("pad_token", "bos_token", "eos_token"), SPECIAL, strict=False)),
    )
    wrapped.save_pretrained(output)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        pad_token_id=wrapped.pad_token_id,
        bos_token_id=wrapped.bos_token_id,
        eos_token_id=wrapped.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(output)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
