"""A forecast for a person: tables in plain text, every number with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeclm.forecast.forecast import Forecast, Row, Varied
from codeclm.forecast.shares import Estimate
from codeclm.llm.names import without_url
from codeclm.prices import how_to_give

__all__ = ["page"]


def page(forecast: Forecast) -> Iterator[str]:
    """Lines of text."""
    yield from _head(forecast)
    yield ""
    yield from _stages(forecast)
    yield ""
    yield from _iterations(forecast)
    yield ""
    yield from _sums(forecast)
    yield ""
    yield from _variants(forecast)
    yield ""
    yield from _notes(forecast)


def _head(forecast: Forecast) -> Iterator[str]:
    work, pilot = forecast.work, forecast.seeds
    of = f"{work.seeds:,} seeds" if work.seeds else "metadata"
    mixed = f", {work.mixed:,} mixed" if work.mixed else ""
    yield f"{work.instructions:,} instructions over {work.entries:,} metadata entries ({of}{mixed})"
    if pilot:
        seen = forecast.instructions_seen
        yield f"from a pilot of {pilot:,} seeds and {seen:,} instructions; in brackets 95 % intervals"
    else:
        yield "without a pilot: shares from the paper, lengths assumed; in brackets what is possible at all"


def _stages(forecast: Forecast) -> Iterator[str]:
    totals = forecast.totals
    rows = [["stage", "model", "calls", "tokens in", "tokens out", "cost"]]
    rows += [_stage(row) for row in forecast.rows]
    amounts = [_range(totals[name]) for name in ("calls", "input", "output")]
    rows.append(["total", "", *amounts, _money(totals.get("cost"))])
    yield from _table(rows)


def _stage(row: Row) -> list[str]:
    amounts = [_range(row.calls), _range(row.input), _range(row.output)]
    role = f"{row.stage} ({row.role})" if row.stage == "respond" else row.stage
    return [role, without_url(row.model), *amounts, _money(row.cost)]


def _iterations(forecast: Forecast) -> Iterator[str]:
    shares = zip(forecast.reaching, forecast.selected_at, strict=True)
    rows = [["iteration", "instructions that get there", "selected there, of all"]]
    rows += [
        [str(number), _percent(reach), _percent(chosen)]
        for number, (reach, chosen) in enumerate(shares, 1)
    ]
    yield from _table(rows)


def _sums(forecast: Forecast) -> Iterator[str]:
    totals = forecast.totals
    yield f"rounds     an instruction is compared {_decimals(totals['rounds'])} times"
    yield f"selected   {_range(totals['selected'])} of {_range(totals['instructions'])}"
    if forecast.needed and forecast.wanted_selected:
        wanted = forecast.wanted_selected
        yield f"           {wanted:,} selected ones take {_range(forecast.needed)} instructions"
    if forecast.hours and forecast.binding:
        yield f"hours      {_decimals(forecast.hours)}, limited by {forecast.binding}"
        for bound in forecast.bounds[1:4]:
            yield f"           {bound} would allow {_hours(bound.hours)}"
    else:
        yield "hours      not known: state limits a minute, or run a pilot (it measures how fast calls are answered)"
    if forecast.prices_as_of:
        yield f"prices     of the package's table, as of {forecast.prices_as_of} or later"


def _variants(forecast: Forecast) -> Iterator[str]:
    rows = [["cheaper", "calls", "cost", "selected", "what it changes"]]
    rows += [_variant(one) for one in forecast.varied]
    yield from _table(rows)


def _variant(one: Varied) -> list[str]:
    name = ": ".join(without_url(part) if ":" in part else part for part in one.name.split(": ", 1))
    return [name, _range(one.calls), _money(one.cost), _range(one.selected), one.changes]


def _notes(forecast: Forecast) -> Iterator[str]:
    for model in forecast.unpriced:
        yield f"the price of {model} is not known; {how_to_give(model)}"
    if not forecast.seeds:
        yield "a pilot tells more: codeclm plan with --pilot 50 and -o DIR; the run in DIR does not pay for it again"
    elif forecast.work.mixed:
        yield (
            f"{forecast.work.mixed:,} of the entries will be mixed, and the pilot has none of those: "
            "where they go otherwise than seeds do, so does the run"
        )
    yield "not counted: attempts that fail and are billed all the same, discounts for cached input"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _range(number: Estimate) -> str:
    value, low, high = map(_short, (number.value, number.low, number.high))
    return value if low == high else f"{value} [{low} - {high}]"


def _money(amount: Estimate | None) -> str:
    if amount is None:
        return "unknown"
    value, low, high = (f"{part:,.2f}" for part in (amount.value, amount.low, amount.high))
    return f"${value}" if low == high else f"${value} [{low} - {high}]"


def _percent(share: Estimate) -> str:
    value, low, high = (f"{100 * part:.0f}" for part in (share.value, share.low, share.high))
    return f"{value} %" if low == high else f"{value} % [{low} - {high}]"


def _decimals(number: Estimate) -> str:
    value, low, high = (_hours(part) for part in (number.value, number.low, number.high))
    return value if low == high else f"{value} [{low} - {high}]"


def _hours(number: float) -> str:
    return f"{number:.2f}" if number < 100 else f"{number:,.0f}"


def _short(number: float) -> str:
    """Three figures, as people say it."""
    if number < 10_000:
        return f"{number:,.0f}"
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return (
                f"{number / size:.3g}{name}"
                if number < 999.5 * size
                else f"{number / size:,.0f}{name}"
            )
    return f"{number:,.0f}"
