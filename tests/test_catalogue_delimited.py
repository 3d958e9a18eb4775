from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagger.catalogue import Catalogue, read_catalogue
from tagger.catalogue.delimited import open_table, records, sniff_delimiter
from tagger.catalogue.source import Lines, Source
from tagger.errors import CatalogueError
from tagger.records import Credential, Problem

HEADER = "id,title,outcomes,credits\n"
OUTCOME = "Describe how soil forms."


def write(folder: Path, data: str | bytes, name: str = "c.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(folder: Path, data: str | bytes, name: str = "c.csv", **options: object) -> tuple[list[Credential], Catalogue]:
    catalogue = read_catalogue(write(folder, data, name), **options)  # type: ignore[arg-type]
    found = list(catalogue)
    assert catalogue.n_rows == len(found) + catalogue.n_empty_rows
    return found, catalogue


def test_plain(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, HEADER + f'1,Soil,"{OUTCOME}\nAssess erosion.",7.5 ECTS\n')
    (one,) = found
    assert (one.id, one.title, one.row) == ("1", "Soil", 2)
    assert [o.text for o in one.outcomes] == [OUTCOME, "Assess erosion."]
    assert [o.id for o in one.outcomes] == ["1/1", "1/2"]
    assert (one.size.credits, one.size.system) == (7.5, "ECTS")
    assert (catalogue.format, catalogue.encoding, catalogue.problems) == ("csv", "utf-8", [])
    assert list(catalogue) == found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    rows = [["id", "title", "outcomes"]] + [
        [str(n), "Soil, water, air", "Describe soil, and water, and air."] for n in range(5)
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    found, catalogue = read(tmp_path, text.getvalue())
    assert catalogue.columns == rows[0]
    assert [c.row for c in found] == [2, 3, 4, 5, 6]
    assert {c.title for c in found} == {"Soil, water, air"}


def test_commas_in_unquoted_text_under_semicolons(tmp_path: Path) -> None:
    found, _ = read(tmp_path, "id;title;outcomes\n1;Soil, water;Dig, plant, water and harvest the field.\n")
    assert found[0].title == "Soil, water"


def test_one_column_of_text(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, "Learning outcomes\nDig, plant and water a garden\nAssess, in pairs, a field\n")
    assert catalogue.columns == ["Learning outcomes"]
    assert [c.outcomes[0].text for c in found] == ["Dig, plant and water a garden", "Assess, in pairs, a field"]
    assert [c.id for c in found] == ["row-2", "row-3"]
    assert not any(c.problems for c in found)


def test_sep_line_of_excel_is_no_row(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, "sep=;\nid;title;outcomes\n1;Soil;Describe soil.\n")
    assert catalogue.columns == ["id", "title", "outcomes"]
    assert found[0].row == 2


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", ""), ("utf-16-be", ""), ("utf-16-be", "\ufeff"),
     ("utf-32", "")],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, mark: str) -> None:
    text = (
        mark
        + "id,title,outcomes\n1,Jordlära på svenska,Describe soils – and “how” they form.\n"
        + "2,Soil,Describe soils and waters.\n" * 20
    )
    found, catalogue = read(tmp_path, text.encode(encoding))
    assert found[0].title == "Jordlära på svenska"
    assert catalogue.problems == []


def test_windows_1252_is_named(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, "id,title,outcomes\n1,Caf\xe9 \x93x\x94,Describe soils.\n".encode("latin-1"))
    assert found[0].title == "Café “x”"
    assert catalogue.encoding == "windows-1252"
    (problem,) = catalogue.problems
    assert "Windows-1252" in problem.message and problem.row is None


def test_a_late_wrong_byte_does_not_spoil_the_rest(tmp_path: Path) -> None:
    row = "Jordlära,N/A\n".encode()
    data = b"title,outcomes\nJord,Describe soils.\n" + row * 25_000 + b"Caf\xe9,Describe soils.\n" + row
    found, catalogue = read(tmp_path, data)
    assert found[-2].title == "Café"
    assert found[-1].title == found[1].title == "Jordlära"
    assert len(catalogue.problems) == 1


def test_all_bytes_wrong_stays_fast(tmp_path: Path) -> None:
    source = Source.of(write(tmp_path, b"outcomes\n" + b"\xe9" * 300_000))
    lines = Lines(source)
    assert sum(map(len, lines)) == 300_009
    assert lines.n_fallback == 300_000


def test_nul_characters(tmp_path: Path) -> None:
    found, _ = read(tmp_path, "id,title,outcomes\n1,So\0il,Describe soils.\n")
    assert found[0].title == "So il"
    assert "NUL" in found[0].problems[0].message


def test_ragged_rows_are_kept_and_reported(tmp_path: Path) -> None:
    text = (
        HEADER
        + '1,Soil,"Describe\nsoils.",5\n2,Air,Describe air.\n3,Sea,Describe, the sea.,5\n4,Sun,Describe it.,5,,\n'
    )
    found, _ = read(tmp_path, text)
    assert [c.row for c in found] == [2, 3, 4, 5]
    assert [[p.render().split(": ", 1)[1] for p in c.problems] for c in found] == [
        [],
        ["`3 cells` where the header has 4"],
        ["`5 cells` where the header has 4", "`the sea.` is not a number"],
        [],
    ]
    assert found[2].extra == {"column 5": "5"}


def test_rows_are_counted_as_records(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, HEADER + '1,a,"Describe\n\n\nsoils.",5\n\n,,,\n2,b,Describe air.,ten\n\n')
    assert [c.row for c in found] == [2, 5]
    assert found[1].problems == (
        Problem(catalogue.path, 5, "credits", "ten", "is not a number", found[1].problems[0].hint),
    )
    assert (catalogue.n_rows, catalogue.n_empty_rows) == (5, 3)


def test_repeated_and_blank_names(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, "title,,LO,LO,note,note,\nSoil,x,Describe soils.,Assess soils.,a,b,\n")
    assert catalogue.columns == ["title", "column 2", "LO", "LO (2)", "note", "note (2)", "column 7"]
    assert catalogue.mapping.columns["outcomes"] == ("LO", "LO (2)")
    assert [o.source.field for o in found[0].outcomes if o.source] == ["LO", "LO (2)"]
    assert found[0].extra == {"column 2": "x", "note": "a", "note (2)": "b", "column 7": ""}
    assert [p.column for p in catalogue.problems] == ["LO"]


def test_a_quote_that_never_closes_loses_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{n},Soil {n},Describe soil number {n}.,5\n" for n in range(2, 50))
    found, _ = read(tmp_path, HEADER + '1,"Soil,Describe soils.,5\n' + rows)
    assert len(found) == 49
    assert found[-1].title == "Soil 49"
    assert "never closed" in found[0].problems[0].message


def test_many_open_quotes_end(tmp_path: Path) -> None:
    lines = ['"a" b,c\n', '"open,\n'] * 500 + ['"x\n']
    assert sum(1 for _ in records(lines)) >= 2


def test_a_loose_quote_is_reported(tmp_path: Path) -> None:
    found, _ = read(tmp_path, HEADER + '1,"So""il"s,"Use deep\nthought well.",5\n2,Air,Describe air.,5\n')
    assert len(found) == 2
    assert any("not doubled" in p.message for p in found[0].problems)


def test_huge_cell(tmp_path: Path) -> None:
    found, _ = read(tmp_path, HEADER + f'1,Soil,"short enough",5\n2,Air,N/A,5\n3,Big,A,{"9" * 300_000}\n')
    assert [p.message for p in found[2].problems if p.column == "credits"] == ["is too large for credits"]


@pytest.mark.parametrize(
    ("data", "message"),
    [("", "is empty"), ("\n\n", "is empty"), (",,\n,,\n", "holds no text"), (HEADER, "no rows"),
     (HEADER + "\n\n,,,\n", "no rows")],
)  # fmt: skip
def test_nothing_to_read(tmp_path: Path, data: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        read(tmp_path, data)


def test_title_rows_above_the_header(tmp_path: Path) -> None:
    found, catalogue = read(tmp_path, "Catalogue of 2024,,\n,,\nid,title,outcomes\n1,Soil,Describe soils.\n")
    assert found[0].row == 4
    assert "above the header (row 3)" in catalogue.problems[0].message


def test_gzip(tmp_path: Path) -> None:
    data = (HEADER + "1,Soil,Describe soils.,5\n" * 2000).encode()
    packed = gzip.compress(data)
    found, catalogue = read(tmp_path, packed, "c.csv.gz")
    assert (len(found), catalogue.format) == (2000, "csv")
    assert [c.id for c in found[:2]] == ["1", "1#2"]
    with pytest.raises(CatalogueError, match="cut short or damaged"):
        read(tmp_path, packed[: len(packed) // 2], "d.csv.gz")


def test_tsv_and_unknown_extension(tmp_path: Path) -> None:
    text = "id\ttitle\toutcomes\n1\tSoil\tDescribe, and assess, soils.\n"
    assert read(tmp_path, text, "c.tsv")[1].format == "tsv"
    assert read(tmp_path, text, "c.txt")[1].format == "csv"


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"%PDF-1.4 x", "is a PDF"), (b"<html><table></table>", "web page"), (b"\0\1\2\3" * 100, "not a text file")],
)
def test_what_is_no_catalogue(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        read(tmp_path, data, "c.dat")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    write(tmp_path, HEADER, "courses.csv")
    with pytest.raises(CatalogueError, match="no such file") as caught:
        read_catalogue(tmp_path / "course.csv")
    assert caught.value.hint == "is it `courses.csv`?"
    with pytest.raises(CatalogueError, match="is a folder"):
        read_catalogue(tmp_path)


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_cells_come_back_unchanged(tmp_path: Path, rows: list[tuple[str, str, str]], delimiter: str, end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    found = [cells for cells, _ in records(io.StringIO(text.getvalue(), newline=""), delimiter)]
    assert found == [["a", "b", "c"], *map(list, rows)]
    table = open_table(Source.of(write(tmp_path, text.getvalue())), "csv", frozenset("abc"))
    read_rows = list(table.rows)
    table.close()
    if sniff_delimiter(text.getvalue().splitlines(keepends=True)) == delimiter and table.columns == ["a", "b", "c"]:
        assert [(r.cells["a"], r.cells["b"], r.cells["c"]) for r in read_rows] == rows


words = st.text(st.characters(categories=("L", "N", "P", "Z", "S", "Cc"), exclude_characters="\0"), max_size=120)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, min_size=1, max_size=4))
def test_offsets_hold(tmp_path: Path, texts: list[str]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(["title", "learning outcomes", "x"])
    writer.writerows(["t", text, "x"] for text in texts)
    catalogue = read_catalogue(write(tmp_path, buffer.getvalue()), mapping={"outcomes": "learning outcomes"})
    found = list(catalogue)
    assert [c.row for c in found] == list(range(2, len(texts) + 2))
    for credential, text in zip(found, texts, strict=True):
        assert credential.outcomes or credential.problems
        for outcome in credential.outcomes:
            assert outcome.source is not None and outcome.source.item is None
            part = text[outcome.source.start : outcome.source.end]
            if "<" not in part and "&" not in part:
                assert [c for c in outcome.text if c.isalnum()] == [c for c in part if c.isalnum()]
    assert list(catalogue) == found


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("c.csv", "c.jsonl", "c.json", "c.xlsx", "c.parquet", "c.txt", "c.csv.gz"):
            path = write(Path(folder), b"title,outcomes\n" + data if name == "c.csv" else data, name)
            try:
                catalogue = read_catalogue(path)
                n = sum(1 for _ in catalogue)
            except CatalogueError as error:
                assert str(path) in error.message
            else:
                assert catalogue.n_rows == n + catalogue.n_empty_rows


def test_lowest_and_highest_hours(tmp_path: Path) -> None:
    text = "outcomes,notional_hours_min,notional_hours_max\nDig.,100,120\nDig.,,\nDig.,80,\nDig.,120,100\n"
    found, _ = read(tmp_path, text)
    assert [c.size.notional_hours for c in found] == [(100.0, 120.0), None, (80.0, 80.0), None]
    assert [len(c.problems) for c in found] == [0, 0, 0, 1]


@pytest.mark.parametrize("size", [131_073, 400_000])
def test_a_very_long_cell_near_the_top(tmp_path: Path, size: int) -> None:
    path = tmp_path / "c.csv"
    cell = ("Plan meals.\n" * (size // 12 + 1))[:size]
    path.write_text(f'id,title,outcomes\n1,Food,"{cell}"\n2,Air,Describe air.\n')
    first, second = read_catalogue(path)
    assert len(first.outcomes) > 10_000
    assert [o.text for o in second.outcomes] == ["Describe air."]
