"""Charts as SVG that stands in a page: no script and no style of its own, so that the page's policy can be strict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pygal
from pygal.style import Style

from codeclm.printable import printable

__all__ = ["Point", "Series", "XYSeries", "bars", "curve", "scatter"]

# What pygal lays out by; how it looks is in house.css, with equal sizes.
STYLE = Style(
    font_family="sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    value_font_size=12,
    value_label_font_size=11,
    legend_font_size=12,
    title_font_size=13,
)
LABEL_LETTERS = 30


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour stands for, and its value at each label; None is no value."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a plane; ``label`` stands beside it."""

    x: float
    y: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class XYSeries:
    """A line through points."""

    name: str
    points: Sequence[Point]


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    size: tuple[int, int] = (560, 300),
    horizontal: bool = False,
    values: bool = False,
    major_every: int = 1,
    **titles: str,
) -> str:
    """A bar a label, its parts one on the other. ``values`` writes the numbers; ``major_every`` thins labels out."""
    kind = pygal.HorizontalStackedBar if horizontal else pygal.StackedBar
    chart = _prepared(kind, size, len(series), titles, print_values=values, print_zeroes=False)
    chart.formatter = _number
    # From below to above, where the axis runs upwards.
    order = slice(None, None, -1) if horizontal else slice(None)
    shown = [_short(label) for label in labels][order]
    chart.x_labels = shown
    if major_every > 1:
        chart.show_minor_x_labels = False
        chart.x_labels_major = shown[::major_every]
    for one in series:
        chart.add(_short(one.name), [*one.values][order])
    return _drawn(chart)


def scatter(
    series: Sequence[XYSeries],
    *,
    size: tuple[int, int] = (560, 300),
    dots: bool = True,
    **titles: str,
) -> str:
    """Lines through points in a plane."""
    chart = _prepared(pygal.XY, size, len(series), titles, show_dots=dots, print_labels=True)
    for one in series:
        points = [{"value": (point.x, point.y), "label": point.label} for point in one.points]
        chart.add(_short(one.name), points)
    return _drawn(chart)


def curve(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    size: tuple[int, int] = (560, 300),
    **titles: str,
) -> str:
    """Lines over labels that stand side by side however far they are apart."""
    chart = _prepared(pygal.Line, size, len(series), titles)
    chart.x_labels = [_short(label) for label in labels]
    for one in series:
        chart.add(_short(one.name), [*one.values])
    return _drawn(chart)


def _prepared(
    kind: Callable[..., Any],
    size: tuple[int, int],
    number: int,
    titles: dict[str, str],
    **more: Any,
) -> Any:
    chart = kind(
        style=STYLE,
        css=(),
        js=(),
        width=size[0],
        height=size[1],
        margin=8,
        margin_bottom=18,
        truncate_label=-1,
        truncate_legend=-1,
        disable_xml_declaration=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=max(1, min(3, number)),
        include_x_axis=True,
        show_legend=number > 1,
        max_scale=8,
        **titles,
        **more,
    )
    chart.add_xml_filter(_bare)
    return chart


def _drawn(chart: Any) -> str:
    return str(chart.render())


def _bare(root: Any) -> Any:
    """Without scripts, styles, and the places of tooltips that only a script would fill."""
    for parent in list(root.iter()):
        parent.attrib.pop("style", None)
        parent.attrib.pop("id", None)
        for child in list(parent):
            if not _is_drawn(child):
                parent.remove(child)
        _told(parent)
    return root


def _is_drawn(child: Any) -> bool:
    if not isinstance(child.tag, str) or child.tag in {"script", "style", "defs", "title"}:
        return False
    return "tooltip" not in (child.get("class") or "").split()


def _told(place: Any) -> None:
    """What is said of a bar or a dot becomes its title, which every browser shows; the rest was for a script."""
    said = {}
    for child in list(place):
        if child.tag == "desc":
            said[child.get("class")] = child.text or ""
            place.remove(child)
    words = [said[name] for name in ("x_label", "label", "value") if said.get(name)]
    if words:
        title = place.makeelement("title", {})
        title.text = ": ".join(words)
        place.append(title)


def _short(text: str) -> str:
    line = printable(text)
    return line if len(line) <= LABEL_LETTERS else f"{line[: LABEL_LETTERS - 1]}…"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"
