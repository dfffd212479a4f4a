"""The name of a source chooses its reader, and real files have the rows they should have."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from distilbert.data import sources
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import files_of, format_of, iter_rows, read_rows
from distilbert.errors import DataError
from distilbert.training.run_card import DataSection

ARC = ("question", "A", "B", "C", "D", "key")
CODAH = ("category", "prompt", "ending0", "ending1", "ending2", "ending3", "label")
EMOTIONS = ("text", "labels", "id")
# File -> rows as the data's README counts them, and how to read it.
FILES: dict[str, tuple[int, dict[str, Any]]] = {
    "snli/train.tsv.gz": (8858, {}),
    "sick/train.tsv.gz": (4500, {}),
    "sick/dev.tsv.gz": (500, {}),
    "subj/dev.tsv.gz": (974, {}),
    "cr/dev.tsv.gz": (365, {}),
    "agnews/train.tsv.gz": (9000, {}),
    "agnews/dev.tsv.gz": (1001, {}),
    "movie_reviews/train.jsonl.gz": (1211, {}),
    "movie_reviews/dev.jsonl.gz": (189, {}),
    "emotion/dev.csv.gz": (2000, {}),
    "banking77/train.csv.gz": (10003, {}),
    "trec/train.txt.gz": (4912, {"data_format": "trec"}),
    "trec/dev.txt.gz": (540, {"data_format": "trec"}),
    "goemotions/train.tsv.gz": (43410, {"column_names": EMOTIONS}),
    "goemotions/dev.tsv.gz": (5426, {"column_names": EMOTIONS}),
    "query_wellformedness/dev.tsv.gz": (3750, {"column_names": ("text", "score")}),
    "hellaswag/dev.jsonl.gz": (983, {}),
    "codah/train.tsv.gz": (1665, {"column_names": CODAH}),
    "codah/dev.tsv.gz": (556, {"column_names": CODAH}),
    "arc/arc_easy_train.csv.gz": (2142, {"column_names": ARC}),
    "arc/arc_challenge_train.csv.gz": (1095, {"column_names": ARC}),
    "commonsenseqa/dev_part1.jsonl.gz": (800, {}),
    "swag_sample/sample.jsonl": (10, {}),
    "squad2/half_dev.json.gz": (6078, {}),
    "xquad/xquad.en.dev.json.gz": (451, {}),
    "covid_qa/train.json.gz": (1128, {}),
    "wnut17/dev.conll.gz": (1009, {}),
    "wikisplit/sentences.txt.gz": (10000, {}),
    "udhr/udhr.jsonl.gz": (170, {}),
}


def read(source: Any, **options: Any) -> list[Row]:
    problems = Problems()
    limit = options.pop("limit", None)
    rows = read_rows(
        str(source), data=DataSection().model_copy(update=options), limit=limit, problems=problems
    )
    assert not len(problems), problems.report()
    return rows


@pytest.mark.parametrize("file", FILES)
def test_real_files_have_as_many_rows_as_their_readme_says(shared: Path, file: str) -> None:
    n_rows, options = FILES[file]
    assert len(read(shared / "data" / file, **options)) == n_rows


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"),
        ("a.b.TSV.gz", "tsv"),
        ("a.ndjson", "jsonl"),
        ("a.json.gz", "json"),
        ("a.parquet", "parquet"),
        ("a.iob2", "conll"),
        ("a.txt", "text"),
    ],
)
def test_the_file_name_says_the_format(name: str, kind: str) -> None:
    assert format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["a", "a.gz", "a.xlsx"])
def test_another_file_name_needs_the_format(name: str) -> None:
    with pytest.raises(DataError, match=rf"got {name}\. Set `data_format` to one of csv,"):
        format_of(Path(name))


def test_the_format_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a,b\n1,2\n")
    (row,) = read(tmp_path / "a.txt", data_format="csv")
    assert row == Row({"a": "1", "b": "2"}, f"{tmp_path / 'a.txt'} line 2")
    with pytest.raises(DataError, match=r"`data_format` must be one of csv, .*: got 'xml'"):
        read(tmp_path / "a.txt", data_format="xml")


ROWS = [{"text": 'a; "b"', "label": "1"}, {"text": "café", "label": "0"}]
CELLS = 'text;label\r\n"a; ""b""";1\r\ncafé;0\r\n'
# What Excel saves (CSV UTF-8, CSV, Unicode text) and what jq 1.6 prints (., -c and -s).
WRITTEN: dict[str, tuple[bytes, dict[str, Any]]] = {
    "excel.csv": (CELLS.encode("utf-8-sig"), {}),
    "excel_ansi.csv": (CELLS.encode("cp1252"), {"encoding": "cp1252"}),
    "excel.txt": (
        CELLS.replace(";1", "\t1").replace(";0", "\t0").replace("t;l", "t\tl").encode("utf-16"),
        {"encoding": "utf-16", "data_format": "csv"},
    ),
    "jq.json": (
        b'{\n  "text": "a; \\"b\\"",\n  "label": "1"\n}\n'
        b'{\n  "text": "caf\xc3\xa9",\n  "label": "0"\n}\n',
        {},
    ),
    "jq.jsonl": (
        b'{"text":"a; \\"b\\"","label":"1"}\n{"text":"caf\xc3\xa9","label":"0"}\n',
        {},
    ),
    "jq_slurped.json": (
        b'[\n  {\n    "text": "a; \\"b\\"",\n    "label": "1"\n  },\n'
        b'  {\n    "text": "caf\xc3\xa9",\n    "label": "0"\n  }\n]\n',
        {},
    ),
}


@pytest.mark.parametrize("inputs", [False, True])
@pytest.mark.parametrize("name", WRITTEN)
def test_what_excel_and_jq_write_is_read(tmp_path: Path, name: str, inputs: bool) -> None:
    content, options = WRITTEN[name]
    (tmp_path / name).write_bytes(content)
    problems = Problems()
    source, data = str(tmp_path / name), DataSection(**options)
    rows = list(iter_rows(source, data=data, problems=problems, inputs=inputs))
    assert not len(problems), problems.report()
    assert [row.values for row in rows] == ROWS


def test_what_pandas_writes_is_read(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    texts = ['a; "b"', "x\ny, z", "tab\tcafé"]
    frame = pandas.DataFrame({"text": texts, "label": ["1", "0", "1"]})
    frame.to_csv(tmp_path / "a.csv")
    frame.to_csv(tmp_path / "b.csv.gz", sep=";", index=False, encoding="utf-8-sig")
    frame.to_json(tmp_path / "c.json", orient="records")
    frame.to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "e.json", orient="table", index=False)
    for name in ("a.csv", "b.csv.gz", "c.json", "d.jsonl", "e.json"):
        assert [row.values["text"] for row in read(tmp_path / name)] == texts, name
    frame.to_csv(tmp_path / "f.tsv", sep="\t", index=False)
    source, problems = str(tmp_path / "f.tsv"), Problems()
    rows = list(iter_rows(source, data=DataSection(), problems=problems, inputs=True))
    assert [row.values["text"] for row in rows] == texts


def test_inputs_keep_a_row_per_line_and_what_the_header_repeats(tmp_path: Path) -> None:
    def inputs(name: str, content: bytes) -> list[Any]:
        (tmp_path / name).write_bytes(content)
        source, problems = str(tmp_path / name), Problems()
        rows = list(iter_rows(source, data=DataSection(), problems=problems, inputs=True))
        assert not len(problems)
        return [dict(row.values) for row in rows]

    assert inputs("a.txt", b"a\n\nb\n") == [{"text": "a"}, {"text": ""}, {"text": "b"}]
    assert inputs("a.csv", b"a,a\n1,2\n") == [{"a": "2"}]
    assert inputs("a.json", b'{"text": "x"}\n') == [{"text": "x"}]


def test_a_missing_file_is_reported_at_once_whatever_its_format(tmp_path: Path) -> None:
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "a.conll", "a.txt"):
        with pytest.raises(DataError, match="Data must be a file that exists"):
            read(tmp_path / name)


def test_no_more_is_read_than_requested(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": 2}\nbroken\n')
    assert [row.values["a"] for row in read(tmp_path / "a.jsonl", limit=2)] == [1, 2]


def test_rows_come_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\nbroken\n')
    problems = Problems()
    rows = iter_rows(str(tmp_path / "a.jsonl"), data=DataSection(), problems=problems)
    assert next(rows).values == {"a": 1}
    assert not len(problems)
    assert list(rows) == []
    assert len(problems) == 1


def test_sentences_have_the_columns_that_were_requested(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("1\tA\tX\n2\tb\tY\n\n3\tc\tZ\n")
    (first, second) = read(tmp_path / "a.conll", tokens="1", tags="-1")
    assert first.values == {"1": ["A", "b"], "-1": ["X", "Y"]}
    assert second.place.endswith("a.conll line 4")
    first, _ = read(tmp_path / "a.conll")
    assert first.values == {"tokens": ["1", "2"], "tags": ["X", "Y"]}


def test_the_task_of_glue_names_columns(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv.gz"
    path.write_bytes(gzip.compress(b'gj04\t0\t*\t"In that sea.\n'))
    (row,) = read(path, glue="cola")
    assert (row.values["text"], row.values["label"]) == ('"In that sea.', "unacceptable")


def test_hub_sets_are_asked_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row({"premise": "a", "hypothesis": "b", "label": "neutral"}, "x")]
    monkeypatch.setattr(sources, "read_hub_set", lambda source: iter(rows))
    (row,) = read("hub:nyu-mll/glue/mnli:train", glue="mnli")
    assert (row.values["text"], row.values["text_pair"]) == ("a", "b")


def test_a_source_may_be_a_folder_or_a_pattern(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.csv", "notes.md"):
        (tmp_path / name).write_text(f"text\n{name}\n")
    assert [Path(one).name for one in files_of(str(tmp_path))] == ["a.txt", "b.txt", "c.csv"]
    assert [Path(one).name for one in files_of(f"{tmp_path}/*.txt")] == ["a.txt", "b.txt"]
    rows = read(f"{tmp_path}/*.txt")
    assert [row.values["text"] for row in rows] == ["text", "a.txt", "text", "b.txt"]
    assert rows[3].place == f"{tmp_path / 'b.txt'} line 2"


def test_several_sources_are_read_one_after_the_other(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"text\n{name}\n{name}{name}\n")
    sources = [str(tmp_path / "b.csv"), str(tmp_path / "a.csv")]
    rows = read_rows(sources, data=DataSection(), limit=3, problems=Problems())
    assert [row.values["text"] for row in rows] == ["b", "bb", "a"]


def test_blank_lines_are_rows_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n\nb\n")
    problems = Problems()
    for keep_blank, texts in ((False, ["a", "b"]), (True, ["a", "", "b"])):
        rows = iter_rows(
            str(tmp_path / "a.txt"), data=DataSection(), problems=problems, keep_blank=keep_blank
        )
        assert [row.values["text"] for row in rows] == texts


def test_a_file_may_have_a_name_that_is_also_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("text\na\n")
    assert len(read(tmp_path / "a[1].csv")) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none*.csv", "A pattern of data files must match at least one: got "),
        ("empty", "A folder of data must contain files that end in one of"),
        ("memory:list of 3 rows", "were passed in Python, so they cannot be read again"),
    ],
)
def test_a_source_without_files_is_reported(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    source = source if source.startswith("memory:") else str(tmp_path / source)
    with pytest.raises(DataError, match=message):
        files_of(source)


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(DataError, match="must not be empty: got ''"):
        files_of("")
