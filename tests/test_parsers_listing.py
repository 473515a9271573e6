"""Lists of instructions: every style a model writes, nothing altered, nothing guessed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeclm.errors import ParseError
from codeclm.parsing.chatter import announces, cut_closing
from codeclm.parsing.markers import read_marker
from codeclm.parsing.quotes import unquote
from codeclm.stages.decode import parse_instructions

GOLDEN: list[tuple[str, list[str]]] = [
    # markers
    ("1. a\n2. b\n3. c", ["a", "b", "c"]),
    ("1) a\n2) b", ["a", "b"]),
    ("(1) a\n(2) b", ["a", "b"]),
    ("（1）写诗\n（2）画画", ["写诗", "画画"]),
    ("[1] a\n[2] b", ["a", "b"]),
    ("1: a\n2: b", ["a", "b"]),
    ("1 - a\n2 - b", ["a", "b"]),
    ("1.a\n2.b", ["a", "b"]),
    ("1\\. a\n2\\. b", ["a", "b"]),
    ("１．写诗\n２．画画", ["写诗", "画画"]),
    ("１）写诗\n２）画画", ["写诗", "画画"]),
    ("1、写诗\n2、画画", ["写诗", "画画"]),
    ("一、写诗\n二、画画", ["写诗", "画画"]),
    ("①写诗\n②画画", ["写诗", "画画"]),
    ("1️⃣ a\n2️⃣ b", ["a", "b"]),
    ("**1.** a\n**2.** b", ["a", "b"]),
    ("**1**. a\n**2**. b", ["a", "b"]),
    ("### 1. a\nb\n\n### 2. c", ["a\nb", "c"]),
    ("- a\n- b", ["a", "b"]),
    ("* a\n* b", ["a", "b"]),
    ("• a\n•b", ["a", "b"]),
    ("- 1. a\n- 2. b", ["a", "b"]),
    ("Instruction 1: a\nInstruction 2: b", ["a", "b"]),
    ("**Instruction 1:** a\n\n**Instruction 2:** b", ["a", "b"]),
    ("### Instruction 1\na\n\n### Instruction 2\nb", ["a", "b"]),
    ("Task #1: a\nTask #2: b", ["a", "b"]),
    ("指令1：写诗\n指令2：画画", ["写诗", "画画"]),
    ("1. only one", ["only one"]),
    ("1.\na\n\n2.\nb", ["a", "b"]),
    ("1. a\n1. b\n1. c", ["a", "b", "c"]),
    ("1. a\n2.b\n3. c", ["a", "b", "c"]),
    ("\n".join(f"{n:2}. item {n}" for n in range(1, 13)), [f"item {n}" for n in range(1, 13)]),
    ("   1. a\n   2. b", ["a", "b"]),
    ("1. a\n   2. b\n   3. c", ["a", "b", "c"]),
    # content that looks like a marker
    ("1. 3 apples cost 2 euros\n2. 1.5 litres", ["3 apples cost 2 euros", "1.5 litres"]),
    ("1. Name the novel:\n1984. A novel\n2. b", ["Name the novel:\n1984. A novel", "b"]),
    ("1. Translate\n12. März war schön\n2. b", ["Translate\n12. März war schön", "b"]),
    ("1. Meet at\n1:30 pm?\n2. b", ["Meet at\n1:30 pm?", "b"]),
    ("1. **Budget plan**: Write\n2. **Trip**: Go", ["**Budget plan**: Write", "**Trip**: Go"]),
    ("**1. Budget plan**: Write\n**2. Trip**: Go", ["**Budget plan**: Write", "**Trip**: Go"]),
    ("1. 2*3*4 = ?\n2. *b* _c_", ["2*3*4 = ?", "*b* _c_"]),
    # lists and code within items
    ("1. Sort:\n```\n1. x\n2. y\n```\n2. b", ["Sort:\n```\n1. x\n2. y\n```", "b"]),
    ("1. ```\n2. x\n```\n2. b", ["```\n2. x\n```", "b"]),
    ("1. Fix: ```python\n2. x\n``` please\n2. b", ["Fix: ```python\n2. x\n``` please", "b"]),
    ("1. a\n   1. x\n   2. y\n2. b", ["a\n1. x\n2. y", "b"]),
    ("1. a\n  a) x\n  b) y\n2. b", ["a\n  a) x\n  b) y", "b"]),
    ("1. a\n1) x\n2) y\n2. b", ["a\n1) x\n2) y", "b"]),
    ("1. a\n- x\n- y\n2. b\n   - z", ["a\n- x\n- y", "b\n- z"]),
    ("1. a\n2. Steps:\n1. x\n2. y\n3. z\n3. c", ["a", "Steps:\n1. x\n2. y\n3. z", "c"]),
    ("1. a\n\n2. Steps:\n1. x\n2. y\n\n3. c", ["a", "Steps:\n1. x\n2. y", "c"]),
    ("1. a\n2. Steps:\n1. x\n2. y", ["a", "Steps:\n1. x\n2. y"]),
    ("1. PGN:\n1.e4 e5\n2.Nf3 Nc6\n2. b", ["PGN:\n1.e4 e5\n2.Nf3 Nc6", "b"]),
    ("一、写诗\n1、长\n2、短\n二、画画", ["写诗\n1、长\n2、短", "画画"]),
    ("- a:\n  - x\n  - y\n- b", ["a:\n- x\n- y", "b"]),
    ("- a:\n1. x\n2. y\n- b", ["a:\n1. x\n2. y", "b"]),
    ("1. f:\n   ```py\n   def f():\n       x\n   ```\n2. b", ["f:\n```py\ndef f():\n    x\n```", "b"]),
    ("1. for x in y:\n    print(x)\n2. b", ["for x in y:\n    print(x)", "b"]),
    ("1. a\n\n   b\n\nc\n2. d", ["a\n\n   b\n\nc", "d"]),
    # what stands around
    ("Sure! Here are 2 instructions:\n\n1. a\n2. b", ["a", "b"]),
    ("### Instructions\n\n1. a\n2. b", ["a", "b"]),
    ("<think>1. x\n2. y</think>\n1. a\n2. b", ["a", "b"]),
    ("1. a\n2. b\n\nLet me know if you'd like more instructions!", ["a", "b"]),
    ("1. a\n2. b\n\nThese instructions cover a wide range of topics.", ["a", "b"]),
    ("1. a\n2. b\n\nI hope this helps!", ["a", "b"]),
    ("1. a\n2. b\n\n---\n\nFeel free to ask if you need more of these.", ["a", "b"]),
    ("1. a\n\n---\n\n2. b\n\n---", ["a", "b"]),
    ("## Easy\n1. a\n2. b\n\n## Hard\n3. c", ["a", "b", "c"]),
    ("```\n1. a\n2. b\n```", ["a", "b"]),
    ("Here you go:\n```markdown\n1. a\n2. b\n```\nBye!", ["a", "b"]),
    ("```md\n1. Fix:\n```py\n1. x\n```\n2. b\n```", ["Fix:\n```py\n1. x\n```", "b"]),
    # last paragraphs that belong to the last item
    ("1. a\n2. Shorten this.\n\nIt was a dark night.", ["a", "Shorten this.\n\nIt was a dark night."]),
    (
        "1. a\n2. Shorten:\n\nDear Tom, hello.\n\nLet me know if anything else comes up.",
        ["a", "Shorten:\n\nDear Tom, hello.\n\nLet me know if anything else comes up."],
    ),
    ("1. a\n2. Rate:\n\nI hope this helps!", ["a", "Rate:\n\nI hope this helps!"]),
    (
        "1. a\n2. Write manuals.\n\nThese instructions must rhyme.",
        ["a", "Write manuals.\n\nThese instructions must rhyme."],
    ),
    (
        "1. Improve this title.\n\n**Big News**\n\n2. b",
        ["Improve this title.\n\n**Big News**", "b"],
    ),
    # labels and quotes
    ("1. **Instruction:** a\n2. **Instruction**: b", ["a", "b"]),
    ("1. Instruction 1: a\n2. Instruction 2: b", ["a", "b"]),
    ('1. "Write a poem."\n2. “b”\n3. «c»', ["Write a poem.", "b", "c"]),
    ('1. "Hello" and "bye"\n2. Say "hi"', ['"Hello" and "bye"', 'Say "hi"']),
    ("1. 'Don't' is short for what'", ["'Don't' is short for what'"]),
    # JSON
    ('["a", "b"]', ["a", "b"]),
    ('```json\n[\n  "a",\n  "b",\n]\n```', ["a", "b"]),
    ('Here:\n\n```json\n[{"instruction": "a"}, {"instruction": "b"}]\n```\nEnjoy!', ["a", "b"]),
    ('{"instructions": ["1. a", "2. b"]}', ["a", "b"]),
    ('{"instruction_1": "a", "instruction_2": "b"}', ["a", "b"]),
    ('{"instruction": "a"}\n{"instruction": "b"}', ["a", "b"]),
    ('[{"id": 1, "topic": "x", "instruction": "a"}]', ["a"]),
    ("1. Convert:\n[1, 2]\n2. b", ["Convert:\n[1, 2]", "b"]),
]  # fmt: skip

UNREADABLE = [
    "",
    "Write a poem about the sea.",
    "Write a poem.\n\nWrite a story.",
    "I'm sorry, but I can't help with that request.",
    "1. ...\n2. ...",
    "1. a\n2. b\n4. d",
    "2. b\n3. c",
    "1. a\n2. b\n2. c\n3. d",
    "1. a\n2. b\n1. c\n2. d",
    "1. a\n2. Steps:\n1. x\n2. y\n3. z",
    "1. Rules:\n1. x\n1. y",
    "1. a\n2) b",
    "1. a 2. b 3. c",
    "- varied\n- short\n\n1. a\n2. b",
    "- a\n  - b\n  - c",
    "Rules:\n1. varied\n2. short\n\nInstructions:\n1. a\n2. b",
    "1. Fix:\n```python\nx = 1\n2. Write a poem\n3. c",
    '["a", "b"',
    '{"instruction": "a", "instruction": "b"}',
    '[{"instruction": "Shorten", "input": "the text"}]',
    "<think>1. a\n2. b",
    '["half a pair: \\ud83d"]',
]  # fmt: skip


@pytest.mark.parametrize(("text", "items"), GOLDEN)
def test_golden(text: str, items: list[str]) -> None:
    """Each text of the table is read as a careful person would read it."""
    assert parse_instructions(text) == items


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    """What could be read in several ways, or in none, is an error that carries the text."""
    with pytest.raises(ParseError) as caught:
        parse_instructions(text)
    assert caught.value.raw == text


def test_a_thousand_items_keep_their_order() -> None:
    """A list as long as numbers of three digits allow is read whole."""
    items = [f"item {n}" for n in range(1, 1000)]
    assert parse_instructions("\n".join(f"{n}. {item}" for n, item in enumerate(items, 1))) == items


# Round trip. Lines of prose are any printable text that begins with no marker or heading and holds no fence or tag;
# the first line of an item has a letter or digit, as rules ("- - -") are no items.
_PRINTABLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
_PROSE = st.text(_PRINTABLE, min_size=1, max_size=40).filter(
    lambda line: (
        not read_marker(line)
        and not line.isspace()
        and not line.startswith("### ")
        and not any(mark in line for mark in ("```", "~~~", "think>", "thinking>"))
    )
)
_CODE = st.lists(
    st.text(_PRINTABLE, max_size=20).filter(lambda line: "```" not in line), max_size=4
).map(lambda lines: "\n".join(["```text", "1. first", "- a", *lines, "2. second", "```"]))
_STEPS = st.integers(1, 4).map(lambda n: "\n".join(f"      {k}. step" for k in range(1, n + 1)))
_BULLETS = st.integers(1, 3).map(lambda n: "\n".join(["- point"] * n))
_PARAGRAPH = _PROSE.map(lambda line: f"\n{line}")
_INSIDE = st.lists(st.one_of(_PROSE, _CODE, _STEPS, _PARAGRAPH), max_size=4)


def _item(start: str, rest: list[str]) -> str:
    return "\n".join([start, *rest]).strip()


def _is_item(item: str) -> bool:
    first = item.partition("\n")[0]
    return (
        any(map(str.isalnum, first))
        and not read_marker(first)
        and unquote(item) == item
        and cut_closing(item) == item
        and not item.casefold().startswith(("instruction", "指令", "new instruction"))
    )


_ITEM = st.builds(_item, _PROSE | _CODE, _INSIDE).filter(_is_item)
_ITEM_WITH_BULLETS = st.builds(_item, _PROSE, st.lists(_BULLETS, max_size=1)).filter(_is_item)
_NUMBERED: list[Callable[[int], str]] = [
    lambda n: f"{n}. ",
    lambda n: f"{n}) ",
    lambda n: f"({n}) ",
    lambda n: f"{n}、 ",
    lambda n: f"**{n}.** ",
    lambda n: f"Instruction {n}: ",
    lambda n: f"**Instruction {n}:** ",
    lambda n: "①②③④⑤⑥"[n - 1] + " ",
    lambda n: "一二三四五六"[n - 1] + "、 ",
]
_BULLETED: list[Callable[[int], str]] = [lambda _: "- ", lambda _: "* ", lambda _: "• "]
_AROUND = st.tuples(
    st.sampled_from(["", "Sure! Here are some instructions:\n\n", "### Instructions\n"]),
    st.sampled_from(["", "\n", "\n\nI hope these instructions help!", "\n\n---"]),
    st.sampled_from(["\n", "\n\n"]),
)


def _rendered(
    items: list[str], marker: Callable[[int], str], around: tuple[str, str, str], hanging: bool
) -> str:
    """The list as a model would write it; ``hanging`` indents later lines under the first one."""
    before, after, gap = around
    lines = []
    for number, item in enumerate(items, 1):
        first, *rest = item.split("\n")
        mark = marker(number)
        pad = " " * len(mark) if hanging else ""
        lines.append("\n".join([mark + first, *(line and pad + line for line in rest)]))
    return before + gap.join(lines) + after


def _is_flush(item: str) -> bool:
    """Whether some later line begins in the first column, so that a hanging indent can be told from its own."""
    later = [line for line in item.split("\n")[1:] if line.strip()]
    return not later or any(not line[0].isspace() for line in later)


@given(
    st.lists(_ITEM | _ITEM_WITH_BULLETS, min_size=1, max_size=6),
    st.sampled_from(_NUMBERED),
    _AROUND,
    st.booleans(),
)
def test_numbered_lists_come_back(
    items: list[str], marker: Callable[[int], str], around: tuple[str, str, str], hanging: bool
) -> None:
    """Items of prose, code, steps and bullets come back exactly from every numbered style."""
    assume(not around[1].strip() or not announces(items[-1]))
    assume(not hanging or all(map(_is_flush, items)))
    assume(len(items) > 1 or not any(f" 2{end}" in items[0] for end in ".)"))
    assert parse_instructions(_rendered(items, marker, around, hanging)) == items


@given(
    st.lists(_ITEM.filter(_is_flush), min_size=2, max_size=6), st.sampled_from(_BULLETED), _AROUND
)
def test_bulleted_lists_come_back(
    items: list[str], marker: Callable[[int], str], around: tuple[str, str, str]
) -> None:
    """Items come back exactly from bullets, where their later lines are indented."""
    assume(not around[1].strip() or not announces(items[-1]))
    assert parse_instructions(_rendered(items, marker, around, hanging=True)) == items


@given(
    st.lists(st.text(min_size=1), min_size=1),
    st.booleans(),
)
def test_json_lists_come_back(items: list[str], fence: bool) -> None:
    """Items come back from a JSON array, in a code block or not, stripped."""
    assume(all(item.strip() and not read_marker(item.strip()) for item in items))
    assume(not any(tag in item for item in items for tag in ("think>", "thinking>")))
    text = json.dumps(items, indent=1)
    assert parse_instructions(f"```json\n{text}\n```" if fence else text) == [
        i.strip() for i in items
    ]
