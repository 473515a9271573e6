"""The whole way on one CPU, offline: data by two variants, training through TRL, answers, and the tables.

    python examples/training/whole_way.py OUTPUT

The models that make and judge the data are simulated; the trained one is a real transformer with random weights,
trained for a few steps: its figures mean nothing, the way is that of a real comparison. Needs the extra ``training``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from codeclm.simulator import SimulatorServer, World

STEPS = 3

CONFIGURATION = """\
models:
  strong: {{model: "openai:sim-strong@{base_url}", send_seed: true}}
  target: {{model: "openai:sim-target@{base_url}", send_seed: true}}
method: {{augment_to: 0}}
compare:
  size: 16
  groups: []
  variants:
    codeclm: {{}}
    no-filtering: {{method: {{contrastive_filtering: false}}}}
  training: {{base_model: "{model}", epochs: 1, per_device: 2, batch: 4}}
"""

CANDIDATES = """\
  candidates:
    codeclm: {{answers: "{out}/answers-codeclm.jsonl"}}
    no-filtering: {{answers: "{out}/answers-no-filtering.jsonl"}}
"""


async def command(*words: str | Path, cwd: Path | None = None) -> None:
    """Run a command to its end."""
    print("$", *words, flush=True)
    process = await asyncio.create_subprocess_exec(*map(str, words), cwd=cwd)
    if await process.wait() not in {0, 3}:
        sys.exit(f"this failed: {' '.join(map(str, words))}")


async def whole_way(out: Path) -> None:
    """From seeds to tables in ``out``."""
    here = Path(__file__).parent
    python, trl = sys.executable, Path(sys.executable).parent / "trl"
    out.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs
    world = World()
    seeds, settings, comparison = out / "seeds.txt", out / "compare.yaml", out / "comparison"
    seeds.write_text("\n".join(text.replace("\n", " ") for text in world.seeds(40)))
    async with SimulatorServer(world) as server:
        configuration = CONFIGURATION.format(base_url=server.base_url, model=out / "tiny")
        settings.write_text(configuration)
        compare = (
            python,
            "-m",
            "codeclm",
            "compare",
            seeds,
            "-o",
            comparison,
            "--config",
            settings,
        )
        await command(*compare)
        train = comparison / "train"
        first = train / "codeclm" / "trl" / "data" / "train.jsonl"
        await command(python, here / "tiny_model.py", first, out / "tiny")
        for variant in ("codeclm", "no-filtering"):
            place = train / variant / "trl"
            steps = ("--max_steps", STEPS, "--use_cpu", "true", "--bf16", "false")
            await command(trl, "sft", "--config", "sft.yaml", *map(str, steps), cwd=place)
            answers = out / f"answers-{variant}.jsonl"
            await command(
                python, here / "answer.py", place / "model", comparison / "test.jsonl", answers
            )
        settings.write_text(configuration + CANDIDATES.format(out=out))
        await command(*compare)


if __name__ == "__main__":
    asyncio.run(whole_way(Path(sys.argv[1]).resolve()))
