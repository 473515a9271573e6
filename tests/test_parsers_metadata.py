"""Use case and skills from what a model wrote about an instruction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ParseError
from codeclm.records import Metadata
from codeclm.stages.encode import parse_metadata

AS_ASKED = ("creative writing", ("role-play", "vivid description"))

GOLDEN: list[tuple[str, tuple[str, tuple[str, ...]]]] = [
    # labels
    ("Use case: creative writing\nSkills: role-play, vivid description", AS_ASKED),
    ("**Use case:** creative writing\n**Skills:** role-play, vivid description", AS_ASKED),
    ("**Use case**: creative writing\n**Skills**: role-play, vivid description", AS_ASKED),
    ("**Use case: creative writing**\n**Skills: role-play, vivid description**", AS_ASKED),
    ("*Use case:* creative writing\n*Skills:* role-play, vivid description", AS_ASKED),
    ("Use Case - creative writing\nSkills - role-play, vivid description", AS_ASKED),
    ("USE CASE: creative writing\nSKILLS: role-play, vivid description", AS_ASKED),
    ("use_case: creative writing\nskills: role-play, vivid description", AS_ASKED),
    ("- Use case: creative writing\n- Skills: role-play, vivid description", AS_ASKED),
    ("1. Use case: creative writing\n2. Skills: role-play, vivid description", AS_ASKED),
    ("Task: creative writing\nSkill(s): role-play, vivid description", AS_ASKED),
    ("Use case: creative writing\nRequired skills: role-play, vivid description", AS_ASKED),
    ("### Use case\ncreative writing\n\n### Skills\nrole-play, vivid description", AS_ASKED),
    ("Skills: role-play, vivid description\nUse case: creative writing", AS_ASKED),
    ("Use case: creative writing; Skills: role-play, vivid description", AS_ASKED),
    ("**Use case:** creative writing **Skills:** role-play, vivid description", AS_ASKED),
    ("Use case：创意写作\nSkills：角色扮演，描写", ("创意写作", ("角色扮演", "描写"))),
    ("用例：创意写作\n技能：角色扮演、描写", ("创意写作", ("角色扮演", "描写"))),
    ("Anwendungsfall: Schreiben\nFähigkeiten: Ton, Bild", ("Schreiben", ("Ton", "Bild"))),
    ("Použití: psaní\nDovednosti: hraní rolí, tón", ("psaní", ("hraní rolí", "tón"))),
    # no labels
    ("creative writing\nrole-play, vivid description", AS_ASKED),
    ("- creative writing\n- role-play, vivid description", AS_ASKED),
    ("Here is the metadata:\n\ncreative writing\nrole-play, vivid description", AS_ASKED),
    ("creative writing\nstorytelling", ("creative writing", ("storytelling",))),
    # JSON
    ('{"use_case": "creative writing", "skills": ["role-play", "vivid description"]}', AS_ASKED),
    ('```json\n{"Use case": "creative writing", "Skills": "role-play, vivid description"}\n```', AS_ASKED),
    ('Sure:\n{"metadata": {"use_case": "a", "skills": ["b"]}}\nDone.', ("a", ("b",))),
    # values
    ("Use case: \"creative writing\".\nSkills: 'role-play', **vivid description**.", AS_ASKED),
    ("Use case: a\nSkills: b; c、d", ("a", ("b", "c", "d"))),
    ("Use case: a\nSkills: b, B, c, and d, e", ("a", ("b", "c", "and d"))),
    ("Use case: a\nSkills: b, c, and d", ("a", ("b", "c", "d"))),
    ("Use case: a\nSkills: C++, C#, .NET", ("a", ("C++", "C#", ".NET"))),
    ("Use case: a\nSkills: data (pandas, numpy), plots", ("a", ("data (pandas, numpy)", "plots"))),
    ("Use case: a\nSkills:\n- b\n- c\n- d\n- e", ("a", ("b", "c", "d"))),
    ("Use case: a\nSkills:\n1. **b**: to do b\n2. **c**: to do c", ("a", ("b", "c"))),
    ("Use case: a\nSkills: b, c,\nd", ("a", ("b", "c", "d"))),
    ("Use case: a\nSkills: 1) b, 2) c", ("a", ("b", "c"))),
    ("Use case: a\nSkills: 1. b 2. c 3. d", ("a", ("b", "c", "d"))),
    ("Use case: a\nSkills: b | c | d", ("a", ("b", "c", "d"))),
    ("Use case: a\nSkill 1: b\nSkill 2: c", ("a", ("b", "c"))),
    # what stands around
    ("Sure! Here it is:\n\nUse case: a\nSkills: b, c\n\nThese skills: they fit, I think.", ("a", ("b", "c"))),
    ("Use case: a\nSkills:\n- b\n\nI chose b because it fits.", ("a", ("b",))),
    ("Use case: a\nSkills: b\n\nInstruction: x\nUse case: c\nSkills: d", ("a", ("b",))),
    ("Instruction: x\nUse case: a\nSkills: b\n\nInstruction: y\nUse case: c\nSkills: d", ("a", ("b",))),
    ("<think>Use case: x</think>Use case: a\nSkills: b", ("a", ("b",))),
]  # fmt: skip

UNREADABLE = [
    "",
    "creative writing",
    "Use case: creative writing",
    "Skills: role-play",
    "Use case:\nSkills: role-play",
    "Use case: a\nSkills: none",
    "Use case: ...\nSkills: ...",
    "The use case is creative writing and the skills are many.",
    "I'm sorry, but I can't help with that request.",
    "Sure! Give me a moment.\nThanks, all",
    "Use case: " + "long " * 60 + "\nSkills: a",
    '{"use_case": "a"}',
    '{"use_case": "a", "use_case": "b", "skills": ["c"]}',
    "<think>Use case: a\nSkills: b",
]  # fmt: skip


@pytest.mark.parametrize(("text", "metadata"), GOLDEN)
def test_golden(text: str, metadata: tuple[str, tuple[str, ...]]) -> None:
    """Each text of the table is read as a careful person would read it."""
    assert parse_metadata(text) == Metadata(*metadata)


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    """Without a use case, or without skills, there is an error that carries the text."""
    with pytest.raises(ParseError) as caught:
        parse_metadata(text)
    assert caught.value.raw == text


def test_given_lists_decide_the_spelling() -> None:
    """Of given use cases and skills the list's spelling is taken, and what is not in them is left out."""
    text = "Use case: CREATIVE  writing\nSkills: cooking, Role-Play, emotionaltone"
    given_use_cases, given_skills = ["Creative Writing", "chat"], ["emotional tone", "role-play"]
    metadata = parse_metadata(text, use_cases=given_use_cases, skills=given_skills)
    assert metadata == Metadata("Creative Writing", ("role-play", "emotional tone"))


def test_given_skills_come_before_the_limit_of_three() -> None:
    """Skills outside the given list do not use up the three places."""
    metadata = parse_metadata("Use case: x\nSkills: p, q, r, a, b", skills=["a", "b"])
    assert metadata.skills == ("a", "b")


def test_given_names_with_commas_are_recognised() -> None:
    """A given skill that holds a comma is one skill."""
    metadata = parse_metadata(
        "Use case: x\nSkills: lists, tables; b", skills=["lists, tables", "b"]
    )
    assert metadata.skills == ("lists, tables", "b")


@pytest.mark.parametrize(
    ("use_cases", "skills"), [(["chat"], []), ([], ["cooking"]), (["chat"], ["cooking"])]
)
def test_what_is_not_given_is_refused(use_cases: list[str], skills: list[str]) -> None:
    """A use case outside its list, or no skill inside theirs, is an error."""
    with pytest.raises(ParseError):
        parse_metadata("Use case: creative writing\nSkills: a", use_cases=use_cases, skills=skills)


_WORD = st.text("abcdefghijklmnopqrstuvwxyzäß-+#é界", min_size=1, max_size=12).filter(
    lambda word: any(map(str.isalpha, word)) and not word.startswith(("#", "-", "+"))
)
_NAME = (
    st.lists(_WORD, min_size=1, max_size=3)
    .map(" ".join)
    .filter(lambda name: name not in {"none", "and"} and not name.startswith("and "))
)


@given(
    _NAME,
    st.lists(_NAME, min_size=1, max_size=3, unique_by=str.casefold),
    st.sampled_from(
        [
            "Use case: {}\nSkills: {}",
            "**Use case:** {}\n**Skills:** {}",
            "- Use case: {}\n- Skills: {}",
            'Here you are:\n\nUse case: "{}"\nSkills: {}.\n\nHope this helps.',
            "Use case: {}\nSkills: {}\n\nInstruction: x\nUse case: y\nSkills: z",
        ]
    ),
)
def test_metadata_comes_back(use_case: str, skills: list[str], form: str) -> None:
    """Names of letters, hyphens, + and # come back from every form."""
    assert parse_metadata(form.format(use_case, ", ".join(skills))) == Metadata(
        use_case, tuple(skills)
    )
