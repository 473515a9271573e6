"""What the fast endpoint says: the whole HTTP answer of each stage of the pipeline is built beforehand.

A text depends on the bytes of its request alone: the same request always gets the same text. All numbers in it have
a fixed width, so that its length is known.
"""

from __future__ import annotations

import json

__all__ = ["NOT_FOUND", "answer_to", "http"]

FILLER = "All of this is said at some length so that it weighs what an answer of a model weighs. "
MARK = "0123456789012345"  # where the mark of the request comes to stand
ITEMS = 5
STAGE_AT = b'"content":"You '


def _text(words: str, characters: int) -> str:
    """``words`` filled up to so many characters."""
    return (words + " " + FILLER * (characters // len(FILLER) + 1))[:characters].strip()


RESPONSE = _text(f"Answer {MARK}:", 1_000)
METADATA = f"Use case: explaining topic {MARK}\nSkills: clear explanation, worked examples, precise wording"
# No two share more than their first words: what is much alike would be dropped as a repeat.
INSTRUCTIONS = "\n".join(
    f"{item}. Explain topic " + " ".join(f"{item}{letter}{MARK}" for letter in "abcdefghi") + "."
    for item in range(1, ITEMS + 1)
)
RUBRICS = "\n".join(
    ["Rubrics:"]
    + [f"{n}. " + _text(f"How deep part {n} goes.", 110) + "." for n in range(1, ITEMS)]
    + ["Actions:"]
    + [f"{n}. " + _text(f"Ask for more of part {n}.", 110) + "." for n in range(1, ITEMS)]
)
IMPROVED = _text(f"Explain topic {MARK} in more depth.", 400) + "."
# Of two judgements with swapped positions one in two agrees: half of all comparisons select.
FIRST_WINS, SECOND_WINS = "9 3", "3 9"


def http(body: bytes, status: str = "200 OK") -> bytes:
    """``body`` as an HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _completion(text: str) -> bytes:
    """The answer with ``text``; ``%016x`` stands for each mark in it."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    body = {
        "id": f"chatcmpl-{MARK}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "bench",
        "choices": [choice],
        "usage": {"prompt_tokens": 150, "completion_tokens": 250, "total_tokens": 400},
    }
    whole = http(json.dumps(body, separators=(",", ":")).encode())
    return whole.replace(b"%", b"%%").replace(MARK.encode(), b"%(mark)016x")


NOT_FOUND = http(b'{"error":{"message":"no such place","code":"not_found"}}', "404 Not Found")
PLAIN = _completion(RESPONSE)
STAGES = {
    b"describe": _completion(METADATA),
    b"check wh": _completion("yes"),
    b"write in": _completion(INSTRUCTIONS),
    b"know wha": _completion(RUBRICS),
    b"make ins": _completion(IMPROVED),
}
JUDGE = b"rate the"
VERDICTS = (_completion(FIRST_WINS), _completion(SECOND_WINS))


def answer_to(body: bytes, mark: int) -> bytes:
    """The HTTP answer to the request ``body``, whose digest is ``mark`` (64 bits)."""
    template = PLAIN
    start = body.find(STAGE_AT, 0, 256)
    if start >= 0:
        words = body[start + len(STAGE_AT) :][:8]
        template = VERDICTS[mark >> 7 & 1] if words == JUDGE else STAGES.get(words, PLAIN)
    return template % {b"mark": mark}
