from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tagger.corrections import Correction
from tagger.errors import TaggerError
from tagger.taxonomy import load_taxonomy
from tagger.train.labels import Example, from_corrections, judgements, merge, read_examples

SDG = load_taxonomy("sdg")
IRI = "http://metadata.un.org/sdg/{}"


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        from openpyxl import Workbook

        book = Workbook()
        book.active.append(list(rows[0]))
        for row in rows:
            book.active.append(list(row.values()))
        book.save(path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_the_same_labels_are_read_from_every_format(ending: str, tmp_path: Path) -> None:
    rows = [
        {"course": "A", "outcome": "Treat wastewater before reuse", "goals": "6; SDG 12"},
        {"course": "A", "outcome": "Count to ten", "goals": ""},
        {"course": "B", "outcome": "Install solar panels", "goals": "Affordable and clean energy"},
    ]
    found = read_examples(written(tmp_path / f"labels{ending}", rows), SDG)
    assert [dict(e.judged) for e in found] == [{5: 1, 11: 1}, {}, {6: 1}]
    assert [e.group for e in found] == ["A", "A", "B"]
    assert all(e.is_complete and e.source == "labels" for e in found)


@pytest.mark.parametrize(
    "cell", ["6", 6, 6.0, "SDG 6", "goal 6", IRI.format(6), "Clean water and sanitation", ["6"], [6]]
)
def test_a_concept_has_many_names(cell: object, tmp_path: Path) -> None:
    [found] = read_examples(written(tmp_path / "l.jsonl", [{"text": "Treat wastewater", "sdg": cell}]), SDG)
    assert dict(found.judged) == {5: 1}


def test_columns_of_concepts_may_leave_some_unknown(tmp_path: Path) -> None:
    rows = [{"text": "Treat wastewater", "SDG 6": "1", "SDG 7": "0", "SDG 8": ""}]
    [found] = read_examples(written(tmp_path / "l.csv", rows), SDG)
    assert dict(found.judged) == {5: 1, 6: 0} and not found.is_complete


def test_partial_labels_say_nothing_of_the_rest(tmp_path: Path) -> None:
    rows = [{"text": "Treat wastewater", "labels": "6"}, {"text": "Count", "labels": ""}]
    [found] = read_examples(written(tmp_path / "l.csv", rows), SDG, is_partial=True)
    assert not found.is_complete


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    rows = [{"what": "Treat wastewater", "which": "6", "faculty": "Engineering"}]
    path = written(tmp_path / "l.csv", rows)
    [found] = read_examples(path, SDG, mapping={"text": "what", "labels": "which", "source": "Faculty"})
    assert found.source == "Engineering"
    with pytest.raises(TaggerError, match=r"no column `who` for text; found `what`, `which`, `faculty`"):
        read_examples(path, SDG, mapping={"text": "who"})


def test_a_missing_column_is_named_with_what_was_expected_and_found(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", [{"sentence": "Treat wastewater", "colour": "6"}])
    with pytest.raises(TaggerError, match=r"no column for labels; expected one of `sdg`.*found `sentence`, `colour`"):
        read_examples(path, SDG)


def test_a_label_that_is_no_concept_is_named_with_its_row(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", [{"text": "a", "sdg": "6"}, {"text": "b", "sdg": "6; 18"}])
    with pytest.raises(TaggerError, match=r"row 3, column `sdg`: `18` is no concept of taxonomy `sdg` 2017"):
        read_examples(path, SDG)


def test_levels_go_through_the_crosswalk(tmp_path: Path) -> None:
    rows = [
        {"text": "Analyse", "framework": "FHEQ", "level": "7"},
        {"text": "List", "framework": "", "level": "4"},
        {"text": "Do", "framework": "", "level": "EQF 3"},
    ]
    found = read_examples(written(tmp_path / "l.csv", rows), load_taxonomy("eqf"))
    assert [dict(e.judged) for e in found] == [{6: 1}, {3: 1}, {2: 1}]


def test_learner_boilerplate_is_not_read(tmp_path: Path) -> None:
    rows = [{"text": "On completion, learners will be able to treat wastewater", "sdg": "6"}]
    [found] = read_examples(written(tmp_path / "l.csv", rows), SDG)
    assert found.text == "treat wastewater"


def test_corrections_judge_only_what_was_reviewed() -> None:
    lines = [
        Correction("Treat wastewater", "sdg", "add", IRI.format(6), credential="A"),
        Correction("Treat wastewater", "sdg", "reject", IRI.format(13), credential="A"),
        Correction("Count to ten", "sdg", "accept", None),
        Correction("Count to ten", "bloom", "reject", "x"),
    ]
    found = from_corrections(lines, SDG)
    assert [(dict(e.judged), e.is_complete) for e in found] == [({5: 1.0, 12: 0.0}, False), ({}, True)]
    matrix = judgements(found, 17)
    assert matrix[0, 5] == 1 and matrix[0, 12] == 0 and sum(matrix[0] != matrix[0]) == 15 and not matrix[1].any()


def test_corrections_overrule_labels_of_the_same_text() -> None:
    labelled = [Example("Treat wastewater", {5: 1.0, 11: 1.0}, True, "A"), Example("Count", {}, True, "B")]
    corrected = [Example("treat  wastewater", {11: 0.0}, False, "C"), Example("New", {1: 1.0}, False, "D")]
    found = merge(labelled, corrected)
    assert [(e.text, dict(e.judged), e.is_complete, e.group) for e in found] == [
        ("Treat wastewater", {5: 1.0, 11: 0.0}, True, "A"),
        ("Count", {}, True, "B"),
        ("New", {1: 1.0}, False, "D"),
    ]


def test_copies_of_a_text_are_in_one_group() -> None:
    found = merge([Example("a", {}, True, "one"), Example("A", {}, True, "two")], [])
    assert [e.group for e in found] == ["one", "one"]
