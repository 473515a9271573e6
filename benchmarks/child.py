"""One measured client: a process on a core of its own, with all that it starts."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

import orjson

from benchmarks.pinned import pinned

__all__ = ["Ran", "run_child"]

LOOK_EVERY_S = 0.02
ERROR_LINES = 12


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended. CPU and peak memory are those of the process and of all children it waited for.

    The peak is that of the largest of these processes, and never less than what this process held as it started them:
    the system counts that in. ``exit_code`` is negative where a signal ended it; ``timed_out``
    tells that it was ours.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    exit_code: int
    stdout: str
    stderr: str = ""
    timed_out: bool = False

    def figures(self) -> dict[str, Any]:
        """The last JSON object on a line of its own. Raises RuntimeError, with its last words, where there is none."""
        lines = self.stdout.strip().splitlines()
        for line in reversed(lines) if not self.exit_code else ():
            with suppress(orjson.JSONDecodeError):
                found = orjson.loads(line)
                if isinstance(found, dict):
                    return found
        last_words = "\n".join([*self.stderr.splitlines()[-ERROR_LINES:], *lines[-1:]])
        how = "in time" if self.timed_out else f"(exit code {self.exit_code})"
        raise RuntimeError(f"a measured process did not end well {how}:\n{last_words}")


def run_child(
    command: Sequence[str],
    *,
    timeout_s: float,
    core: int | None = 0,
    env: Mapping[str, str] | None = None,
    kill_after: Callable[[], bool] | None = None,
) -> Ran:
    """Run ``command`` to its end, at the longest ``timeout_s``; ``env`` goes over this process's environment.

    With ``kill_after`` it and its children get SIGKILL as soon as that says so.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began_s = time.perf_counter()
        child = _started(command, core, env or {}, out, err)
        guard = _Guard(child.pid, timeout_s, kill_after)
        status, used = _waited_for(child, guard)
        wall_s = time.perf_counter() - began_s
        return Ran(
            wall_s=wall_s,
            cpu_s=used.ru_utime + used.ru_stime,
            peak_mb=used.ru_maxrss / 1024,
            exit_code=status,
            stdout=_whole(out),
            stderr=_whole(err),
            timed_out=guard.timed_out,
        )


def _started(
    command: Sequence[str],
    core: int | None,
    env: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes],
) -> subprocess.Popen[bytes]:
    """The process, in a group of its own."""
    with pinned(core):
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=_environment(env),
            start_new_session=True,
        )


def _waited_for(
    child: subprocess.Popen[bytes], guard: _Guard
) -> tuple[int, resource.struct_rusage]:
    """The exit code, and what the process used; killed where this is interrupted."""
    try:
        _, status, used = os.wait4(child.pid, 0)
    except BaseException:
        guard.kill()
        child.wait()
        raise
    finally:
        guard.end()
    child.returncode = os.waitstatus_to_exitcode(status)  # it is waited for: nobody else need
    return child.returncode, used


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours, but that compiled modules are kept: to compile all of them at each start is nobody's start."""
    ours = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, **more}


class _Guard:
    """A thread that kills a process group when its time is over, or when somebody says so."""

    def __init__(self, group: int, timeout_s: float, kill_after: Callable[[], bool] | None) -> None:
        self.timed_out = False
        self._group = group
        self._due_s = time.monotonic() + timeout_s
        self._kill_after = kill_after
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGKILL)

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._pause_s()):
            self.timed_out = time.monotonic() >= self._due_s
            if self.timed_out or (self._kill_after is not None and self._kill_after()):
                self.kill()
                return

    def _pause_s(self) -> float:
        left_s = max(0.0, self._due_s - time.monotonic())
        return left_s if self._kill_after is None else min(left_s, LOOK_EVERY_S)


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
