"""Concepts of earlier versions: replaced by their successors, with a note; guesses only when asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tagger.corrections import read_corrections
from tagger.errors import TaxonomyError
from tagger.importers import import_taxonomy
from tagger.migrate import HOW, migrate_file, retired_concepts
from tagger.taxonomy import Taxonomy, load_taxonomy

OLD = "https://x.org/old/"


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    (tmp_path / "t.csv").write_text("id,label\nhttps://x.org/1,Sail\nhttps://x.org/2,Row\n", encoding="utf-8")
    found = import_taxonomy(tmp_path / "t.csv", tmp_path / "t", version="2")
    rows = f"{OLD}1,Sailing,https://x.org/1,alternative label\n{OLD}2,Rowing,https://x.org/2,nearest\n{OLD}3,Fly,,\n"
    (found.path / "retired.csv").write_text("id,label,successor,how\n" + rows, encoding="utf-8")
    return found


def test_tags_are_migrated_with_a_note(taxonomy: Taxonomy, tmp_path: Path) -> None:
    record = {
        "id": "A",
        "tags": [
            {"taxonomy": "t", "version": "1", "concept": f"{OLD}{n}", "label": "as it was", "score": 0.9}
            for n in (1, 2, 3)
        ],
    }
    source, target = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    source.write_text(json.dumps(record) + "\n", encoding="utf-8")
    done = migrate_file(source, target, taxonomy)
    sail, row, fly = json.loads(target.read_text(encoding="utf-8"))["tags"]
    assert (sail["concept"], sail["label"], sail["version"], sail["score"]) == ("https://x.org/1", "Sail", "2", 0.9)
    assert sail["migrated"] == {"from": f"{OLD}1", "how": "alternative label", "version": "1", "label": "as it was"}
    assert row == record["tags"][1] and fly == record["tags"][2]
    assert dict(done.changed) == {"alternative label": 1} and set(done.lost) == {f"{OLD}2", f"{OLD}3"}
    done = migrate_file(source, target, taxonomy, guesses=True)
    assert json.loads(target.read_text(encoding="utf-8"))["tags"][1]["concept"] == "https://x.org/2"
    assert set(done.lost) == {f"{OLD}3"}


def test_migrated_corrections_can_be_read(taxonomy: Taxonomy, tmp_path: Path) -> None:
    line = {"text": "Sail a dinghy", "taxonomy": "t", "concept": f"{OLD}1", "decision": "add", "version": "1"}
    (tmp_path / "c.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    migrate_file(tmp_path / "c.jsonl", tmp_path / "d.jsonl", taxonomy)
    [correction] = read_corrections(tmp_path / "d.jsonl")
    assert (correction.concept, correction.version) == ("https://x.org/1", "2")
    assert correction.source["migrated"]["from"] == f"{OLD}1"


def test_a_table_gets_a_column_that_says_what_was_replaced(taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(f"text,labels\nSail a dinghy,{OLD}1\nRow,x\n", encoding="utf-8")
    migrate_file(tmp_path / "l.csv", tmp_path / "m.csv", taxonomy)
    assert (tmp_path / "m.csv").read_text(encoding="utf-8").splitlines() == [
        "text,labels,migrated",
        f"Sail a dinghy,https://x.org/1,{OLD}1 (alternative label)",
        "Row,x,",
    ]


def test_errors_name_the_row(taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text("{}\n{\n", encoding="utf-8")
    with pytest.raises(TaxonomyError, match="row 2: not JSON"):
        migrate_file(tmp_path / "c.jsonl", tmp_path / "d.jsonl", taxonomy)
    with pytest.raises(TaxonomyError, match="is the file itself"):
        migrate_file(tmp_path / "c.jsonl", tmp_path / "c.jsonl", taxonomy)
    (taxonomy.path / "retired.csv").write_text(f"id,label,successor,how\n{OLD}1,S,https://x.org/9,label\n")
    with pytest.raises(TaxonomyError, match=r"row 2, column `successor`: `https://x.org/9` is no concept"):
        retired_concepts(taxonomy)


def test_the_retired_concepts_of_esco_have_known_successors() -> None:
    retired = retired_concepts(load_taxonomy("esco"))
    assert len(retired) > 190
    assert {r.how for r in retired.values()} <= {*HOW, None}
    assert sum(r.how in ("label", "alternative label") for r in retired.values()) > 20
