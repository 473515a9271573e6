"""Rubrics and actions, in all the ways in which models write two lists that belong together."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ParseError
from codeclm.stages.rubrics import parse_rubrics

AB_CD = (["a", "b"], ["c", "d"])

GOLDEN: list[tuple[str, tuple[list[str], list[str]]]] = [
    # two lists under headings
    ("Rubrics:\n1. a\n2. b\nActions:\n1. c\n2. d", AB_CD),
    ("**Rubrics:**\n1. a\n2. b\n\n**Actions:**\n1. c\n2. d", AB_CD),
    ("**Rubrics**\n\n1) a\n2) b\n\n**Actions**\n\n1) c\n2) d", AB_CD),
    ("### Rubrics\n\n- a\n- b\n\n### Actions\n\n- c\n- d", AB_CD),
    ("Rubrics\n1. a\n2. b\nActions\n1. c\n2. d", AB_CD),
    ("## Part 1: Rubrics\n1. a\n2. b\n## Part 2: Actions\n1. c\n2. d", AB_CD),
    ("1. Rubrics\n   1. a\n   2. b\n2. Actions\n   1. c\n   2. d", AB_CD),
    ("Rubrics:\n1. a\n2. b\nActions to make an instruction more challenging:\n1. c\n2. d", AB_CD),
    ("Difficulty rubrics:\n1. a\n2. b\n\nCorresponding actions for the rubrics:\n1. c\n2. d", AB_CD),
    ("Rubrics:\n1. a\n2. b\nActions:\n3. c\n4. d", AB_CD),
    ("Rubric:\n1. a\n2. b\nAction:\n1. c\n2. d", AB_CD),
    ("Actions:\n1. c\n2. d\n\nRubrics:\n1. a\n2. b", AB_CD),
    ("Here are 2 rubrics and 2 actions:\n\nRubrics:\n1. a\n2. b\nActions:\n1. c\n2. d", AB_CD),
    ("1. a\n2. b\n\nActions:\n1. c\n2. d", AB_CD),
    ("Rubrics:\n1. a\n2. b\n3. x\nActions:\n1. c", (["a", "b", "x"], ["c"])),
    ("Rubrics:\n1. a\n   goes on\n2. **b**: 3*4\nActions:\n1. c", (["a\ngoes on", "**b**: 3*4"], ["c"])),
    ("Rubrics:\n1. a\nActions:\n1. c\n\nThese rubrics and actions are designed to help.", (["a"], ["c"])),
    ("<think>Rubrics: x</think>Rubrics:\n1. a\n2. b\nActions:\n1. c\n2. d", AB_CD),
    # a label on every one
    ("Rubric 1: a\nAction 1: c\nRubric 2: b\nAction 2: d", AB_CD),
    ("**Rubric 1:** a\n**Action 1:** c\n\n**Rubric 2:** b\n**Action 2:** d", AB_CD),
    ("Rubric 1: a\nRubric 2: b\n\nAction 1: c\nAction 2: d", AB_CD),
    ("Rubrics:\nRubric 1: a\nRubric 2: b\nActions:\nAction 1: c\nAction 2: d", AB_CD),
    ("1. Rubric: a\n   Action: c\n2. Rubric: b\n   Action: d", AB_CD),
    ("1. **Rubric**: a **Action**: c\n2. **Rubric**: b **Action**: d", AB_CD),
    ("1. Rubric: a. Action: c.\n2. Rubric: b. Action: d.", (["a.", "b."], ["c.", "d."])),
    ("1. Rubric 1: a\n2. Rubric 2: b\n3. Action 1: c\n4. Action 2: d", AB_CD),
    ("### Rubric 1\na\n\n### Action 1\nc\n\n### Rubric 2\nb\n\n### Action 2\nd", AB_CD),
    ("### 1. Depth\n- **Rubric:** a\n- **Action:** c\n\n### 2. Breadth\n- **Rubric:** b\n- **Action:** d", AB_CD),
    ("Rubric 1 (Depth): a\nAction 1 (Depth): c", (["(Depth): a"], ["(Depth): c"])),
    ('Rubric 1: "a"\nAction 1: "c"\n\nI hope this helps!', (["a"], ["c"])),
    # two lists alone
    ("1. a\n2. b\n\n1. c\n2. d", AB_CD),
    ("1. a\n2. b\n1. c\n2. d", AB_CD),
    ("评分标准：\n1. a\n2. b\n行动：\n1. c\n2. d", AB_CD),
    ("Kriterien\n\n1. a\n2. b\n\nMaßnahmen\n\n1. c\n2. d", AB_CD),
    # JSON
    ('{"rubrics": ["a", "b"], "actions": ["c", "d"]}', AB_CD),
    ('```json\n[{"rubric": "a", "action": "c"}, {"rubric": "b", "action": "d"}]\n```', AB_CD),
    ('{"Rubrics": {"1": "a", "2": "b"}, "Actions": {"1": "c", "2": "d"}}', AB_CD),
    ('{"rubric_1": "a", "action_1": "c", "rubric_2": "b", "action_2": "d"}', AB_CD),
]  # fmt: skip

UNREADABLE = [
    "",
    "Rubrics:\n1. a\n2. b",
    "Actions:\n1. a\n2. b",
    "1. a\n2. b\n3. c\n4. d",
    "1. a\n1. b\n1. c",
    "Rubrics and actions:\n1. a\n2. b\n3. c\n4. d",
    "Rubrics:\n1. ...\nActions:\n1. ...",
    "Rubrics:\n1. a\nActions:\n1. c\nActions:\n1. d",
    "Rubrics:\n1. a\n3. b\nActions:\n1. c",
    '{"rubrics": ["a"]}',
    '{"rubrics": [{"name": "x", "description": "y"}], "actions": ["c"]}',
    '{"rubrics": ' + "[" * 10 + '"a"' + "]" * 10 + "}",
    "I'm sorry, but I can't help with that request.",
    "<think>Rubrics:\n1. a\nActions:\n1. c",
]


@pytest.mark.parametrize(("text", "lists"), GOLDEN)
def test_golden(text: str, lists: tuple[list[str], list[str]]) -> None:
    """Each text of the table gives its rubrics and its actions in their order."""
    assert parse_rubrics(text) == lists


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    """One list, or two that cannot be told apart, is an error that carries the text."""
    with pytest.raises(ParseError) as caught:
        parse_rubrics(text)
    assert caught.value.raw == text


# A sentence as such lists hold: no colon at its end, no label, and no number that a list might begin with.
_SENTENCE = st.text("abc défßАБ漢字 ,*'3", min_size=1, max_size=30).map(
    lambda text: f"Uses {' '.join(text.split())}."
)
_LISTS = st.tuples(
    st.lists(_SENTENCE, min_size=1, max_size=6), st.lists(_SENTENCE, min_size=1, max_size=6)
)


@given(
    _LISTS,
    st.sampled_from(["{}:", "**{}:**", "### {}", "**{}**", "{}"]),
    st.sampled_from(["\n", "\n\n"]),
)
def test_lists_under_headings_come_back(
    lists: tuple[list[str], list[str]], heading: str, gap: str
) -> None:
    """As many rubrics and actions as there are come back exactly from every style of heading."""
    blocks = [
        "\n".join([heading.format(name), *(f"{n}. {item}" for n, item in enumerate(items, 1))])
        for name, items in zip(("Rubrics", "Actions"), lists, strict=True)
    ]
    assert parse_rubrics(gap.join(blocks)) == lists


@given(
    st.lists(st.tuples(_SENTENCE, _SENTENCE), min_size=1, max_size=6),
    st.sampled_from(
        [
            "Rubric {n}: {r}\nAction {n}: {a}",
            "**Rubric {n}:** {r}\n**Action {n}:** {a}\n",
            "{n}. Rubric: {r}\n   Action: {a}",
            "### Rubric {n}\n{r}\n\n### Action {n}\n{a}\n",
        ]
    ),
)
def test_pairs_come_back(pairs: list[tuple[str, str]], form: str) -> None:
    """Rubrics each followed by its action come back exactly from every style of label."""
    text = "\n".join(form.format(n=n, r=r, a=a) for n, (r, a) in enumerate(pairs, 1))
    assert parse_rubrics(text) == ([r for r, _ in pairs], [a for _, a in pairs])


@given(_LISTS)
def test_json_comes_back(lists: tuple[list[str], list[str]]) -> None:
    """Both lists come back exactly from JSON."""
    assert parse_rubrics(json.dumps({"rubrics": lists[0], "actions": lists[1]})) == lists
