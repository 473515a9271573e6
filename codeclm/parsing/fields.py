"""The two fields of metadata in an answer: labelled lines, two bare lines, or a JSON object.

Of several blocks, as when a model goes on with examples of its own, the first one counts. A label in another
language than the table below knows is read where both of two lines have one; two bare lines are read
where the first can be the name of a use case and the second holds names of skills.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from codeclm.parsing.embedded_json import find_json
from codeclm.parsing.labels import cut_label, label
from codeclm.parsing.markers import read_marker
from codeclm.parsing.patterns import lazy
from codeclm.parsing.quotes import unquote

__all__ = ["read_use_case_and_skills"]

Fields = tuple[str, list[str]]

_ABOUT = r"(?:(?:the|its|main|primary|key|core|required|necessary|top|overall|suggested) )*"
_WORDS = {
    "instruction": r"instruction(?: ?[0-9]+)?|指令",
    "use case": rf"{_ABOUT}use[ _-]?cases?(?:\(s\))?|用例|使用场景|应用场景|用途|ユースケース|사용 사례|anwendungsfall"
    r"|caso de uso|cas d['’]usage|caso d['’]uso|сценарий использования",
    "task": rf"{_ABOUT}(?:task|purpose)(?: (?:type|category))?|任务|任務|タスク|작업|aufgabe|tarea|tâche|задача",
    "skill": r"skill ?#?[1-9]",
    "skills": rf"{_ABOUT}skills?(?:\(s\))?(?: (?:required|needed|list|set))?|技能|能力|スキル|기술|fähigkeiten"
    r"|kompetenzen|habilidades|competencias|compétences|competenze|навыки",
}
_LABELS = {
    kind: label(words, delimiter=r"(?:[:：=]|[-–—](?=[ \t]))") for kind, words in _WORDS.items()
}
_SKILLS_ON_SAME_LINE = lazy(
    r"[;|,.]?[ \t](?=(?:\*\*|__)?(?:Skills?|SKILLS|技能)(?:\(s\))?(?:\*\*|__)?[ ]?[:：])"
)
_UNKNOWN_LABEL = lazy(r"[^:：,，]{1,30}[:：](?=.)")
_NAMES = lazy(r"(?:[^,;、，；|•()（）]|[(（][^()（）]*[)）]?|[)）])+")
_NUMBER_IN_LINE = lazy(r"(?<=\S)[ ](?=\(?[2-9][.)][ ])")
_BOLD_NAME = lazy(r"\*\*([^*,;、，；]+?)[:：]?\*\*[ \t]*+(?:[:：–—-].*)?", re.DOTALL)
_NO_NAME = lazy(
    r"[.!?:。！？：]|\b(?:i|i['’]m|sorry|can(?:no|['’])t|unable|sure|here|please|help|certainly|okay|as an)\b",
    re.IGNORECASE,
)
_ABSENT = frozenset({"none", "n/a", "not applicable", "-"})


def read_use_case_and_skills(answer: str) -> Fields:
    """The use case ("" where there is none) and the skills, bare of decoration, as far as ``answer`` names them."""
    use_case, skills = (
        _from_json(answer) or _from_labels(answer) or _from_two_lines(answer) or ("", [])
    )
    names = [_bare(name) for chunk in skills for name in _split(chunk)]
    return _bare(use_case), [name for name in names if name and name.casefold() not in _ABSENT]


def _from_json(answer: str) -> Fields | None:
    found = find_json(answer)
    value = found.value if found else None
    while isinstance(value, list) and value and isinstance(value[0], dict | list):
        value = value[0]
    if isinstance(value, dict) and len(value) == 1:
        [value] = value.values()
    if not isinstance(value, dict):
        return None
    fields = {
        re.sub(r"[\W_]+", "", name).casefold().rstrip("s"): part for name, part in value.items()
    }
    use_case, skills = fields.get("usecase", fields.get("task")), fields.get("skill")
    skills = [skills] if isinstance(skills, str) else skills
    if not isinstance(use_case, str) or not isinstance(skills, list):
        return None
    return use_case, [skill for skill in skills if isinstance(skill, str)]


def _from_labels(answer: str) -> Fields | None:
    """What the labels of the first block name; None where there is no label of these."""
    fields: dict[str, list[str]] = {}
    for kind, values in _labelled(_SKILLS_ON_SAME_LINE.sub("\n", answer).split("\n")):
        if kind == "skill":
            fields.setdefault("skills", []).extend(values)
        elif "skills" in fields and (kind in fields or kind == "instruction") and len(fields) > 1:
            break
        elif kind not in {"instruction", ""}:
            fields.setdefault(kind, values)
    if not fields:
        return None
    use_case = fields.get("use case") or fields.get("task") or [""]
    return use_case[0], fields.get("skills", [])


def _labelled(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Kind and values of each label: what follows it on its line, else the next line or the list below."""
    kind, values, is_open = "", list[str](), False
    for line in lines:
        marker = read_marker(line)
        content = (marker.content if marker else line).strip()
        if found := _label_of(content):
            yield kind, values
            kind, rest = found
            values, is_open = [rest] if rest else [], not rest or _continues(rest)
        elif is_open and content:
            is_listed = kind == "skills" and bool(marker)
            if not values or is_listed or _continues(values[-1]):
                values.append(content)
            is_open = is_listed or (kind == "skills" and _continues(content))
    yield kind, values


def _label_of(line: str) -> tuple[str, str] | None:
    """The kind of the label that ``line`` begins with, and what follows it."""
    for kind, form in _LABELS.items():
        if (rest := cut_label(form, line)) is not None:
            return kind, rest
    return None


def _continues(chunk: str) -> bool:
    return chunk.endswith((",", ";", "、", "，", "；"))


def _from_two_lines(answer: str) -> Fields | None:
    """Two lines without labels, or with labels in another language."""
    lines = [line for line in answer.split("\n") if line.strip()]
    if len(lines) == 3 and lines[0].rstrip().endswith((":", "：")):
        del lines[0]
    if len(lines) != 2:
        return None
    first, second = (
        marker.content if (marker := read_marker(line)) else line.strip() for line in lines
    )
    unknown = [_UNKNOWN_LABEL.match(first), _UNKNOWN_LABEL.match(second)]
    if unknown[0] and unknown[1]:
        first, second = first[unknown[0].end() :], second[unknown[1].end() :]
    names = [_bare(first), *(_bare(name) for name in _split(second))]
    if any(_NO_NAME.search(name) or len(name.split()) > 8 for name in names):
        return None
    if len(_split(first)) > 1 or (len(names) == 2 and len(names[1].split()) > 4):
        return None
    return first, [second]


def _split(chunk: str) -> list[str]:
    """The names in ``chunk``: between commas outside parentheses, or the bold one before its explanation."""
    if bold := _BOLD_NAME.fullmatch(chunk.strip()):
        return [bold[1]]
    chunk = _bare(chunk)
    if chunk.startswith("[") and chunk.endswith("]"):
        chunk = chunk[1:-1]
    if read_marker(chunk):
        chunk = _NUMBER_IN_LINE.sub(",", chunk)
    names = [name.strip() for name in _NAMES.findall(chunk)]
    names = [marker.content if (marker := read_marker(name)) else name for name in names]
    if len(names) > 1:
        names[-1] = re.sub(r"^(?:and|&) ", "", names[-1])
    return names


def _bare(name: str) -> str:
    """``name`` without the emphasis, quotes and full stop around it."""
    if name[:1].isalnum() and name[-1:].isalnum():  # as most are
        return name
    for _ in range(4):
        bare = name.strip().rstrip(".。…;, ")
        for mark in ("**", "*", "`"):
            inside = bare[len(mark) : -len(mark)]
            if inside and bare == mark + inside + mark and mark not in inside:
                bare = inside
        bare = unquote(bare)
        if bare == name:
            break
        name = bare
    return name
