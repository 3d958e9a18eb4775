from __future__ import annotations

import importlib
import os
import time
import tracemalloc
from pathlib import Path

import pytest

from tagger.catalogue import READERS, WRITERS, open_writer, read_catalogue
from tagger.catalogue.inspect import inspect
from tagger.errors import CatalogueError

SHARED = Path(os.environ.get("TAGGER_SHARED", Path(__file__).parents[2] / "shared")) / "data" / "catalogues"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real catalogues are not beside the checkout")


def test_summary(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "id,title,outcomes,credits,level,colour\n"
        '1,Soil,"Describe soils.\nAssess erosion.",10 ECTS,FHEQ 7,red\n'
        "2,Air,Describe air.,ten,7,red\n"
        "\n"
        "3,Sea,N/A,20,,blue\n"
        "4,Sun,Describe the sun.,twenty,,\n"
        "5,Moon,Describe the moon.,150 hours,,\n"
        "6,Mars,Describe Mars.,many,,\n"
        "7,Venus,Describe Venus.,lots,,\n"
    )
    summary = inspect(path)
    assert (summary.format, summary.encoding) == ("csv", "utf-8")
    assert summary.columns == ("id", "title", "outcomes", "credits", "level", "colour")
    assert summary.mapping.unused == ("colour",)
    assert (summary.n_rows, summary.n_empty_rows, summary.n_credentials, summary.n_unreadable_rows) == (8, 1, 7, 0)
    assert (summary.n_with_outcomes, summary.n_without_outcomes) == (6, 1)
    assert (summary.n_outcomes, summary.n_stated_outcomes) == (7, 7)
    assert summary.outcomes_per_credential == (1.0, 1.0, 2.0)
    assert summary.sizes == {"ECTS": 1, "": 1}
    assert (summary.n_with_hours, summary.n_without_size) == (1, 4)
    assert summary.levels == {"FHEQ": {"7": 1}, "": {"7": 1}}
    assert summary.n_without_level == 5
    first, second = summary.problems
    assert (first.column, first.message, first.count) == ("credits", "is not a number", 4)
    assert [p.row for p in first.first] == [3, 6, 8]
    assert (second.column, second.count) == ("outcomes", 1)
    assert summary.n_problems == 5
    assert inspect(read_catalogue(path)) == summary


def test_tables_name_what_exists() -> None:
    for entry in {**READERS, **WRITERS}.values():
        module, _, name = entry.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_writers_by_extension(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.csv", "a.tsv", "a.xlsx", "a.parquet", "a.json", "-"):
        assert type(open_writer(name if name == "-" else tmp_path / name)).__name__.endswith("Writer")
    with pytest.raises(CatalogueError, match="cannot be written"):
        open_writer(tmp_path / "a.doc")
    with pytest.raises(CatalogueError, match="format `doc` cannot be written"):
        open_writer(tmp_path / "a.csv", "doc")
    with pytest.raises(CatalogueError, match="expected one of"):
        read_catalogue(tmp_path / "a.csv", format="doc") if (tmp_path / "a.csv").write_text("x") else None


def test_memory_does_not_grow_and_reading_is_fast(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    with path.open("w") as file:
        file.write("title,outcomes,credits,text\n")
        for n in range(8_000):
            file.write(f"T{n},N/A,10 ECTS,{'x' * 1_000}\n")
    start = time.perf_counter()
    assert sum(1 for _ in read_catalogue(path)) == 8_000
    assert time.perf_counter() - start < 4
    catalogue = read_catalogue(path)
    tracemalloc.start()
    for _ in catalogue:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


@shared
@pytest.mark.parametrize(
    ("name", "language", "n_rows", "outcomes", "n_least"),
    [
        ("ie_module_descriptors_48.csv", "en", 48, ("Learning_Outcomes",), 37),
        ("edinburgh_drps_2024_25.jsonl.gz", "en", 5_344, ("summary", "description"), 5_300),
        ("miun_sweden.jsonl.gz", "en", 3_552, ("outcomes_en",), 800),
        ("miun_sweden.jsonl.gz", "sv", 3_552, ("outcomes_sv",), 3_500),
    ],
)
def test_real_catalogues(
    name: str, language: str, n_rows: int, outcomes: tuple[str, ...], n_least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tagger.text

    # What is tested here is reading: one outcome a line is enough, and quick.
    def lines(cell: str, language: str = "en") -> list[tagger.text.Span]:
        spans, at = [], 0
        for line in cell.split("\n"):
            if line.strip():
                spans.append(tagger.text.Span(at, at + len(line), line.strip()))
            at += len(line) + 1
        return spans

    monkeypatch.setattr(tagger.text, "split_outcomes", lines)
    monkeypatch.setattr(tagger.text, "split_sentences", lines)
    catalogue = read_catalogue(SHARED / name, language=language)
    ids = set()
    n_with = 0
    for credential in catalogue:
        ids.add(credential.id)
        n_with += bool(credential.outcomes)
        assert credential.outcomes or credential.problems
        assert credential.title
        assert credential.size.credits is not None or any(p.column == "credits" for p in credential.problems)
    assert catalogue.n_rows == n_rows == len(ids)
    assert catalogue.n_empty_rows == catalogue.n_unreadable_rows == 0
    assert catalogue.problems == []
    field = "description" if name.startswith("edinburgh") else "outcomes"
    assert catalogue.mapping.columns[field] == outcomes
    assert n_with >= n_least


def test_levels_are_told_from_their_counts(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    levels = ["EQF 5", "EQF 7", "EQF 5", "EQF Masters"]
    path.write_text("title,outcomes,level\n" + "".join(f"T{n},Plan meals.,{level}\n" for n, level in enumerate(levels)))
    assert "EQF: level 5 ×2, level 7 ×1, Masters ×1" in inspect(path).render()
