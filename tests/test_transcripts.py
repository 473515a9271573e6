"""What each server answers is taken for what it is, row by row of the decision table."""

from __future__ import annotations

import pytest

from codeclm import errors
from codeclm.errors import CodecLMError, ParameterRefused, QuotaExhausted, TransientError
from codeclm.llm.chat import Completion
from tests.transcripts import TRANSCRIPTS, Transcript, read

ROWS = {*map(str, range(1, 23)), "3b", "26", "27", "28", "29", "30"}
SERVERS = {
    *("anthropic", "azure", "deepseek", "gateway", "gemini", "groq", "litellm", "llamacpp"),
    *("mistral", "ollama", "openai", "openrouter", "sglang", "tgi", "together", "vllm"),
    # Recorded: tests/real_servers.
    *("LiteLLM proxy 1.104.0", "llama-cpp-python 0.3.36", "transformers serve 5.23.0"),
    "llama-server of llama-cpp-python 0.3.36",
}


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=str)
def test_each_answer_is_taken_for_what_it_is(transcript: Transcript) -> None:
    """Its error is exactly of that class, with the hint that was given, on one line; or its text is read."""
    if "error" not in transcript.expect:
        check_completion(read(transcript), transcript)
        return
    with pytest.raises(CodecLMError) as caught:
        read(transcript)
    check_error(caught.value, transcript)


def check_error(error: CodecLMError, transcript: Transcript) -> None:
    expect, shown = transcript.expect, str(error)
    assert type(error).__name__ == expect["error"], shown
    assert 0 < len(shown) <= 300
    assert shown.isprintable()
    assert expect.get("message", "") in shown
    if isinstance(error, TransientError) and "retry_after_s" in expect:
        assert error.retry_after_s == pytest.approx(expect["retry_after_s"])
    if isinstance(error, QuotaExhausted):
        assert error.resume_after_s == pytest.approx(expect["resume_after_s"])
    if isinstance(error, ParameterRefused):
        assert error.parameter == expect["parameter"]


def check_completion(completion: Completion, transcript: Transcript) -> None:
    expect = transcript.expect
    assert completion.finish_reason == expect["finish_reason"]
    assert completion.text == expect["text"]
    assert completion.reasoning == expect.get("reasoning", "")
    assert list(completion.flags) == expect["flags"]


def test_every_row_and_every_server_has_an_entry() -> None:
    """All rows that an answer can show (not those of broken connections), all servers, no name twice."""
    assert {transcript.row for transcript in TRANSCRIPTS} == ROWS
    assert {transcript.server for transcript in TRANSCRIPTS} == SERVERS
    assert len({str(transcript) for transcript in TRANSCRIPTS}) == len(TRANSCRIPTS) >= 120


def test_every_expected_error_exists() -> None:
    """A misspelt class would only be found when it is met."""
    named = {entry.expect["error"] for entry in TRANSCRIPTS if "error" in entry.expect}
    assert all(issubclass(getattr(errors, name), CodecLMError) for name in named)
