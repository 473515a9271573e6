"""Reading seeds and metadata: every format, and one clear line for what is wrong."""

from __future__ import annotations

import asyncio
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.records import Metadata
from codeclm.seeds import MetadataFile, SeedFile, SeedList
from codeclm.stdin import SeedStream, spooled_stdin


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


FORMATS = {
    "a.jsonl": '{"id": "x", "instruction": "Sing"}\n\n{"instruction": " Tanze\\n"}\n',
    "a.json": '[{"id": "x", "instruction": "Sing"}, {"instruction": " Tanze\\n"}]',
    "a.csv": 'id,instruction\nx,Sing\n," Tanze\n"\n',
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_same_seeds(tmp_path: Path, name: str) -> None:
    """JSON lines, an array and CSV hold the same instructions; text and given ids are kept as they are."""
    source = SeedFile(write(tmp_path, name, FORMATS[name]))
    seeds = list(source)
    assert [seed.instruction for seed in seeds] == ["Sing", " Tanze\n"]
    assert [seed.number for seed in seeds] == [0, 1]
    assert seeds[0].id == "x"
    assert seeds[1].id.startswith("line-")
    assert source.tally().items == 2


def test_text_files_hold_one_instruction_a_line(tmp_path: Path) -> None:
    """Blank lines are no seeds; a byte order mark is no text."""
    source = SeedFile(write(tmp_path, "a.txt", "\ufeffSing\n\n  Dance\r\n".encode()))
    assert [seed.instruction for seed in source] == ["Sing", "Dance"]


def test_another_field_may_hold_the_instruction(tmp_path: Path) -> None:
    """``field`` names it."""
    path = write(tmp_path, "a.jsonl", '{"prompt": "Sing"}\n')
    assert [seed.instruction for seed in SeedFile(path, "prompt")] == ["Sing"]


BAD = [
    (
        "a.jsonl",
        '{"instruction": "ok"}\n{"instruction": \n',
        "line 2: not JSON (Expecting value, at character 16)",
    ),
    ("a.jsonl", '{"instruction": "ok"}\n[1]\n', "line 2: not a text, nor an object"),
    ("a.jsonl", '{"prompt": "ok"}\n', "line 1: no field 'instruction'; it has 'prompt'"),
    ("a.jsonl", '{"instruction": 3}\n', "line 1: the instruction is no text"),
    ("a.jsonl", '{"instruction": ""}\n', "line 1: the instruction is empty"),
    ("a.jsonl", '{"instruction": "half \\ud800"}\n', "line 1: it holds half a surrogate pair"),
    ("a.jsonl", '{"instruction": "a", "id": "\\ud800"}\n', "line 1: it holds half a surrogate"),
    ("a.jsonl", b'{"instruction": "ok"}\n{"instruction": "\xff"}\n', "line 2: not UTF-8"),
    ("a.jsonl", "", "no seed in it"),
    ("a.json", "{}", "not an array"),
    ("a.json", "[1", "not JSON"),
    ("a.txt", b"ok\n\xff\n", "line 2: not UTF-8"),
    ("a.csv", "id,text\n1,Sing\n", "no field 'instruction'; it has 'id', 'text'"),
    ("a.csv", b"instruction\nok\n\xff\n", "not UTF-8"),
    ("a.parquet", "", "unknown kind of file; use one of .jsonl, .json, .csv, .txt"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_bad_files_are_told_in_one_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    """The file, the line and what is wrong."""
    path = write(tmp_path, name, content)
    with pytest.raises(UsageError) as caught:
        SeedFile(path).tally()
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """No traceback for a wrong name."""
    with pytest.raises(UsageError, match="cannot be read"):
        SeedFile(tmp_path / "none.jsonl").tally()


def test_bad_lines_may_be_passed_over_and_are_counted(tmp_path: Path) -> None:
    """With skip_bad_lines the good ones remain, numbered without gaps."""
    lines = '{"instruction": "a"}\nrubbish\n{"instruction": "b"}\n{"other": 1}\n'
    source = SeedFile(write(tmp_path, "a.jsonl", lines), skip_bad_lines=True)
    assert [(seed.number, seed.instruction) for seed in source] == [(0, "a"), (1, "b")]
    assert (source.tally().items, source.tally().bad_lines) == (2, 2)


def test_the_digest_tells_contents_apart(tmp_path: Path) -> None:
    """A changed file has another digest, an equal one the same."""
    first = SeedFile(write(tmp_path, "a.txt", "one\n")).tally().content
    assert SeedFile(write(tmp_path, "b.txt", "one\n")).tally().content == first
    assert SeedFile(write(tmp_path, "c.txt", "two\n")).tally().content != first
    assert SeedList(("one",)).tally().content != SeedList(("two",)).tally().content


def test_standard_input_is_counted_from_a_copy() -> None:
    """What came on stdin can be read again and again; errors call it by its name; the copy goes with the block."""
    data = b'{"instruction": "Sing"}\n'
    with spooled_stdin("instruction", False, io.BytesIO(data)) as source:
        assert [seed.instruction for seed in source] == ["Sing"]
        assert source.tally().items == 1
    assert not source.path.exists()
    with (
        spooled_stdin("instruction", False, io.BytesIO(b"rubbish")) as source,
        pytest.raises(UsageError, match="^standard input, line 1: not JSON"),
    ):
        source.tally()


@pytest.mark.parametrize("rubbish", [(), ("",), (5,), ({"instruction": "x"},), ("ok", None)])
def test_a_list_of_seeds_holds_instructions(rubbish: tuple[str, ...]) -> None:
    """A program that passes something else is told so before anything is paid."""
    with pytest.raises(UsageError, match="list of seeds is empty|of the list"):
        SeedList(rubbish)


def test_metadata_may_be_given(tmp_path: Path) -> None:
    """Skills as a list or comma separated; equal rows stay several entries."""
    rows = [
        {"use_case": "chat", "skills": ["tone", "facts"]},
        {"use_case": "chat", "skills": "tone, facts"},
    ]
    path = write(tmp_path, "m.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    entries = list(MetadataFile(path))
    assert [entry.metadata for entry in entries] == [Metadata("chat", ("tone", "facts"))] * 2
    assert len({entry.id for entry in entries}) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3", "not an object with the fields"),
        ('{"skills": ["a"]}', "no field 'use_case'"),
        ('{"use_case": "", "skills": ["a"]}', "'use_case' is not a text"),
        ('{"use_case": "c", "skills": []}', "'skills' is not a list"),
        ('{"use_case": "c", "skills": [1]}', "'skills' is not a list"),
    ],
)
def test_bad_metadata_is_told(tmp_path: Path, row: str, message: str) -> None:
    """The line and the field."""
    with pytest.raises(UsageError, match="line 1: ") as caught:
        MetadataFile(write(tmp_path, "m.jsonl", row)).tally()
    assert message in str(caught.value)


@given(content=st.binary(max_size=300), name=st.sampled_from(["jsonl", "json", "csv", "txt"]))
def test_no_content_can_crash_the_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    """Whatever is in a file: seeds or a UsageError."""
    path = write(tmp_path_factory.mktemp("seeds"), f"a.{name}", content)
    try:
        count = SeedFile(path).tally().items
    except UsageError:
        return
    assert len(list(SeedFile(path))) == count


def test_the_four_real_sets_are_read(benchmark_seeds: Path) -> None:
    """730 seeds, each with its id."""
    sizes = {
        path.stem: SeedFile(path).tally().items for path in sorted(benchmark_seeds.glob("*.jsonl"))
    }
    assert sizes == {"evol_instruct": 218, "koala": 180, "self_instruct": 252, "vicuna": 80}


@pytest.mark.anyio
async def test_standard_input_may_be_read_as_it_comes() -> None:
    """A pipe without end: each seed is there as soon as its line is, and nothing blocks in between."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stdin, os.fdopen(write_end, "wb", 0) as pipe:
        stream = aiter(SeedStream(stdin=stdin))
        for number in range(3):
            pipe.write(b'\n{"instruction": "Seed %d"}\n' % number)
            seed = await anext(stream)
            assert (seed.number, seed.instruction) == (number, f"Seed {number}")
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert not waiting.done()
        pipe.write(b"rubbish\n")
        with pytest.raises(UsageError, match="standard input, line 7: not JSON"):
            await waiting


@pytest.mark.anyio
async def test_standard_input_may_be_a_file(tmp_path: Path) -> None:
    """``< seeds.jsonl`` works as a pipe does."""
    path = write(tmp_path, "a.jsonl", '{"instruction": "a"}\nrubbish\n{"instruction": "b"}\n')
    with path.open("rb") as stdin:
        stream = SeedStream(skip_bad_lines=True, stdin=stdin)
        assert [seed.instruction async for seed in stream] == ["a", "b"]
