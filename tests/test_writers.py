"""Writers: what is written comes back, is the same twice, cannot be executed, and is there whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import stat
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.catalogue import flat, open_writer
from tagger.catalogue.writers import CsvWriter, JsonlWriter, JsonWriter, ParquetWriter, TsvWriter, XlsxWriter
from tagger.errors import CatalogueError
from tagger.records import (
    Credential,
    Evidence,
    Finding,
    LearningOutcome,
    Level,
    LevelEstimate,
    Problem,
    Size,
    Source,
    Tag,
    TaggedCredential,
    TaggedOutcome,
)

# Any record ----------------------------------------------------------------------------------------------------------

texts = st.text(max_size=12)
words = st.text(min_size=1, max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
scores = st.floats(0, 1)
whole = st.integers(0, 9_999)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def tuples(strategy: st.SearchStrategy[Any], n: int = 2) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=n).map(tuple)


evidence = st.builds(Evidence, whole, whole, texts)
tags = st.builds(
    Tag,
    st.sampled_from(["sdg", "sdg-targets", "esco", "bloom", "eqf", "own"]),
    texts,
    words,
    texts,
    scores,
    maybe(st.sampled_from(["contributes", "mentions"])),
    tuples(evidence),
    texts,
    maybe(texts),
    tuples(words),
)
sources = st.builds(Source, texts, whole, whole, maybe(whole))
outcomes = st.builds(
    TaggedOutcome,
    st.builds(
        LearningOutcome, words, words, maybe(st.builds(Source, texts, whole, whole, maybe(whole))), st.booleans()
    ),
    tuples(tags, 3),
)
findings = st.builds(
    Finding,
    words,
    st.sampled_from(["info", "amber", "red"]),
    maybe(finite | texts),
    maybe(finite | texts),
    maybe(texts),
    maybe(texts),
    tuples(words),
    texts,
    texts,
)
problems = st.builds(Problem, texts, maybe(whole), maybe(texts), maybe(texts), texts, maybe(texts))
estimates = st.builds(
    LevelEstimate, maybe(st.integers(1, 8)), st.dictionaries(st.sampled_from(list("12345678")), scores), texts
)
credentials = st.builds(
    Credential,
    id=words,
    title=maybe(texts),
    provider=maybe(texts),
    faculty=maybe(texts),
    language=maybe(texts),
    jurisdiction=maybe(texts),
    size=st.builds(Size, maybe(finite), maybe(texts), maybe(st.tuples(finite, finite))),
    level=st.builds(Level, maybe(texts), maybe(texts), maybe(estimates)),
    row=maybe(whole),
    problems=tuples(problems),
    extra=st.dictionaries(texts, texts, max_size=3),
)


@st.composite
def records(draw: st.DrawFn) -> TaggedCredential:
    tagged = draw(tuples(outcomes, 3))
    credential = replace(draw(credentials), outcomes=tuple(o.outcome for o in tagged))
    return TaggedCredential(credential, tagged, draw(tuples(tags)), draw(tuples(findings)), draw(tuples(texts)))


def from_parquet(row: dict[str, Any]) -> TaggedCredential:
    """Undo the flattening that Parquet's fixed schema asks for."""
    row["extra"] = dict(row["extra"])
    if row["level"]["estimated"] is not None:
        row["level"]["estimated"]["distribution"] = dict(row["level"]["estimated"]["distribution"])
    for finding in row["findings"]:
        for name in ("measured", "limit"):
            text = finding.pop(f"{name}_text")
            finding[name] = finding[name] if text is None else text
    for tag in [*row["tags"], *(t for o in row["outcomes"] for t in o["tags"])]:
        tag["outcomes"] = tag["outcomes"] or []
    return TaggedCredential.from_dict(row)


# A plain one ---------------------------------------------------------------------------------------------------------


def plain(n: int = 1, **changes: Any) -> TaggedCredential:
    text = "Design a rainwater harvesting system"
    tag = Tag(
        taxonomy="sdg",
        version="2023",
        concept="http://metadata.un.org/sdg/6",
        label="Clean water and sanitation",
        score=0.91,
        relation="contributes",
        evidence=(Evidence(9, 36, "rainwater harvesting system"),),
        model="sdg@1.0.0",
    )
    target = replace(tag, taxonomy="sdg-targets", concept="http://metadata.un.org/sdg/6.10", label="Later target")
    earlier = replace(target, concept="http://metadata.un.org/sdg/6.4", label="Earlier target")
    mention = replace(tag, concept="http://metadata.un.org/sdg/13", label="Climate action", relation="mentions")
    skill = replace(tag, taxonomy="esco", concept="http://data.europa.eu/esco/skill/x", label="draw", relation=None)
    first = TaggedOutcome(LearningOutcome(f"MC-{n}/1", text), (tag, target, earlier, mention, skill))
    second = TaggedOutcome(LearningOutcome(f"MC-{n}/2", "Reflect on practice"))
    credential = Credential(
        id=f"MC-{n}",
        title="Water at home",
        outcomes=(first.outcome, second.outcome),
        provider="Example University",
        size=Size(10.0, "ECTS", (250.0, 300.0)),
        level=Level("EQF", "6", LevelEstimate(6, {"5": 0.2, "6": 0.7, "7": 0.1}, "eqf@1")),
        row=n + 1,
        problems=(Problem("x.csv", n + 1, "credits", "ten", "is not a number"),),
        extra={"Campus": "North", "Findings": "none of ours"},
    )
    finding = Finding("density", "amber", 10, 8.2, "outcomes", "a norm", (f"MC-{n}/1",), "Many.", "Merge.")
    rolled = tuple(replace(t, evidence=(), outcomes=(f"MC-{n}/1",)) for t in first.tags)
    tagged = TaggedCredential(credential, (first, second), rolled, (finding,), ("size: nothing given",))
    return replace(tagged, credential=replace(credential, **changes))


def with_text(text: str) -> TaggedCredential:
    outcome = LearningOutcome("A/1", text)
    return TaggedCredential(Credential("A", title=text, outcomes=(outcome,)), (TaggedOutcome(outcome),))


def write(kind: Any, path: Path, *items: TaggedCredential) -> Path:
    with kind(path) as writer:
        for item in items:
            writer.write(item)
    return path


def read_csv(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=delimiter))


ALL = [
    (JsonlWriter, "x.jsonl"),
    (JsonWriter, "x.json"),
    (CsvWriter, "x.csv"),
    (TsvWriter, "x.tsv"),
    (XlsxWriter, "x.xlsx"),
    (ParquetWriter, "x.parquet"),
]
every_format = pytest.mark.parametrize(("kind", "name"), ALL, ids=[name for _, name in ALL])


# Round trips ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(items=st.lists(records(), max_size=3))
def test_jsonl_and_json_come_back_equal(items: list[TaggedCredential], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("round")
    lines = write(JsonlWriter, folder / "x.jsonl", *items).read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert [TaggedCredential.from_dict(json.loads(line)) for line in lines] == items
    array = json.loads(write(JsonWriter, folder / "x.json", *items).read_text("utf-8"))
    assert [TaggedCredential.from_dict(record) for record in array] == items


@settings(max_examples=40, deadline=None)
@given(items=st.lists(records(), max_size=3))
def test_parquet_comes_back_equal(items: list[TaggedCredential], tmp_path_factory: Any) -> None:
    path = write(ParquetWriter, tmp_path_factory.mktemp("round") / "x.parquet", *items)
    assert [from_parquet(row) for row in pq.read_table(path).to_pylist()] == items


@settings(max_examples=30, deadline=None)
@given(items=st.lists(records(), max_size=3))
def test_sheets_hold_every_row(items: list[TaggedCredential], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("round")
    n_long = sum(max(1, len(o.tags)) for item in items for o in item.outcomes)
    write(CsvWriter, folder / "x.csv", *items)
    assert len(read_csv(folder / "x.csv")) == len(items)
    assert len(read_csv(folder / "x-tags.csv")) == n_long
    book = openpyxl.load_workbook(write(XlsxWriter, folder / "x.xlsx", *items))
    n_rows = {sheet.title: sheet.max_row - 1 for sheet in book}
    assert n_rows == {
        "credentials": len(items),
        "tags": n_long,
        "findings": sum(len(item.findings) for item in items),
        "problems": sum(len(item.credential.problems) for item in items),
    }
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


def test_wide_and_long_cells(tmp_path: Path) -> None:
    write(CsvWriter, tmp_path / "x.csv", plain())
    assert (tmp_path / "x.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert (tmp_path / "x.csv").read_bytes().count(b"\r\n") == 2
    [wide] = read_csv(tmp_path / "x.csv")
    assert wide["sdg_goals"] == "6"  # 13 is only mentioned
    assert wide["sdg_targets"] == "6.4; 6.10"
    assert (wide["credits"], wide["notional_hours_min"], wide["estimated_eqf_probability"]) == ("10", "250", "0.7")
    assert (wide["n_outcomes"], wide["n_untagged_outcomes"], wide["n_findings_amber"]) == ("2", "1", "1")
    assert (wide["Campus"], wide["Findings (file)"]) == ("North", "none of ours")
    assert wide["problems"] == "`x.csv`, row 2, column `credits`: `ten` is not a number"
    names = list(wide)
    assert names.index("title") < names.index("Campus") < names.index("credits")
    long = read_csv(tmp_path / "x-tags.csv")
    assert [row["code"] for row in long] == ["6", "6.10", "6.4", "13", "x", ""]
    assert long[0]["evidence"] == "rainwater harvesting system"
    assert long[-1]["outcome"] == "Reflect on practice"


def test_unknown_is_an_empty_cell_and_never_zero(tmp_path: Path) -> None:
    [wide] = read_csv(write(CsvWriter, tmp_path / "x.csv", TaggedCredential(Credential("A"))))
    filled = {name: value for name, value in wide.items() if value}
    assert filled == {"id": "A", **{name: "0" for name in wide if name.startswith("n_")}}


def test_columns_that_turn_up_later_are_kept(tmp_path: Path) -> None:
    first, second = plain(1, extra={"a": "1"}), plain(2, extra={"b": "2", "a": "3"})
    rows = read_csv(write(CsvWriter, tmp_path / "x.csv", first, second))
    assert [(row["a"], row["b"]) for row in rows] == [("1", ""), ("3", "2")]


def test_tsv_uses_tabs_and_keeps_line_breaks(tmp_path: Path) -> None:
    write(TsvWriter, tmp_path / "x.tsv", plain())
    [row] = read_csv(tmp_path / "x.tsv", "\t")
    assert row["outcomes"].splitlines() == ["Design a rainwater harvesting system", "Reflect on practice"]
    assert (tmp_path / "x-tags.tsv").exists()


def test_standard_output(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    item = plain(title="Été")
    with JsonlWriter("-") as writer:
        writer.write(item)
    print("still open")
    line, rest = capsysbinary.readouterr().out.split(b"\n", 1)
    assert "Été".encode() in line
    assert TaggedCredential.from_dict(json.loads(line)) == item
    assert rest.strip() == b"still open"


@pytest.mark.parametrize("kind", [CsvWriter, XlsxWriter, ParquetWriter])
def test_formats_that_cannot_stream_say_so(kind: Any) -> None:
    with pytest.raises(CatalogueError, match="standard output"):
        kind("-")


# Cells that spreadsheets would execute -------------------------------------------------------------------------------

DANGEROUS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1+1",
    "\u00a0=1",
    '"=1+1"',
    "'=1",
    "\ufeff=1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+A1",
    "\uff20SUM",
    "- a bullet",
    "-",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_dangerous_cells_get_an_apostrophe(text: str, tmp_path: Path) -> None:
    assert flat.safe_cell(text) == "'" + text
    assert read_csv(write(CsvWriter, tmp_path / "x.csv", with_text(text)))[0]["title"].startswith("'")
    assert read_csv(tmp_path / "x-tags.csv")[0]["outcome"].startswith("'")


@pytest.mark.parametrize("text", ["-3", "-3.5", "+44", "-1,000.5", "-5%", "-1e-3", "1=1", "a-b", "", "5 - 3"])
def test_plain_cells_stay(text: str) -> None:
    assert flat.safe_cell(text) == text


def test_dangerous_headings_too(tmp_path: Path) -> None:
    text = write(CsvWriter, tmp_path / "x.csv", plain(extra={"=cmd": "=cmd"})).read_text("utf-8-sig")
    assert ",=cmd" not in text
    assert text.count(",'=cmd") == 2


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    item = plain(size=Size(-2.5, "ECTS"))
    assert read_csv(write(CsvWriter, tmp_path / "x.csv", item))[0]["credits"] == "-2.5"


@pytest.mark.parametrize("text", [*DANGEROUS, "{=1}", "http://example.org/", "<r><t>x</t></r>", "_x0041_", "12"])
def test_workbook_text_stays_text(text: str, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(XlsxWriter, tmp_path / "x.xlsx", with_text(text)))
    cell = book["credentials"]["B2"]
    assert cell.data_type in ("s", "inlineStr")
    assert str(cell.value).rstrip() == text.replace("\r", "\n").rstrip() or text == "_x0041_"
    assert cell.hyperlink is None


def test_control_characters_and_lone_surrogates(tmp_path: Path) -> None:
    item = with_text("a\x00b\x0bc\ud800d")
    assert read_csv(write(CsvWriter, tmp_path / "x.csv", item))[0]["title"].startswith("abc")
    assert str(openpyxl.load_workbook(write(XlsxWriter, tmp_path / "x.xlsx", item))["tags"]["D2"].value)[:3] == "abc"
    assert pq.read_table(write(ParquetWriter, tmp_path / "x.parquet", item))["title"][0].as_py()[:2] == "a\x00"
    line = write(JsonlWriter, tmp_path / "x.jsonl", item).read_text("utf-8")
    assert TaggedCredential.from_dict(json.loads(line)) == item


# Limits of a workbook ------------------------------------------------------------------------------------------------


def test_a_long_cell_is_cut_marked_and_reported(tmp_path: Path) -> None:
    with XlsxWriter(tmp_path / "x.xlsx") as writer:
        writer.write(with_text("\U0001f30d" * 20_000))  # two UTF-16 units each
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    value = str(book["tags"]["D2"].value)
    assert value.endswith("[cut]")
    assert len(value.encode("utf-16-le")) // 2 <= 32_767
    reported = {(row[0], row[3]) for row in book["problems"].iter_rows(min_row=2, values_only=True)}
    assert reported == {("A", "credential_title"), ("A", "outcome"), ("A", "title"), ("A", "outcomes")}
    assert len(writer.problems) == 4


def test_a_full_sheet_goes_on_in_the_next(tmp_path: Path) -> None:
    writer = XlsxWriter(tmp_path / "x.xlsx")
    writer.max_rows = 4  # the header and three rows
    with writer:
        for n in range(5):
            writer.write(plain(n))
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert {"credentials 2", "tags 10", "findings 2", "problems 2"} <= set(book.sheetnames)
    assert [row[0].value for row in book["credentials 2"].iter_rows()] == ["id", "MC-3", "MC-4"]
    n_tags = sum(book[name].max_row - 1 for name in book.sheetnames if name.startswith("tags"))
    assert n_tags == 30


def test_too_many_columns_for_a_workbook(tmp_path: Path) -> None:
    wide = plain(extra={f"c{i}": "" for i in range(16_384)})
    with pytest.raises(CatalogueError, match="expected at most 16,384"):
        write(XlsxWriter, tmp_path / "x.xlsx", wide)
    assert list(tmp_path.iterdir()) == []


def test_workbook_is_ready_to_work_with(tmp_path: Path) -> None:
    path = write(XlsxWriter, tmp_path / "x.xlsx", plain())
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["credentials", "tags", "findings", "problems"]
    assert book["tags"].freeze_panes == "C2"
    assert book["tags"].auto_filter.ref == "A1:P7"
    assert book["tags"].column_dimensions["D"].width > 50
    assert isinstance(book["tags"]["M2"].value, float)
    assert not [name for name in zipfile.ZipFile(path).namelist() if "vba" in name.lower() or "external" in name]


def test_row_groups(tmp_path: Path) -> None:
    writer = ParquetWriter(tmp_path / "x.parquet")
    writer.n_per_group = 2
    with writer:
        for n in range(5):
            writer.write(plain(n))
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups == 3


# Whole or not at all -------------------------------------------------------------------------------------------------


@every_format
def test_same_input_same_bytes(kind: Any, name: str, tmp_path: Path) -> None:
    items = [plain(n) for n in range(3)]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(kind, tmp_path / folder / name, *items)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / f).iterdir()} for f in "ab")
    assert first == second


@every_format
def test_an_error_leaves_what_was_there(kind: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"before")
    with pytest.raises(RuntimeError), kind(tmp_path / name) as writer:
        writer.write(plain())
        raise RuntimeError("midway")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"before"


@every_format
def test_nothing_is_in_place_before_the_end(kind: Any, name: str, tmp_path: Path) -> None:
    with kind(tmp_path / name) as writer:
        writer.write(plain())
        assert not (tmp_path / name).exists()
    assert (tmp_path / name).exists()
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".tmp"]


@every_format
def test_an_empty_catalogue_is_a_readable_file(kind: Any, name: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path / name)
    if name.endswith(".xlsx"):
        assert openpyxl.load_workbook(path)["credentials"].max_row == 1
    elif name.endswith(".parquet"):
        assert pq.read_table(path).num_rows == 0
    elif name.endswith(".json"):
        assert json.loads(path.read_text("utf-8")) == []
    else:
        assert len(path.read_text("utf-8").splitlines()) == (0 if name.endswith("jsonl") else 1)


@every_format
def test_errors_name_the_file(kind: Any, name: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=rf"missing.{name}`: cannot write"), kind(tmp_path / "missing" / name):
        pass
    with pytest.raises(CatalogueError, match="is a folder"), kind(tmp_path):
        pass
    with pytest.raises(ValueError, match="needs `with"):
        kind(tmp_path / name).write(plain())


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="credential `MC-1`: a value is not a finite number"):
        write(JsonlWriter, tmp_path / "x.jsonl", plain(size=Size(float("nan"))))
    assert list(tmp_path.iterdir()) == []


def test_links_and_permissions_are_respected(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("before")
    (tmp_path / "real.jsonl").chmod(0o640)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    write(JsonlWriter, tmp_path / "link.jsonl", plain())
    assert (tmp_path / "link.jsonl").is_symlink()
    assert json.loads((tmp_path / "real.jsonl").read_text("utf-8"))["id"] == "MC-1"
    assert stat.S_IMODE((tmp_path / "real.jsonl").stat().st_mode) == 0o640


# Names that end in .gz, and what will be put in place -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["o.jsonl", "o.json", "o.csv", "o.tsv"])
def test_a_name_in_gz_is_compressed_the_same_twice(tmp_path: Path, name: str) -> None:
    tagged = TaggedCredential(Credential("MC-1", title="Café"))
    written = []
    for target in (tmp_path / name, tmp_path / f"{name}.gz", tmp_path / "b" / f"{name}.gz"):
        target.parent.mkdir(exist_ok=True)
        with open_writer(target) as writer:
            paths = writer.paths
            writer.write(tagged)
        assert all(Path(path).is_file() for path in paths)
        written.append([Path(path).read_bytes() for path in paths])
    plain, packed, again = written
    assert packed == again
    assert [gzip.decompress(data) for data in packed] == plain


def test_paths_are_all_that_appears(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.json", "c.csv", "d.tsv", "e.csv.gz", "f.v2.csv", "g.xlsx", "h.parquet"):
        folder = tmp_path / name
        folder.mkdir()
        writer = open_writer(folder / name)
        paths = writer.paths
        with writer:
            writer.write(TaggedCredential(Credential("MC-1")))
        assert sorted(paths) == sorted(str(path) for path in folder.iterdir())
    assert open_writer("-").paths == ()
    assert open_writer("x/e.csv.gz").paths == (str(Path("x/e.csv.gz")), str(Path("x/e-tags.csv.gz")))


@pytest.mark.parametrize("name", ["o.xlsx.gz", "o.parquet.gz"])
def test_what_is_compressed_already_is_not_written_as_gz(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogueError, match=r"not written as \.gz"):
        open_writer(tmp_path / name)
