"""Rehearsal: a user's own run, with simulated models in the place of theirs; nothing is paid, no key is read.

Kept as they are: seeds, prompts, method, calls in flight, retries, time-outs, most calls and tokens. Left out: limits a
minute and hours, for they would only make it last, money, for there is none, and a cache shared with real runs. The
judge is played by the model that plays the party it shares a model with, else by a third one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from codeclm.console import execute
from codeclm.errors import UsageError
from codeclm.llm.allowance import PER_MINUTE
from codeclm.llm.names import parse_model
from codeclm.own_prompts import OwnPrompt, own_prompt, reader
from codeclm.plan import Order, templates_of
from codeclm.progress import View
from codeclm.rundir import read_settings
from codeclm.settings import ModelsSettings, Settings
from codeclm.settings_file import MISSING_MODEL
from codeclm.simulator import Faults, ServerOptions, SimulatorServer, World, parse_duration

__all__ = ["Rehearsal", "rehearsal_directory", "rehearse"]

SUFFIX = "-rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How the simulated endpoint behaves: ``faults`` as ``codeclm simulate`` takes them, and how fast it answers."""

    faults: str = ""
    latency: str = "0"

    def options(self) -> ServerOptions:
        """For the server. Raises UsageError."""
        faults = Faults.parse(self.faults)
        return ServerOptions(latency_s=parse_duration(self.latency), faults=faults)


def rehearsal_directory(directory: Path) -> Path:
    """Where ``directory`` is rehearsed: beside it, so that the real run finds it empty."""
    if directory.name.endswith(SUFFIX.removeprefix("-")):
        return directory
    return directory.with_name(directory.name + SUFFIX)


async def rehearse(
    order: Order, rehearsal: Rehearsal, view: View, say: Callable[[str], None]
) -> int:
    """Run ``order`` on simulated models in a directory of its own; the exit code. Raises UsageError."""
    models = order.settings.models
    if models is None:
        raise UsageError(MISSING_MODEL.format(party="strong"))
    options = rehearsal.options()
    directory = rehearsal_directory(order.directory)
    with _understood(order.settings, say) as (settings, prompts):
        world = World(read=reader(prompts))
        async with SimulatorServer(world, options, port=_port(directory)) as server:
            roles = _roles(models)
            rehearsed = replace(
                order,
                settings=_simulated(settings, roles, server.base_url),
                directory=directory,
                environ={},
                rehearsal=True,
            )
            played = {getattr(models, role).model: name for role, name in roles.items()}
            parts = ", ".join(f"{name} plays {model}" for model, name in played.items())
            say(f"rehearsal in {directory}: no model is asked and nothing is paid; {parts}")
            code = await execute(rehearsed, view, advice="run the same command to go on with it")
    say(
        "rehearsal over: no model was asked. Calls, tokens by stage and files are as a run has them; "
        "texts, scores and how many were selected are made up and mean nothing"
    )
    return code


def _roles(models: ModelsSettings) -> dict[str, str]:
    """Who plays whom."""
    roles = {"strong": "sim-strong", "target": "sim-target"}
    if models.judge is not None:
        judge = parse_model(models.judge.model)
        same = [role for role in roles if parse_model(getattr(models, role).model) == judge]
        roles["judge"] = roles[same[0]] if same else "sim-judge"
    return roles


def _simulated(settings: Settings, roles: dict[str, str], base_url: str) -> Settings:
    tree = settings.model_dump()
    for role, name in roles.items():
        party = tree["models"][role]
        party |= dict.fromkeys((*PER_MINUTE, "api_key_env"))
        party |= {"model": f"openai:{name}@{base_url}", "send_seed": True}
    tree["cache"] = None
    tree["budget"] |= {"max_cost": None, "max_hours": None}
    return Settings.model_validate(tree)


def _port(directory: Path) -> int:
    """The port that the rehearsal in ``directory`` had before, for answers are known by it; 0 where there was none."""
    stored = read_settings(directory) if directory.is_dir() else None
    if stored is None or not stored.get("rehearsal"):
        return 0
    name = stored["settings"]["models"]["strong"]["model"]
    return urlsplit(parse_model(name).base_url).port or 0


@contextmanager
def _understood(
    settings: Settings, say: Callable[[str], None]
) -> Iterator[tuple[Settings, Sequence[OwnPrompt]]]:
    """The settings with only those prompts of the user's own that simulated models can be made to understand."""
    method = settings.method
    constants = {"language": method.language, "scale": method.scale}
    lists = {"use_cases": method.use_cases, "skills": method.allowed_skills}
    own: list[OwnPrompt] = []
    origins: list[Path] = []
    templates = [one for one in templates_of(settings).values() if one.origin]
    for template in templates:
        turned = own_prompt(template, {**constants, **(lists if template.name == "encode" else {})})
        if turned is None:
            say(
                f"warning: {template.origin}: simulated models cannot read it; its stage is rehearsed "
                "with the package's own prompt, so its tokens are not those of yours"
            )
        else:
            own.append(turned)
            origins.append(Path(template.origin))
    if len(own) == len(templates):
        yield settings, own
        return
    if not own:
        yield settings.model_copy(update={"prompts": None}), own
        return
    with TemporaryDirectory(prefix="codeclm-prompts-") as place:
        for origin in origins:
            shutil.copy(origin, place)
        yield settings.model_copy(update={"prompts": Path(place)}), own
