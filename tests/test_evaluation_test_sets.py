"""Test sets: files of all kinds, the four of the paper, the split into seeds and test items."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from codeclm.errors import UsageError
from codeclm.evaluation.records import TestItem
from codeclm.evaluation.test_sets import PAPER_SETS, PaperSet, read_test_set, split
from tests.running import write_rows


@pytest.mark.parametrize("known", PAPER_SETS, ids=lambda known: known.name)
def test_the_papers_sets_are_known(benchmark_seeds: Path, known: PaperSet) -> None:
    """Each has as many items as the paper says, and is recognised by its content."""
    path = benchmark_seeds / f"{known.name.replace('-', '_')}.jsonl"
    test_set = read_test_set(path)
    assert len(test_set.items) == known.items
    assert test_set.known is known
    assert test_set.name == known.title
    assert test_set.by_length is (known.name in {"koala", "self-instruct"})


def test_sets_are_read_as_their_authors_publish_them(tmp_path: Path) -> None:
    """Another field, a list of turns, an input beside the instruction: the same items as in a plain file."""
    published = [
        {"idx": 7, "Skill": "Math", "Difficulty": 3, "Instruction": "Add."},
        {"question_id": 3, "category": "fermi", "turns": ["How many?"]},
        {"id": "koala_0", "prompt": "List them."},
        {
            "id": "task_1",
            "instruction": "Shorten.",
            "instances": [{"input": "Long.", "output": "x"}],
        },
        {"id": "task_2", "instruction": "Greet.", "instances": [{"input": "", "output": "Hi"}]},
    ]
    plain = [
        {"id": "evol_7", "instruction": "Add.", "skill": "Math"},
        {"id": "vicuna_3", "instruction": "How many?", "category": "fermi"},
        {"id": "koala_0", "instruction": "List them."},
        {"id": "task_1", "instruction": "Shorten.\n\nLong."},
        {"id": "task_2", "instruction": "Greet."},
    ]
    one = read_test_set(write_rows(tmp_path / "published.jsonl", published))
    other = read_test_set(write_rows(tmp_path / "plain.jsonl", plain))
    assert one.items == other.items
    assert one.content == other.content
    assert [item.category for item in one.items] == ["Math", "fermi", "", "", ""]


def test_without_categories_there_are_thirds_by_length(tmp_path: Path) -> None:
    """As even as lengths allow, named by their numbers of words; equal lengths are together."""
    lengths = [5, 1, 9, 2, 5, 3, 30, 5, 12]
    path = write_rows(tmp_path / "set.jsonl", [{"instruction": f"{n} " * n} for n in lengths])
    items = read_test_set(path).items
    assert [item.category for item in items] == [
        {1: "1 to 3 words", 2: "1 to 3 words", 3: "1 to 3 words", 5: "4 to 5 words"}.get(
            n, "6 to 30 words"
        )
        for n in lengths
    ]
    alike = read_test_set(
        write_rows(tmp_path / "alike.jsonl", ["one two"] * 1 + ["three four"])
    ).items
    assert {item.category for item in alike} == {"2 words"}


def test_the_field_of_the_categories_is_the_users_choice(tmp_path: Path) -> None:
    """Any field; one that is not there is said with the line."""
    path = write_rows(
        tmp_path / "set.jsonl", [{"instruction": "a", "area": 1}, {"instruction": "b"}]
    )
    with pytest.raises(UsageError, match="line 2: no field 'area'"):
        read_test_set(path, category="area")
    path = write_rows(path, [{"instruction": "a", "area": 1, "category": "x"}])
    assert read_test_set(path, category="area").items[0].category == "1"


def test_an_id_is_of_one_item(tmp_path: Path) -> None:
    """Labels and answers are found by it."""
    path = write_rows(
        tmp_path / "set.jsonl", [{"id": 1, "instruction": "a"}, {"id": "1", "instruction": "b"}]
    )
    with pytest.raises(UsageError, match="line 2: the id '1' is there twice"):
        read_test_set(path)


def items(number: int) -> list[TestItem]:
    return [TestItem(n, f"id-{n}", f"Do thing {n}.") for n in range(number)]


def test_the_split_is_one_of_all_and_depends_on_content_alone() -> None:
    """20 % seeds, the rest test, each item once; in another order, with other ids, the same instructions are seeds."""
    whole = items(218)
    seeds, rest = split(whole, 0.2)
    assert len(seeds) == 44
    assert sorted(item.number for item in seeds + rest) == list(range(218))
    shuffled = Random(5).sample(whole, len(whole))
    others = [TestItem(n, f"other-{n}", item.instruction) for n, item in enumerate(shuffled)]
    again, _ = split(others, 0.2)
    assert {item.instruction for item in again} == {item.instruction for item in seeds}
    assert [item.number for item in again] == sorted(item.number for item in again)


def test_another_seed_splits_otherwise_and_a_larger_share_adds() -> None:
    """Seeds of a smaller share are seeds of a larger one."""
    whole = items(100)
    few, more = ({item.id for item in split(whole, share)[0]} for share in (0.2, 0.4))
    assert few < more
    assert few != {item.id for item in split(whole, 0.2, seed=1)[0]}


@pytest.mark.parametrize("share", [0, 1, -0.1, 2])
def test_a_share_is_a_share(share: float) -> None:
    """All or nothing is no split."""
    with pytest.raises(UsageError, match="between 0 and 1"):
        split(items(10), share)
