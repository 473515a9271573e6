"""``codeclm cache``: looking after a cache, and handing it on."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from codeclm.cli import app
from codeclm.errors import CodecLMError, UsageError
from codeclm.llm.cache import encode
from codeclm.llm.chat import Completion, Usage
from codeclm.llm.directory import HeldDirectory
from codeclm.llm.inspection import inspect
from codeclm.llm.shelf import Shelf
from codeclm.llm.transfer import LONGEST, Imported, check_header, import_lines, limited_lines
from codeclm.llm.upkeep import has_race
from codeclm.simulator import SimulatorServer, World
from tests.running import check_books, complete, settings_for

DAY_S = 86_400


def codeclm(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``codeclm cache``."""
    command = ["cache", *map(str, arguments)]
    done = CliRunner().invoke(app, command, stdin, standalone_mode=False)
    if isinstance(done.exception, CodecLMError):
        return done.exception.exit_code, done.stdout, f"{done.exception}\n"
    assert done.exception is None, done.exception
    return done.return_value, done.stdout, done.stderr


def key(number: int) -> str:
    return f"{number:064x}"


def answer(number: int) -> bytes:
    return encode(Completion(f"answer {number} é\n\u2028", "stop", Usage(1, number), ""))


def filled(directory: Path, number: int = 5, at: float = 1.7e9) -> Path:
    with closing(Shelf(directory)) as shelf:
        shelf.keep([(key(n), answer(n), at + n * DAY_S) for n in range(number)])
    return directory


def spoil(directory: Path, number: int) -> None:
    with closing(sqlite3.connect(directory / "cache.db")) as connection:
        statement = "UPDATE Cache SET value = x'00' || substr(value, 2) WHERE key = ?"
        connection.execute(statement, [key(number)])
        connection.commit()


def contents(directory: Path) -> dict[str, bytes | None]:
    with closing(Shelf(directory)) as shelf:
        keys = [name for (name,) in shelf.cache.run("SELECT key FROM Cache ORDER BY key")]
        values = shelf.serve([(name, None) for name in keys])
        return {
            name: value if isinstance(value, bytes) else None
            for name, value in zip(keys, values, strict=True)
        }


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return filled(tmp_path / "cache")


def test_stats(cache: Path) -> None:
    """How many answers, how large, how old, and which SQLite."""
    code, said, _ = codeclm("stats", cache)
    assert code == 0
    assert said.startswith("answers: 5 (")
    assert "kept: 2023-11-1" in said
    assert f"SQLite: {sqlite3.sqlite_version}" in said


@pytest.mark.parametrize(
    ("version", "race"),
    [
        ((3, 6, 23), False),
        ((3, 40, 1), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
    ],
)
def test_builds_with_the_race_are_known(version: tuple[int, ...], race: bool) -> None:
    """SQLite 3.7.0 to 3.51.2 can lose commits of two connections; the repair was taken back to two older lines."""
    assert has_race(version) is race


def test_verify_finds_and_mends_bad_rows(cache: Path) -> None:
    """Exit code 1 while they are there; the good ones stay."""
    assert codeclm("verify", cache)[:2] == (0, "5 answers, 0 of them bad\n")
    spoil(cache, 3)
    assert codeclm("verify", cache)[:2] == (1, "5 answers, 1 of them bad\n")
    assert codeclm("verify", cache, "--mend")[0] == 0
    assert codeclm("verify", cache)[:2] == (0, "4 answers, 0 of them bad\n")
    assert contents(cache) == {key(n): answer(n) for n in (0, 1, 2, 4)}


def test_verify_sets_a_damaged_database_aside_only_when_told(cache: Path) -> None:
    """Without --mend it is not touched; with it, what can be read is kept."""
    filled(cache, 400)
    path = cache / "cache.db"
    damaged = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(damaged)
    code, said, _ = codeclm("verify", cache)
    assert code == 1
    assert "damaged" in said
    assert path.read_bytes() == damaged
    code, said, _ = codeclm("verify", cache, "--mend")
    assert code == 0
    assert "set aside as cache.db.broken-1" in said
    assert (cache / "cache.db.broken-1").read_bytes() == damaged
    assert codeclm("verify", cache)[0] == 0
    assert len(contents(cache)) > 100


def test_verify_mends_an_index_that_lost_entries(cache: Path) -> None:
    """Damage that only SQLite's own check sees is mended by a new database with all the answers."""
    with closing(sqlite3.connect(cache / "cache.db")) as connection:
        root = "SELECT rootpage FROM sqlite_master WHERE name = 'Cache_key_raw'"
        ((page,),) = connection.execute(root)
        ((size,),) = connection.execute("PRAGMA page_size")
    content = bytearray((cache / "cache.db").read_bytes())
    content[(page - 1) * size + 4] = 2  # of five cells
    (cache / "cache.db").write_bytes(content)
    assert codeclm("verify", cache)[0] == 1
    assert codeclm("verify", cache, "--mend")[0] == 0
    assert contents(cache) == {key(n): answer(n) for n in range(5)}


def test_prune(cache: Path) -> None:
    """By age and by badness; --dry-run only says so."""
    filled(cache, 200, at=4e9)
    with closing(Shelf(cache)) as shelf:
        shelf.keep([(key(n), answer(n) + b" " * 50_000, 1.7e9) for n in range(7)])
    spoil(cache, 100)
    size = (cache / "cache.db").stat().st_size
    assert codeclm("prune", cache, "--older-than", "30d", "--bad", "--dry-run")[:2] == (
        0,
        "8 of 200 answers would be deleted\n",
    )
    assert len(contents(cache)) == 200
    code, said, _ = codeclm("prune", cache, "--older-than", "30d", "--bad")
    assert code == 0
    assert said.startswith("8 of 200 answers deleted, ")
    assert (cache / "cache.db").stat().st_size < size - 300_000
    assert set(contents(cache)) == {key(n) for n in range(7, 200) if n != 100}
    assert inspect(cache / "cache.db", 1) == 1
    for wrong in ((), ("--older-than", "soon")):
        assert codeclm("prune", cache, *wrong)[0] == 2


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "-"])
def test_what_is_exported_is_imported(cache: Path, tmp_path: Path, name: str) -> None:
    """Every answer byte for byte, with its time; the file is private, and two exports of equal caches are equal."""
    file: Any = "-" if name == "-" else tmp_path / name
    code, said, complaint = codeclm("export", cache, file)
    assert (code, complaint) == (0, "")
    if name != "-":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stdin = said.encode() if name == "-" else b""
    code, told, _ = codeclm("import", tmp_path / "other", file, stdin=stdin)
    assert (code, told) == (0, "5 answers added, 0 were there, 0 bad lines skipped\n")
    assert contents(tmp_path / "other") == contents(cache)
    again: Any = "-" if name == "-" else tmp_path / f"again-{name}"
    _, said_again, _ = codeclm("export", tmp_path / "other", again)
    if name == "-":
        assert said_again == said
    else:
        assert again.read_bytes() == file.read_bytes()
    assert codeclm("import", cache, file, stdin=stdin)[1].startswith(
        "0 answers added, 5 were there"
    )


@pytest.mark.parametrize("name", ["notes.jsonl", "notes.jsonl.gz"])
def test_an_export_replaces_an_earlier_one_and_nothing_else(
    cache: Path, tmp_path: Path, name: str
) -> None:
    """A mistyped name costs no file of the user's."""
    file = tmp_path / name
    file.write_bytes(b"mine\n")
    code, _, complaint = codeclm("export", cache, file)
    assert (code, complaint.count("\n")) == (2, 1)
    assert file.read_bytes() == b"mine\n"
    file.unlink()
    assert [codeclm("export", cache, file)[0] for _ in range(2)] == [0, 0]


def test_bad_rows_are_not_exported(cache: Path, tmp_path: Path) -> None:
    """They are counted, and the exit code tells."""
    spoil(cache, 2)
    code, said, complaint = codeclm("export", cache, tmp_path / "out.jsonl")
    assert code == 3
    assert said.startswith("4 answers in ")
    assert "1 bad rows were left out" in complaint


def test_an_import_never_replaces_a_good_answer_but_a_bad_one(cache: Path, tmp_path: Path) -> None:
    """Who sends a file does not decide what is here already."""
    with closing(Shelf(tmp_path / "other")) as shelf:
        shelf.keep([(key(n), answer(n + 100), 1.7e9) for n in range(5)])
    codeclm("export", tmp_path / "other", tmp_path / "out.jsonl")
    spoil(cache, 3)
    assert codeclm("import", cache, tmp_path / "out.jsonl")[0] == 0
    assert contents(cache) == {key(n): answer(103 if n == 3 else n) for n in range(5)}


def line(**changed: object) -> bytes:
    from codeclm.llm.transfer import _sha

    row: dict[str, object] = {"key": key(77), "value": answer(77).decode(), "created": 1.7e9}
    row.update(changed)
    row.setdefault("sha256", _sha(str(row["key"]), str(row["value"]).encode()))
    return orjson.dumps(row) + b"\n"


BAD_LINES = {
    "not JSON": b"\x80\x04pickle\n",
    "a list": b"[1, 2]\n",
    "nothing": b"\n",
    "no key": b'{"value": "x"}\n',
    "a path for a key": line(key="../../etc/passwd"),
    "a number for a value": line(value=5, sha256="0" * 64),
    "no answer": line(value="plain text"),
    "another answer": line(value=answer(78).decode(), sha256="0" * 64),
    "an odd time": line(created="now"),
    "a time that is none": line(created=1.7e9).replace(b"1700000000.0", b"1e999"),
    "deep": b'{"key": ' + b"[" * 5000 + b"\n",
    "too long": b'{"key": "' + b"x" * (LONGEST + 5) + b'"}\n',
}


@pytest.mark.parametrize("name", list(BAD_LINES))
def test_bad_lines_are_counted_and_skipped(cache: Path, tmp_path: Path, name: str) -> None:
    """What stands around them is taken; --strict stops at them, by number."""
    file = tmp_path / "in.jsonl"
    codeclm_header = b'{"format":"codeclm-cache","version":1}\n'
    file.write_bytes(codeclm_header + line(key=key(8)) + BAD_LINES[name] + line(key=key(9)))
    for strict in (False, True):
        with closing(Shelf(tmp_path / f"{strict}")) as shelf, file.open("rb") as source:
            lines = limited_lines(source)
            check_header(lines)
            if strict:
                with pytest.raises(UsageError, match="^line 3: "):
                    import_lines(shelf, lines, strict=True)
            else:
                assert import_lines(shelf, lines) == Imported(added=2, bad=1)


@pytest.mark.parametrize("damage", ["cut", "changed", "cut gzip", "no gzip", "more"])
def test_an_incomplete_file_is_told(cache: Path, tmp_path: Path, damage: str) -> None:
    """The answers that are whole are taken, and exit code 3 says that it is not all."""
    file = tmp_path / ("in.jsonl.gz" if "gzip" in damage else "in.jsonl")
    codeclm("export", cache, file)
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    file.write_bytes(
        {
            "cut": b"".join(lines[:4]) + lines[4][:20],
            "changed": whole.replace(b"answer 3", b"answer X"),
            "cut gzip": whole[:-20],
            "no gzip": gzip.decompress(whole) if "gzip" in damage else b"",
            "more": whole + line(),
        }[damage]
    )
    code, said, complaint = codeclm("import", tmp_path / "other", file)
    if damage == "no gzip":
        assert code == 2
        assert not (tmp_path / "other").exists()
        return
    assert code == 3
    assert "its last line is missing or wrong" in complaint
    assert said.startswith({"cut": "3 ", "changed": "4 "}.get(damage, said[:2]))
    assert codeclm("import", tmp_path / "strict", file, "--strict")[0] == 2


def test_other_files_are_refused(tmp_path: Path) -> None:
    """One line, and no cache is made."""
    for name, content in (
        ("text", b"hello\n"),
        ("later", b'{"format":"codeclm-cache","version":2}\n'),
        ("empty", b""),
    ):
        (tmp_path / name).write_bytes(content)
        code, _, complaint = codeclm("import", tmp_path / "cache", tmp_path / name)
        assert code == 2
        assert complaint.count("\n") == 1
    assert codeclm("import", tmp_path / "cache", tmp_path / "missing")[0] == 2
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("command", ["stats", "verify", "prune --bad", "export -", "import -"])
def test_a_cache_in_use_or_absent_is_refused(cache: Path, tmp_path: Path, command: str) -> None:
    """In one line with exit code 2, and nothing is created."""
    name, *rest = command.split()
    stdin = b'{"format":"codeclm-cache","version":1}\n'
    held = HeldDirectory(cache, ("cache.db",))
    code, said, complaint = codeclm(name, cache, *rest, stdin=stdin)
    held.release()
    assert (code, said) == (2, "")
    assert f"in use by another run (process {os.getpid()})" in complaint
    assert complaint.count("\n") == 1
    if name != "import":
        code, _, complaint = codeclm(name, tmp_path, *rest)
        assert code == 2
        assert f"no cache; there is one in {cache}" in complaint
        assert codeclm(name, tmp_path / "nowhere", *rest)[0] == 2
        assert not (tmp_path / "nowhere").exists()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_run_on_an_imported_cache_makes_no_call(tmp_path: Path) -> None:
    """A colleague gets a file, and the same dataset without paying."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 24, "augment_to": 0})
        await complete(tmp_path / "first", settings)
        asked = server.log.answered
        file = tmp_path / "cache.jsonl.gz"
        assert codeclm("export", tmp_path / "first" / "cache", file)[0] == 0
        assert codeclm("import", tmp_path / "shared", file)[0] == 0
        shared = settings.model_copy(update={"cache": tmp_path / "shared"})
        await complete(tmp_path / "second", shared)
        assert server.log.answered == asked + 2  # the tiny first calls, one a model
    check_books(tmp_path / "second")
    first, second = (tmp_path / name / "dataset.jsonl" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    shutil.rmtree(tmp_path / "shared")
