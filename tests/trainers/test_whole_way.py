"""The whole way of the README: data by two variants, training through TRL, answers, and the tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]
pytest.importorskip("trl", reason="pip install 'codeclm[training]'")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "training" / "whole_way.py"


def test_the_whole_way_on_a_cpu(tmp_path: Path) -> None:
    """TRL takes the configuration as it is, and what the trained models answer is judged."""
    ended = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    results = json.loads((tmp_path / "comparison" / "results.json").read_bytes())
    judged = {one["name"]: one["evaluation"]["total"] for one in results["variants"]}
    assert judged == {"codeclm": 32, "no-filtering": 32}
    [state] = (tmp_path / "comparison/train/codeclm/trl/model").glob(
        "checkpoint-*/trainer_state.json"
    )
    assert json.loads(state.read_bytes())["global_step"] == 3
