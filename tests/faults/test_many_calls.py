"""F14, F15: ten thousand calls at once, and half a million one after the other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bench import Measure, Scale
from tests.faults.caller import make_calls
from tests.faults.lean_server import lean_server
from tests.loops import ON_UVLOOP

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(600),
    ON_UVLOOP,
]


def take_down(measure: Measure, found: dict[str, Any], kind: str, *, whole: bool) -> None:
    """The figures of calls at once; times are held against their bar only at the whole scale."""
    lag_ms = found["lag_p99_ms"]
    told = f"{kind}: errors {found['errors']}" if found["failed"] else f"{kind}: errors"
    measure("F14", told, found["failed"], "0", met=not found["failed"])
    measure(
        "F14",
        f"{kind}: resident memory a call (KiB)",
        found["memory_kib_a_call"],
        "report",
        met=True,
    )
    measure("F14", f"{kind}: CPU a call (ms)", found["cpu_ms_a_call"], "report", met=True)
    measure("F14", f"{kind}: open files at the peak", found["files"], "report", met=True)
    measure("F14", f"{kind}: loop lag p99 (ms)", lag_ms, "<= 100", met=lag_ms <= 100 or not whole)


async def test_f14_plain(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """All calls are in flight at once, and all are answered."""
    calls = scale(500, 10_000)
    async with lean_server(hold=calls) as url:
        found = await make_calls(url, tmp_path, calls, calls)
    take_down(measure, found, scale("plain", "10,000 plain, 1,000 starts/s"), whole=scale.whole)


async def test_f14_tls(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Over TLS too, with a certificate that is trusted because SSL_CERT_FILE names it."""
    if shutil.which("openssl") is None:
        measure.not_run("F14", "TLS", "no openssl command to make a certificate with")
        return
    calls = scale(50, 2_000)
    pem = certificate(tmp_path)
    async with lean_server(calls, 200, pem) as url:
        trusted = {"SSL_CERT_FILE": str(pem)}
        found = await make_calls(url, tmp_path / "cache", calls, calls, pace=200, environ=trusted)
    take_down(measure, found, scale("TLS", "2,000 TLS, 200 starts/s"), whole=scale.whole)


async def test_f15_soak(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Memory does not grow with the calls, and nothing is left open."""
    calls = scale(4_000, 500_000)
    async with lean_server() as url:
        found = await make_calls(url, tmp_path, calls, 64, warm_up=200)
    slope = found["slope_mb"]
    measure("F15", "errors", found["failed"], "0", met=not found["failed"])
    measure("F15", "calls a second", found["calls_per_s"], "report", met=True)
    bar = "<= 1"
    measure(
        "F15", "memory growth (MB per 100,000 calls)", slope, bar, met=slope <= 1 or not scale.whole
    )
    measure("F15", "leaked tasks", found["leaked"]["tasks"], "0", met=found["leaked"]["tasks"] == 0)
    measure("F15", "leaked files", found["leaked"]["files"], "0", met=found["leaked"]["files"] <= 0)


def certificate(place: Path) -> Path:
    """A certificate for 127.0.0.1, signed by itself, with its key in one file."""
    key, file = place / "key.pem", place / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    name = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)]
    subprocess.run([*command.split(), *name], check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file
