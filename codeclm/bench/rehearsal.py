"""What a run would ask: the method itself on a simulated model, and every request that reaches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codeclm.assembly import make_job
from codeclm.errors import CodecLMError
from codeclm.llm.cache import CachedModel
from codeclm.llm.chat import ChatRequest, Completion, Usage
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.store import MemoryStore
from codeclm.methods.job import Parties, Party
from codeclm.seeds import SeedList
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.simulator import World
from codeclm.stages.templates import load_templates

__all__ = ["STAGES", "rehearse"]

STAGES = ("encode", "decode", "rubrics", "improve", "respond", "judge")
SEEDS = 16
PER_ENTRY = 10
"""Instructions for each seed, as in a run over two hundred entries."""


async def rehearse(settings: Settings, party: Party, *, seed: int = 0) -> Sequence[ChatRequest]:
    """The requests to the strong model, which judges as well, of a small run with the method of ``settings``.

    They have the prompts, the sampling and the proportions of a run, and prompts of the lengths of real ones.
    ``party`` says how the model is asked; it is not called.
    """
    world = World(seed, unreadable_share=0.0)
    strong, target = _player(world, "sim-strong"), _player(world, "sim-target")
    store = MemoryStore()
    parties = Parties(
        replace(party, model=_cached(strong, store, "strong"), max_in_flight=8),
        Party(_cached(target, store, "target"), 8),
    )
    source = SeedList(world.seeds(SEEDS))
    method = {"total": None, "per_entry": PER_ENTRY, "augment_to": 0, "extends": ()}
    tree = {**settings.stored()["method"], **method}
    rehearsed = load_settings(None, {"method": tree, "seed": seed})
    job = make_job(source, source.tally(), rehearsed, parties, load_templates())
    async with job.pipeline.open(job.source) as outcomes:
        try:
            async for _ in outcomes:
                pass
        except CodecLMError as error:
            raise AssertionError(f"the rehearsal failed: {error}") from error
    return sorted(strong.requests, key=lambda one: (one.stage, one.messages[-1].content, one.draw))


def _player(world: World, name: str) -> ScriptedModel:
    """A model of the simulated world. Its responses are half as long as those of real ones: it gives two as one."""

    def answer(request: ChatRequest) -> Completion:
        messages = [{"role": one.role, "content": one.content} for one in request.messages]
        times = 2 if request.stage == "respond" else 1
        texts = [
            world.answer(
                name,
                messages,
                temperature=request.temperature or 0.0,
                seed=2 * request.draw + number,
                schema=request.schema,
            ).text
            for number in range(times)
        ]
        return Completion("\n\n".join(texts), "stop", Usage(1, 1))

    return ScriptedModel(answer)


def _cached(model: ScriptedModel, store: MemoryStore, name: str) -> CachedModel:
    """Equal requests are one, as in a run."""
    return CachedModel(model, store, {"model": name}, model=name, on_event=lambda event: None)
