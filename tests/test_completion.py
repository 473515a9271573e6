"""Shell completion: the scripts are produced, and what they ask for is answered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def codeclm(*arguments: str, **environ: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "codeclm", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        ("bash", "complete -o default -F _codeclm_completion codeclm"),
        ("zsh", "compdef _codeclm_completion codeclm"),
        ("fish", "complete --command codeclm"),
    ],
)
def test_the_script_of_each_shell_is_produced(shell: str, expected: str) -> None:
    """For bash, zsh and fish, under the command's own name."""
    assert expected in codeclm(_CODECLM_COMPLETE=f"source_{shell}")


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """A real bash with the script completes a command and an option of it."""
    command = tmp_path / "codeclm"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codeclm "$@"\n')
    command.chmod(0o755)
    (tmp_path / "script").write_text(codeclm(_CODECLM_COMPLETE="source_bash"))
    ask = (
        'source ./script; COMP_CWORD=$1; shift; COMP_WORDS=("$@"); '
        '_codeclm_completion codeclm; echo "${COMPREPLY[@]}"'
    )
    for words, expected in (
        (("codeclm", "che"), "check"),
        (("codeclm", "run", "--the"), "--theta"),
    ):
        answered = subprocess.run(
            ["bash", "-c", ask, "bash", str(len(words) - 1), *words],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answered.stdout.split() == [expected]


def test_it_is_installed_for_the_users_shell(tmp_path: Path) -> None:
    """``--install-completion`` and ``--show-completion`` are options of the command."""
    told = codeclm("--help", HOME=str(tmp_path))
    assert "--install-completion" in told
    assert "--show-completion" in told
