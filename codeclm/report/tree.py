"""A lineage as a tree in the terminal; what models wrote stands there as harmless text."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from codeclm.printable import printable
from codeclm.report.examples import cost_words
from codeclm.report.explanation import Explanation
from codeclm.report.lineage import Lineage, Round
from codeclm.report.words import count, decision, money

__all__ = ["print_tree"]

SHORT = 240
PIPED_WIDTH = 10_000
"""Where nobody looks on, lines are as long as they are."""
COLOURS = {"selected": "bold green", "discarded": "bold yellow", "failed": "bold red"}


def print_tree(found: Explanation, *, full: bool = False, console: Console | None = None) -> None:
    """Print the lineage: texts at their first words, or to their end where ``full``."""
    console = console or Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(_tree(found, full))


def _tree(found: Explanation, full: bool) -> Tree:
    one = found.lineage
    tree = Tree(_line(one.id, found.fate, COLOURS.get(one.fate, "bold")))
    tree.add(_seed(found, full))
    if one.use_case or one.skills:
        tree.add(_line("metadata", f"{one.use_case}; skills: {', '.join(one.skills)}"))
    if one.rounds:
        unit, place = found.unit or ("not on record", -1)
        tree.add(_line("unit", f"{unit}, instruction {place + 1} of it" if place >= 0 else unit))
    for each in one.rounds:
        _add_round(tree, each, found, full)
    if one.raw:
        _add_text(tree, "the text that was at fault", one.raw, full)
    if one.response is not None and one.rounds and _is_elsewhere(one):
        _add_text(tree, f"response ({one.responder})", one.response, full)
    _add_calls(tree, found)
    return tree


def _seed(found: Explanation, full: bool) -> Text:
    one = found.lineage
    if one.seed_id is None:
        return _line("seed", "none: it was not made from one seed")
    if found.seed is None:
        return _line("seed", f"{one.seed_id} ({found.seed_missing or 'not in the file'})")
    return _line("seed", f"{one.seed_id}: {_shortened(found.seed, full)}")


def _add_round(tree: Tree, one: Round, found: Explanation, full: bool) -> None:
    branch = tree.add(_line(f"iteration {one.number}", decision(one.gap, found.theta)))
    if one.action is not None:
        _add_text(branch, "action", one.action, full)
    _add_text(branch, "instruction", one.instruction, full)
    for name, scores, text in (
        ("strong", one.strong_scores, one.strong),
        ("target", one.target_scores, one.target),
    ):
        if scores or text is not None:
            rated = f"scores {' and '.join(f'{score:g}' for score in scores)}" if scores else ""
            side = branch.add(_line(name, rated or "not judged"))
            if text is not None:
                _add_text(side, "response", text, full)
            else:
                side.add(_line("response", "not on record"))


def _add_calls(tree: Tree, found: Explanation) -> None:
    one = found.lineage
    branch = tree.add(_line("calls", cost_words(one, found.tariff)))
    for call in one.calls or ():
        cost = found.tariff.cost(call)
        priced = "price unknown" if cost is None else money(cost)
        when = f"iteration {call.iteration}" if call.iteration else "before"
        tokens = f"{count(call.input_tokens)} in, {count(call.output_tokens)} out"
        branch.add(_line(call.stage, f"{when}, {call.model}: {tokens}, {priced}"))


def _add_text(tree: Tree, name: str, text: str, full: bool) -> None:
    """In full a line of the text is a line of the tree."""
    if not full or "\n" not in text:
        tree.add(_line(name, _shortened(text, full)))
        return
    branch = tree.add(_line(name, ""))
    for line in text.split("\n"):
        branch.add(Text(printable(line)))


def _shortened(text: str, full: bool) -> str:
    if full:
        return text
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[:SHORT]}… ({len(line) - SHORT:,} more)"


def _line(name: str, text: str, style: str = "bold") -> Text:
    """Never markup, whatever stands in it."""
    return Text.assemble((printable(name), style), f": {printable(text)}" if text else ":")


def _is_elsewhere(one: Lineage) -> bool:
    last = one.rounds[-1]
    return one.response not in (last.strong, last.target)
