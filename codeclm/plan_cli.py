"""``codeclm plan``: what a run will take, with the arguments of the run itself."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from codeclm.console import carry_out, print_line, run_loop, view_for
from codeclm.errors import UsageError
from codeclm.flags import flag
from codeclm.methods.table import DEFAULT, name_of
from codeclm.pilot import Pilot
from codeclm.plan import Order, Plan, make_plan
from codeclm.progress import NoView
from codeclm.run import PILOT_OVER

if TYPE_CHECKING:
    from codeclm.archive import RunArchive
    from codeclm.forecast.forecast import Forecast

__all__ = ["EPILOG", "plan_command"]

EPILOG = (
    "Examples: codeclm plan seeds.jsonl --config codeclm.yaml | "
    "codeclm plan seeds.jsonl --config codeclm.yaml -o runs/first --pilot 50"
)
NOT_FOR_PLANS = frozenset(
    {"retry_failed", "rehearse", "faults", "latency", "log_file", "metrics_port"}
)

WithOrder = Callable[[Mapping[str, Any], Callable[[Order], int]], int]


def _own(
    output: Annotated[
        Path | None, flag("The run's directory: for --pilot, or with one in it.", "--output", "-o")
    ] = None,
    pilot: Annotated[
        int | None,
        typer.Option(
            min=1, show_default=False, help="Run so many seeds for real; the run goes on from it."
        ),
    ] = None,
    selected: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, help="For so many selected examples, not --total."),
    ] = None,
    other_judge: Annotated[
        list[str] | None, flag("Another judge to compare with; again for more.")
    ] = None,
    other_target: Annotated[
        list[str] | None, flag("Another target to compare with; again for more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The forecast as JSON.")] = False,
) -> None:
    """The options that a plan has beside those of a run."""


def plan_command(run: Callable[..., int], with_order: WithOrder) -> Callable[..., int]:
    """The command, with the arguments of ``run``; ``with_order`` makes an order of them."""

    def plan(**given: Any) -> int:
        names = inspect.signature(_own).parameters
        asked = _Asked(**{name: given[name] for name in names})
        return with_order({**given, "output": asked.output or Path()}, asked.answer(given))

    theirs = (one for one in _parameters(run) if one.name not in NOT_FOR_PLANS)
    ours = _parameters(_own)
    taken = {one.name for one in ours}
    parameters = [*(one for one in theirs if one.name not in taken), *ours]
    plan.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    plan.__annotations__ = {one.name: one.annotation for one in parameters}
    plan.__doc__ = """What a run will cost and how long it will take: calls, tokens, money, hours, by stage and model.

    Takes the arguments of codeclm run. Makes no call but for --pilot.
    """
    return plan


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    found = inspect.signature(function).parameters.values()
    return [one.replace(annotation=hints[one.name]) for one in found]


@dataclasses.dataclass(frozen=True, slots=True)
class _Asked:
    output: Path | None
    pilot: int | None
    selected: int | None
    other_judge: list[str] | None
    other_target: list[str] | None
    as_json: bool

    def answer(self, given: Mapping[str, Any]) -> Callable[[Order], int]:
        if self.pilot and self.output is None:
            raise UsageError("a pilot is the beginning of a run: give its directory with -o")

        def act(order: Order) -> int:
            name = name_of(order.settings.method)
            if name != DEFAULT:
                raise UsageError(f"method {name}: only runs of {DEFAULT} can be planned")
            if self.pilot:
                code = self._run(order, Pilot(self.pilot), given)
                if code is not None:
                    return code
            self._print(self._forecast(order))
            return 0

        return act

    def _run(self, order: Order, pilot: Pilot, given: Mapping[str, Any]) -> int | None:
        """Run the pilot; the exit code where that did not come to its end."""
        view = NoView() if self.as_json else view_for(given["progress"])
        tell = _to_stderr if self.as_json else print_line
        advice = "codeclm run with the same arguments goes on from it"
        finished = run_loop(carry_out(order, view, advice=advice, pilot=pilot, tell=tell))
        return None if finished.reason in ("", PILOT_OVER) else finished.exit_code

    def _forecast(self, order: Order) -> Forecast:
        # What no other command needs.
        from codeclm.archive import RunArchive  # noqa: PLC0415
        from codeclm.forecast.forecast import forecast  # noqa: PLC0415
        from codeclm.forecast.observed import observed  # noqa: PLC0415
        from codeclm.forecast.variants import Others  # noqa: PLC0415
        from codeclm.pilot import LOG  # noqa: PLC0415
        from codeclm.starter import smaller  # noqa: PLC0415

        plan = make_plan(order, to_run=self.output is not None and bool(self.pilot))
        if self.output is not None and (self.output / LOG).exists():
            archive = RunArchive(self.output)
            _check_same_run(plan, archive)
            clusters = observed(plan, archive)
        elif self.output is not None and self.output.exists():
            raise UsageError(
                f"{self.output}: no pilot was run there; give --pilot N and a directory "
                "whose run is not over, or no -o"
            )
        else:
            clusters = []
        others = Others(
            tuple(self.other_judge or ()),
            (*smaller(plan.models.target), *(self.other_target or ())),
        )
        selected = self.selected or plan.goal
        return forecast(plan, clusters, selected=selected, others=others)

    def _print(self, forecast: Forecast) -> None:
        from codeclm.forecast.page import page  # noqa: PLC0415 - as above

        if self.as_json:
            for line in json.dumps(dataclasses.asdict(forecast), indent=2).splitlines():
                print_line(line)
            return
        for line in page(forecast):
            print_line(line)


def _check_same_run(plan: Plan, archive: RunArchive) -> None:
    """Raises UsageError where the pilot in ``archive`` is another run's, which says nothing of this one."""
    try:
        plan.after(archive.settings)
    except UsageError as error:
        raise UsageError(f"{archive.path}: {error}") from None


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
