from __future__ import annotations

import json
from pathlib import Path

import pytest

from tagger.catalogue import read_catalogue
from tagger.engine import tag_catalogue
from tagger.tagging import Tagger


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    rows = [
        {"id": "1", "outcomes": ["Treat wastewater before it is reused", "Prove a theorem"], "notes": "n" * 40_000},
        {"id": "2", "outcomes": ["redogöra för och tillämpa vetenskapliga metoder inom vattenrening"]},
        {"id": "3"},
    ]
    path = tmp_path / "c.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n", encoding="utf-8")
    return path


def test_the_numbers_add_up(catalogue: Path, shipped_tagger: Tagger, tmp_path: Path) -> None:
    summary = tag_catalogue(read_catalogue(catalogue), shipped_tagger, [tmp_path / "o.jsonl"])
    assert summary.n_rows == summary.n_credentials + summary.n_empty_rows
    assert (summary.n_credentials, summary.n_without_outcomes) == (3, 1)
    assert (summary.n_outcomes, summary.n_untagged, summary.n_unread) == (3, 1, 1)
    assert sum(n for _, n in summary.problems.values()) == summary.n_problems > 0


def test_what_a_workbook_cuts_is_told(catalogue: Path, shipped_tagger: Tagger, tmp_path: Path) -> None:
    summary = tag_catalogue(read_catalogue(catalogue), shipped_tagger, [tmp_path / "o.xlsx"])
    assert any("it was cut in this workbook" in message for _, message in summary.problems)
