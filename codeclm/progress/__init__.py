"""What a run shows of itself while it goes on: snapshots, and who looks at them.

A new view is a class with the methods of ``View``; ``NoView`` has all of them, and does nothing.
"""

from __future__ import annotations

from codeclm.progress.accepted import Accepted, Rounds
from codeclm.progress.facts import RunBegan, RunEnded
from codeclm.progress.held_up import HeldUpBy, held_up_by
from codeclm.progress.json_lines import JsonView
from codeclm.progress.plain import PlainView
from codeclm.progress.recent import Recent
from codeclm.progress.snapshot import EndpointRow, Snapshot
from codeclm.progress.view import NoView, View, Views

__all__ = [
    "Accepted",
    "EndpointRow",
    "HeldUpBy",
    "JsonView",
    "NoView",
    "PlainView",
    "Recent",
    "Rounds",
    "RunBegan",
    "RunEnded",
    "Snapshot",
    "View",
    "Views",
    "held_up_by",
]
