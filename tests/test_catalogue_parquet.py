from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tagger.catalogue import read_catalogue
from tagger.errors import CatalogueError
from tagger.records import Level, Size


def save(path: Path, rows: list[dict[str, object]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_plain_and_nested(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "id": 7,
            "title": "Soil",
            "outcomes": ["Describe soils.", "Dig."],
            "size": {"credits": 5.0, "system": "ECTS"},
            "level": {"framework": "EQF", "stated": "5"},
            "price": decimal.Decimal("9.50"),
            "from": datetime.date(2024, 5, 7),
        },
        {"id": 8, "title": "Air", "outcomes": None, "size": None, "level": None, "price": None, "from": None},
    ]
    catalogue = read_catalogue(save(tmp_path / "c.parquet", rows))
    found = list(catalogue)
    assert (catalogue.format, catalogue.n_rows) == ("parquet", 2)
    assert found[0].id == "7" and found[0].row == 1
    assert [o.text for o in found[0].outcomes] == ["Describe soils.", "Dig."]
    assert found[0].size == Size(5.0, "ECTS") and found[0].level == Level("EQF", "5")
    assert found[0].extra == {"price": "9.50", "from": "2024-05-07"}
    assert [p.message for p in found[1].problems] == ["gives no learning outcomes"]
    assert list(catalogue) == found


def test_many_row_groups_stream(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{"title": f"T{n}", "outcomes": "N/A"} for n in range(3_000)])
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=100)
    catalogue = read_catalogue(tmp_path / "c.parquet")
    assert sum(1 for _ in catalogue) == catalogue.n_rows == 3_000


def test_what_cannot_be_read(tmp_path: Path) -> None:
    path = save(tmp_path / "c.parquet", [{"title": "Soil", "outcomes": "Dig."}])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 20])
    with pytest.raises(CatalogueError, match="cannot be read as Parquet"):
        read_catalogue(path)
    path.write_bytes(b"x" * 50)
    with pytest.raises(CatalogueError, match=r"named \.parquet but is not PARQUET"):
        read_catalogue(path)
    pq.write_table(pa.table({"title": pa.array([], pa.string())}), path)
    with pytest.raises(CatalogueError, match="no rows"):
        read_catalogue(path)


def test_own_output_reads_back(tmp_path: Path) -> None:
    from tagger.records import Credential, LearningOutcome, TaggedCredential, TaggedOutcome

    outcome = LearningOutcome("A/1", "Dig.")
    credential = Credential(
        "A", "Soil", (outcome,), size=Size(5.0, "ECTS", (125.0, 150.0)), level=Level("EQF", "5"), row=4
    )
    record = json.loads(json.dumps(TaggedCredential(credential, (TaggedOutcome(outcome),)).to_dict()))
    del record["extra"]
    found = list(read_catalogue(save(tmp_path / "c.parquet", [record])))
    assert found == [credential]
