"""Keys do not show."""

from __future__ import annotations

import pytest

from codeclm.llm.secret import Secret, bare, masked, redact


def test_a_secret_shows_only_when_asked() -> None:
    """Neither repr, str nor formatting shows it."""
    secret = Secret("sk-canary")
    assert f"{secret} {secret!r} {[secret]}".count("canary") == 0
    assert secret.reveal() == "sk-canary"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-abcd1234efgh.", "Incorrect API key provided: ***"),
        ("key sk-proj-ab****************wxyz.", "key ***"),
        ("Authorization: Bearer abc.def-ghi, sorry", "Authorization: Bearer ***, sorry"),
        ('{"h":"bearer abc"}', '{"h":"bearer ***"}'),
        ("https://x/y?key=AIzaSy123&alt=json", "https://x/y?key=***&alt=json"),
        ("x-api-key: abcdefgh; api-key: ijklmnop", "x-api-key: ***; api-key: ***"),
        ("gsk_0123456789ab AIzaSyA0123456789 hf_abcdefghijk", "*** *** ***"),
        ("half_width chalf_rings", "half_width chalf_rings"),
        ("the canary-7 sang", "the *** sang"),
        ("abcd****wxyz is wrong", "*** is wrong"),
        ("task-oriented risk-taking desk-bound", "task-oriented risk-taking desk-bound"),
        ("x=a*b**c***d:e=f,g***", "x=***,***"),
        ("sk-abcdef/ghi****jkl", "***"),
        ("?key=a,b****&x=c***d", "?key=***&x=***"),
        ("a model of ** stars", "a model of ** stars"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    """The key, and what looks like one, whole or half masked, is taken out; the rest stays."""
    assert redact(text, Secret("canary-7")) == shown


def test_a_key_across_the_cut_does_not_show_in_part() -> None:
    """The text is cut after the key is taken out."""
    shown = redact("x" * 1995 + "canary-key-of-some-length", Secret("canary-key-of-some-length"))
    assert "canary" not in shown


@pytest.mark.parametrize("word", ["a", "a**", "sk-", "key=", "AIza", "bearer "])
def test_a_long_body_is_masked_in_time(word: str) -> None:
    """A megabyte without a space takes no more steps a letter than a line: else it would take hours."""
    text = word * (2**20 // len(word))
    assert masked(text + "**** end").endswith("*** end")
    assert len(masked(text + " end")) <= len(text) + 4


def test_a_tiny_key_is_not_searched_for() -> None:
    """A key of one letter would garble every message."""
    assert redact("EXAMPLE x", Secret("x")) == "EXAMPLE x"


def test_a_bare_error_has_no_frames() -> None:
    """Nothing leads from it to the variables of whoever raised it."""
    try:
        try:
            raise KeyError("canary")
        except KeyError as cause:
            raise ValueError("shown") from cause
    except ValueError as error:
        kept = bare(error)
    assert kept.args == ("shown",)
    assert [kept.__cause__, kept.__context__, kept.__traceback__] == [None] * 3
