"""The yield over theta as SVG that stands by itself: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pygal
from pygal.style import Style

from codeclm.rethreshold.curve import Counts

__all__ = ["yield_chart"]

STYLE = Style(
    background="#ffffff",
    plot_background="transparent",
    font_family="system-ui, sans-serif",
    label_font_size=12,
    legend_font_size=12,
    title_font_size=13,
    guide_stroke_color="#ddd",
    major_guide_stroke_color="#ccc",
    stroke_width="2",
    colors=("#2f6fb7", "#c8741a", "#8a8a8a"),
)


def yield_chart(counts: Mapping[float, Counts]) -> str:
    """Examples over theta: selected, those of them that the target won, and what is undetermined."""
    chart = pygal.XY(
        style=STYLE,
        width=860,
        height=420,
        js=(),
        disable_xml_declaration=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        include_x_axis=True,
        x_title="theta",
        y_title="instructions",
    )
    chart.add_xml_filter(_without_scripts)
    chart.add("selected", [(theta, one.fates["selected"]) for theta, one in counts.items()])
    chart.add(
        "of these the target's",
        [(theta, one.by_responder["target"]) for theta, one in counts.items()],
    )
    chart.add("undetermined", [(theta, one.fates["undetermined"]) for theta, one in counts.items()])
    return str(chart.render())


def _without_scripts(root: Any) -> Any:
    """The library writes its settings for a script that is not there."""
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag == "script"]:
            parent.remove(child)
    return root
