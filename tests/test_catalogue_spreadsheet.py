from __future__ import annotations

import datetime
import io
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest

from tagger.catalogue import Catalogue, read_catalogue, spreadsheet
from tagger.catalogue.inspect import inspect
from tagger.errors import CatalogueError
from tagger.records import Credential

HEADER = ["id", "title", "learning outcomes", "credits", "level"]
ROW = ["A1", "Soil", "Describe how soil forms.\nAssess erosion.", 10, 5]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def save(path: Path, *sheets: tuple[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def read(path: Path) -> tuple[list[Credential], Catalogue]:
    catalogue = read_catalogue(path)
    found = list(catalogue)
    assert catalogue.n_rows == len(found) + catalogue.n_empty_rows
    return found, catalogue


def rewrite(path: Path, part: str, change: object) -> None:
    """Put other bytes in the place of one part of the archive."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])  # type: ignore[operator]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def by_hand(path: Path, strings: list[str]) -> Path:
    """Write a workbook of two columns as spreadsheet programs do, with a table of shared strings."""
    types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    cells = [f'<c r="{"AB"[n % 2]}{n // 2 + 1}" t="s"><v>{n}</v></c>' for n in range(len(strings))]
    rows = "".join(f'<row r="{n // 2 + 1}">{cells[n]}{cells[n + 1]}</row>' for n in range(0, len(cells), 2))
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{types}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{types}"><sheets><sheet name="S" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="r1" Type="{types}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{types}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
        f'<Relationship Id="r3" Type="{types}/styles" Target="styles.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"/>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si><t>{text}</t></si>" for text in strings)}</sst>',
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_plain(tmp_path: Path) -> None:
    found, catalogue = read(save(tmp_path / "c.xlsx", ("Courses", [HEADER, ROW, ["A2", "Air", "N/A", "ten", None]])))
    assert [c.row for c in found] == [2, 3]
    assert [o.text for o in found[0].outcomes] == ["Describe how soil forms.", "Assess erosion."]
    assert (found[0].size.credits, found[0].level.stated) == (10.0, "5")
    assert [p.message for p in found[1].problems] == ["gives no learning outcomes", "is not a number"]
    assert catalogue.format == "xlsx" and catalogue.encoding is None and catalogue.problems == []
    assert list(catalogue) == found


def test_titles_above_empty_rows_and_other_sheets(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Catalogue 2024"],
        [],
        ["Printed in May", "page 1"],
        HEADER,
        ROW,
        [],
        [],
        ["A2", *ROW[1:]],
    ]
    path = save(tmp_path / "c.xlsx", ("Cover", [["Welcome"]]), ("Courses", rows), ("Lists", [["x"]]))
    found, catalogue = read(path)
    assert [c.row for c in found] == [5, 8]
    assert (catalogue.n_rows, catalogue.n_empty_rows) == (4, 2)
    cover, lists, above = catalogue.problems
    assert cover.message == "sheet `Cover` is not read: it has 1 row, any header included"
    assert "`Lists`" in lists.message
    assert '--sheet "Lists"' in (lists.hint or "")
    assert "above the header (row 4)" in above.message


def test_a_sheet_can_be_chosen(tmp_path: Path) -> None:
    path = save(tmp_path / "c.xlsx", ("Spring", [HEADER, ROW]), ("Autumn", [HEADER, ["A2", *ROW[1:]], [], ROW]))
    save_empty = save(tmp_path / "e.xlsx", ("Spring", [HEADER, ROW]), ("Empty", []))
    assert [p.message for p in read_catalogue(path).problems] == [
        "sheet `Autumn` is not read: it has 3 rows, any header included"
    ]
    autumn = read_catalogue(path, sheet="autumn ")
    assert [c.row for c in autumn] == [2, 4]
    assert "`Spring` is not read: it has 2 rows" in autumn.problems[0].message
    assert inspect(path, sheet="Autumn").n_credentials == 2
    assert read_catalogue(save_empty).problems == []
    with pytest.raises(CatalogueError, match="sheet `Empty`, holds no text"):
        read_catalogue(save_empty, sheet="Empty")
    with pytest.raises(CatalogueError, match="has no sheet `Winter`, expected one of `Spring`, `Autumn`"):
        read_catalogue(path, sheet="Winter")
    flat = tmp_path / "c.csv"
    flat.write_text("title,outcomes\nSoil,Describe soils.\n")
    with pytest.raises(CatalogueError, match="is CSV, which has no sheets"):
        read_catalogue(flat, sheet="Autumn")


def test_rows_of_other_sheets_are_counted_across_pieces(tmp_path: Path) -> None:
    rows = [[f"item {n}", "x" * (n % 97)] for n in range(20_000)]
    path = save(tmp_path / "c.xlsx", ("Courses", [HEADER, ROW]), ("Long", rows))
    assert "it has 20,000 rows" in read_catalogue(path).problems[0].message


def test_types_of_cells(tmp_path: Path) -> None:
    day = datetime.date(2024, 5, 7)
    header: list[object] = [*HEADER, "start", "open", "code no", "rate", "seen"]
    path = save(
        tmp_path / "c.xlsx",
        (
            "S",
            [
                header,
                [
                    12,
                    "Soil",
                    "Describe soils.",
                    "7,5 hp",
                    "FHEQ 7",
                    day,
                    True,
                    3.0,
                    0.25,
                    datetime.datetime(2024, 5, 7, 9, 30),
                ],
                [13, "Air", "Describe air.", day, 7.0],
            ],
        ),
    )
    found, _ = read(path)
    assert found[0].id == "12"
    assert (found[0].size.credits, found[0].size.system) == (7.5, "ECTS")
    assert (found[0].level.framework, found[0].level.stated) == ("FHEQ", "7")
    assert found[0].extra == {
        "start": "2024-05-07",
        "open": "true",
        "code no": "3",
        "rate": "0.25",
        "seen": "2024-05-07T09:30:00",
    }
    assert [p.message for p in found[1].problems] == ["is a date, not a number"]
    assert found[1].level.stated == "7"


def test_formulas_are_never_executed(tmp_path: Path) -> None:
    path = save(tmp_path / "c.xlsx", ("S", [HEADER, ["A1", "Soil", "Describe soils.", "=1+1", '=HYPERLINK("x")']]))
    found, _ = read(path)
    assert [(p.column, p.value, p.message) for p in found[0].problems] == [
        ("credits", "=1+1", "is a formula without a stored value"),
        ("level", '=HYPERLINK("x")', "is a formula without a stored value"),
    ]
    rewrite(
        path,
        SHEET,
        lambda xml: xml.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>").replace(
            b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>"
        ),
    )
    found, _ = read(path)
    assert found[0].size.credits == 2.0
    assert [p.column for p in found[0].problems] == ["level"]


def test_error_cells(tmp_path: Path) -> None:
    found, _ = read(save(tmp_path / "c.xlsx", ("S", [HEADER, ["A1", "Soil", "#REF!", "#N/A", "#VALUE!"]])))
    assert {(p.column, p.message) for p in found[0].problems} == {
        ("learning outcomes", "is a spreadsheet error"),
        ("learning outcomes", "gives no learning outcomes"),
        ("credits", "is a spreadsheet error"),
        ("level", "is a spreadsheet error"),
    }


def test_merged_cells_count_for_each_row(tmp_path: Path) -> None:
    path = tmp_path / "c.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["provider", "title", "outcomes"])
    for n in range(4):
        sheet.append(["North College" if n in (0, 3) else None, f"Soil {n}", "Describe soils."])
    sheet.merge_cells("A2:A4")
    book.save(path)
    found, catalogue = read(path)
    assert [c.provider for c in found] == ["North College"] * 4
    assert catalogue.problems[0].value == "1 merged cell"


def test_rich_text_escapes_and_inline_strings(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "c.xlsx", ["title", "outcomes", "Soil", "Describe soils."])
    assert [c.title for c in read(path)[0]] == ["Soil"]
    rich = b'<r><t>Describe </t></r><r><t>soils_x000D_ now</t></r><rPh sb="0" eb="1"><t>x</t></rPh>'
    rewrite(path, "xl/sharedStrings.xml", lambda xml: xml.replace(b"<t>Soil</t>", rich))
    found, _ = read(path)
    assert found[0].title == "Describe soils now"


def test_absurd_dimensions_do_not_matter(tmp_path: Path) -> None:
    path = save(tmp_path / "c.xlsx", ("S", [HEADER, ROW, ["A2", *ROW[1:]]]))
    rewrite(
        path,
        SHEET,
        lambda xml: (
            xml.replace(b'ref="A1:E3"', b'ref="A1:XFD1048576"')
            .replace(b'"A3"', b'"A1048576"')
            .replace(b'<row r="3"', b'<row r="1048576"')
            .replace(b'3" t=', b'1048576" t=')
        ),
    )
    start = time.perf_counter()
    catalogue = read_catalogue(path)
    found = list(catalogue)
    assert time.perf_counter() - start < 5
    assert [c.row for c in found] == [2, 1_048_576]
    assert catalogue.n_empty_rows == 1_048_573
    for bad in (b'<row r="99999999999"', b'<row r="x"', b'<row r="-4"'):
        rewrite(path, SHEET, lambda xml, bad=bad: xml.replace(b'<row r="1048576"', bad))
        with pytest.raises(CatalogueError, match="cannot be read as XLSX"):
            list(read_catalogue(path))
        rewrite(path, SHEET, lambda xml, bad=bad: xml.replace(bad, b'<row r="1048576"'))
    rewrite(path, SHEET, lambda xml: xml.replace(b'r="B2"', b'r="ZZZZZZZZ2"'))
    with pytest.raises(CatalogueError, match="cannot be read as XLSX"):
        list(read_catalogue(path))


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"])
@pytest.mark.parametrize(
    "declaration",
    [
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd">',
    ],
)
def test_entities_are_refused(tmp_path: Path, part: str, declaration: bytes) -> None:
    path = by_hand(tmp_path / "c.xlsx", ["title", "outcomes", "Soil", "Describe soils."])

    def declare(xml: bytes) -> bytes:
        end = xml.index(b"?>") + 2 if xml.startswith(b"<?xml") else 0
        return xml[:end] + declaration + xml[end:]

    rewrite(path, part, declare)
    with pytest.raises(CatalogueError, match="declares a document type or entities"):
        list(read_catalogue(path))


def test_zip_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "c.xlsx", ("S", [HEADER, ROW]))
    rewrite(path, SHEET, lambda xml: xml + b" " * (80 << 20))
    with pytest.raises(CatalogueError, match="200 times its packed size"):
        read_catalogue(path)
    monkeypatch.setattr(spreadsheet, "MAX_BYTES", 1 << 20)
    with pytest.raises(CatalogueError, match="expected at most"):
        read_catalogue(path)


def test_what_is_not_xlsx(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("content.xml", "<x/>")
    good = save(tmp_path / "good.xlsx", ("S", [HEADER, ROW])).read_bytes()
    for name, data, message, hint in [
        ("c.xlsx", ole + "EncryptedPackage".encode("utf-16-le"), "password-protected", "remove the password"),
        ("c.xls", ole + "Workbook".encode("utf-16-le"), r"old \.xls format", r"save it as \.xlsx"),
        ("c.xlsx", b"id,title\n1,x\n", "is not XLSX", "rename it if it is CSV"),
        ("c.xlsx", other.getvalue(), "OpenDocument", r"\.xlsx or CSV"),
        ("c.xlsx", good[: len(good) // 2], "cannot be read as XLSX", "again"),
    ]:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(CatalogueError, match=message) as caught:
            read_catalogue(path)
        assert caught.value.hint is not None
        import re

        assert re.search(hint, caught.value.hint)


def test_xlsx_under_another_name(tmp_path: Path) -> None:
    path = save(tmp_path / "c.xlsx", ("S", [HEADER, ROW])).rename(tmp_path / "c.csv")
    found, catalogue = read(path)
    assert len(found) == 1 and catalogue.format == "xlsx"
    assert "named .csv but is XLSX" in catalogue.problems[0].message


def test_header_only_and_empty(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no rows"):
        read_catalogue(save(tmp_path / "a.xlsx", ("S", [HEADER])))
    with pytest.raises(CatalogueError, match="holds no text"):
        read_catalogue(save(tmp_path / "b.xlsx", ("S", [])))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_parts_are_refused_not_fatal(tmp_path: Path, seed: int) -> None:
    import random

    path = save(tmp_path / "c.xlsx", ("S", [HEADER, ROW]))
    rng = random.Random(seed)
    with zipfile.ZipFile(path) as archive:
        part = rng.choice(archive.namelist())

    def damage(xml: bytes) -> bytes:
        data = bytearray(xml)
        for _ in range(3):
            data[rng.randrange(len(data))] = rng.choice(b'<>"/0aZ &')
        return bytes(data)

    rewrite(path, part, damage)
    try:
        list(read_catalogue(path))
    except CatalogueError as error:
        assert error.message


def test_speed(tmp_path: Path) -> None:
    rows = [HEADER, *([f"A{n}", "Soil", "N/A", 10, 5] for n in range(5_000))]
    path = save(tmp_path / "c.xlsx", ("S", rows))
    start = time.perf_counter()
    n = sum(1 for _ in read_catalogue(path))
    assert n == 5_000
    assert time.perf_counter() - start < 5
