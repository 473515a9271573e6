"""TRL takes what is exported as it is: its own checks, its own preparation, a step of training on a tiny random model.

Out of the quick suite, for it takes torch: in an environment with the extra ``training``,
``pytest -m training tests/trainers``.
"""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from codeclm.export.command import ExportOrder, export_run
from codeclm.export.formats import Wording
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.world import World
from tests.running import complete, seeds, settings_for
from tests.trainers.tiny import tiny_model, tiny_tokenizer

pytestmark = [
    pytest.mark.training,
    pytest.mark.filterwarnings("default"),  # those of others are theirs
]
trl = pytest.importorskip("trl", reason="pip install 'codeclm[training]'")
datasets = pytest.importorskip("datasets")

CHAT, SYSTEM, PLAIN = Wording(), Wording(system="Be kind."), Wording(plain=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of thirty instructions."""

    async def make(directory: Path) -> None:
        async with SimulatorServer(World()) as server:
            method = {"total": 30, "augment_to": 0}
            await complete(directory, settings_for(server.base_url, method=method), seeds(10))

    directory = tmp_path_factory.mktemp("run") / "first"
    asyncio.run(make(directory))
    return directory


def exported(run: Path, directory: Path, form: str, wording: Wording) -> Any:
    export_run(ExportOrder(run, form, directory / "out", 0.2, wording=wording), lambda _: None)
    return datasets.load_dataset(str(directory / "out"), cache_dir=str(directory / "cache"))


def texts_of(data: Any) -> list[str]:
    return [str(value) for row in data["train"] for value in row.values()]


CASES = [
    ("messages", CHAT, "SFT"),
    ("messages", SYSTEM, "SFT"),
    ("prompt-completion", SYSTEM, "SFT"),
    ("prompt-completion", PLAIN, "SFT"),
    ("hf", CHAT, "SFT"),
    ("dpo", SYSTEM, "DPO"),
    ("dpo", PLAIN, "DPO"),
    ("kto", SYSTEM, "KTO"),
    ("kto", PLAIN, "KTO"),
]
NAMES = [f"{form}-{trainer}-{number}" for number, (form, _, trainer) in enumerate(CASES)]


@pytest.mark.parametrize(("form", "wording", "trainer"), CASES, ids=NAMES)
def test_trl_says_what_it_is(
    finished: Path, tmp_path: Path, form: str, wording: Wording, trainer: str
) -> None:
    """``is_conversational`` is right, and the chat template applies: texts with the turns in their order."""
    data = exported(finished, tmp_path, form, wording)
    tokenizer = tiny_tokenizer(texts_of(data))
    for example in data["train"]:
        assert trl.is_conversational(example) is not wording.plain
        written = trl.maybe_apply_chat_template(
            {name: example[name] for name in example if name in COLUMNS[form]}, tokenizer
        )
        texts = [text for text in written.values() if isinstance(text, str)]
        assert texts
        if not wording.plain:
            begin = "<|system|>Be kind.<|end|><|user|>" if wording.system else "<|user|>"
            assert texts[0].startswith(begin)


COLUMNS = {
    "messages": {"messages"},
    "hf": {"messages"},
    "prompt-completion": {"prompt", "completion"},
    "dpo": {"prompt", "chosen", "rejected"},
    "kto": {"prompt", "completion", "label"},
}


@pytest.mark.parametrize(("form", "wording", "trainer"), CASES, ids=NAMES)
def test_trl_trains_on_it(
    finished: Path, tmp_path: Path, form: str, wording: Wording, trainer: str
) -> None:
    """The trainer prepares both splits with no word about columns, takes two steps, and its loss is a number."""
    data = exported(finished, tmp_path, form, wording)
    tokenizer = tiny_tokenizer(texts_of(data))
    tiny_model(tokenizer).save_pretrained(tmp_path / "model")
    arguments = getattr(trl, f"{trainer}Config")(
        output_dir=str(tmp_path / "trained"),
        max_steps=2,
        per_device_train_batch_size=2,
        max_length=512,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    )
    made = getattr(trl, f"{trainer}Trainer")(
        model=str(tmp_path / "model"),
        args=arguments,
        train_dataset=data["train"],
        eval_dataset=data["test"],
        processing_class=tokenizer,
    )
    assert len(made.train_dataset) == len(data["train"])
    assert math.isfinite(made.train().training_loss)
