from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagger.catalogue import Catalogue, read_catalogue
from tagger.errors import CatalogueError
from tagger.records import (
    Credential,
    LearningOutcome,
    Level,
    LevelEstimate,
    Size,
    Source,
    TaggedCredential,
    TaggedOutcome,
)

RECORD = {
    "id": "MC-1",
    "title": "Soil",
    "outcomes": ["Describe how soil forms.", "Assess erosion."],
    "credits": 10,
    "credit_system": "ECTS",
    "notional_hours": 250,
    "level": "6",
    "framework": "EQF",
    "jurisdiction": "Malta",
    "provider": "North College",
    "faculty": "Science",
    "language": "en",
}


def write(folder: Path, data: object, name: str = "c.jsonl") -> Path:
    path = folder / name
    if isinstance(data, list) and name.startswith("c.jsonl"):
        data = "".join(json.dumps(record) + "\n" for record in data)
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def read(path: Path, **options: object) -> tuple[list[Credential], Catalogue]:
    catalogue = read_catalogue(path, **options)  # type: ignore[arg-type]
    found = list(catalogue)
    assert catalogue.n_rows == len(found) + catalogue.n_empty_rows
    return found, catalogue


EXPECTED = Credential(
    "MC-1",
    "Soil",
    (
        LearningOutcome("MC-1/1", "Describe how soil forms.", Source("outcomes", 0, 24, 0)),
        LearningOutcome("MC-1/2", "Assess erosion.", Source("outcomes", 0, 15, 1)),
    ),
    "North College",
    "Science",
    "en",
    "Malta",
    Size(10.0, "ECTS", (250.0, 250.0)),
    Level("EQF", "6"),
    1,
)


@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "c.ndjson", "c.unknown"])
def test_own_form(tmp_path: Path, name: str) -> None:
    found, catalogue = read(write(tmp_path, json.dumps(RECORD) + "\n", name))
    assert found == [EXPECTED]
    assert catalogue.format == "jsonl"


@pytest.mark.parametrize(
    "document", [[RECORD], {"courses": [RECORD]}, {"meta": {"n": 1}, "data": {"items": [RECORD]}}, RECORD]
)
@pytest.mark.parametrize("name", ["c.json", "c.json.gz", "c.unknown"])
def test_json_documents(tmp_path: Path, document: object, name: str) -> None:
    if document is RECORD and name == "c.unknown":
        return
    found, catalogue = read(write(tmp_path, json.dumps(document, indent=1), name))
    assert found == [EXPECTED]
    assert catalogue.format == "json"
    assert list(catalogue) == found


def test_bad_lines_do_not_stop_the_others(tmp_path: Path) -> None:
    deep = "[" * 200_000
    lines = [json.dumps(RECORD), "{bad", "", "[1]", '"text"', deep, "{}", "NaN", json.dumps({**RECORD, "id": "MC-2"})]
    found, catalogue = read(write(tmp_path, "\n".join(lines)))
    assert [c.id for c in found] == ["MC-1", "row-2", "row-4", "row-5", "row-6", "row-7", "row-8", "MC-2"]
    assert (catalogue.n_rows, catalogue.n_empty_rows, catalogue.n_unreadable_rows) == (9, 1, 6)
    assert all(c.problems and not c.outcomes for c in found[1:-1])
    assert found[1].problems[0].message.startswith("is not JSON")
    assert found[1].problems[0].row == 2
    assert found[2].problems[0].message == "is not a JSON object"
    assert all(len(p.value or "") <= 80 for c in found for p in c.problems)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.jsonl", "{bad\n{worse\n", "no line is a JSON object"),
        ("c.json", "{bad", "line 1, character 2: is not JSON"),
        ("c.json", "[]", "holds no record"),
        ("c.json", "[1, 2]", "holds no record"),
        ("c.json", "3", "holds one JSON value"),
        ("c.json", '{"a": 1}', "holds no list of records"),
        ("c.json", '{"a": [{"x": 1}], "b": [{"x": 1}]}', "several lists of records: `a`, `b`"),
        ("c.json", "[" * 100_000, "not JSON"),
        ("c.json", "", "is empty"),
        ("c.jsonl", "{}\n", "is JSON|no line is"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        read(write(tmp_path, text, name))


def test_json_lines_in_a_json_file_and_the_other_way_round(tmp_path: Path) -> None:
    two = json.dumps(RECORD) + "\n" + json.dumps({**RECORD, "id": "MC-2"}) + "\n"
    found, catalogue = read(write(tmp_path, two, "c.json"))
    assert len(found) == 2 and "is JSON Lines" in catalogue.problems[0].message
    found, catalogue = read(write(tmp_path, json.dumps([RECORD, RECORD], indent=2), "c.jsonl"))
    assert [c.id for c in found] == ["MC-1", "MC-1#2"]
    assert "is one JSON document" in catalogue.problems[0].message


def test_duplicate_and_missing_ids(tmp_path: Path) -> None:
    plain = {"title": "Soil", "outcomes": ["Describe soils."]}
    found, _ = read(
        write(
            tmp_path,
            [
                {"id": "A", **plain},
                {"id": "A", **plain},
                {"id": "A#2", **plain},
                {"id": " ", **plain},
                {"id": "A", **plain},
            ],
        )
    )
    assert [c.id for c in found] == ["A", "A#2", "A#2#2", "row-4", "A#3"]
    assert [bool(c.problems) for c in found] == [False, True, True, True, True]
    assert found[1].outcomes[0].id == "A#2/1"
    found, _ = read(write(tmp_path, [plain, plain]))
    assert [(c.id, c.problems) for c in found] == [("row-1", ()), ("row-2", ())]


def test_items_with_bullets_objects_and_rubbish(tmp_path: Path) -> None:
    outcomes: list[object] = [
        "• dig a hole\n• fill a hole",
        {"text": "Assess soils."},
        3,
        None,
        "N/A",
        {"x": 1},
        "Plan gardens.",
    ]
    found, _ = read(write(tmp_path, [{"title": "Soil", "outcomes": outcomes}]))
    sources = [(o.text, o.source.item) for o in found[0].outcomes if o.source]
    assert sources == [("dig a hole", 0), ("fill a hole", 0), ("Assess soils.", 1), ("Plan gardens.", 6)]
    for outcome in found[0].outcomes[:2]:
        assert outcome.source is not None
        assert str(outcomes[0])[outcome.source.start : outcome.source.end].strip() == outcome.text
    assert [p.message for p in found[0].problems] == ["is not text", "is not text"]


def test_rows_without_outcomes_do_not_fall_back(tmp_path: Path) -> None:
    rows = [
        {"title": "Soil", "outcomes": ["Describe soils."], "summary": "A course on soil and more."},
        {"title": "Air", "outcomes": [], "summary": "A course on air and more."},
        {"title": "Sea", "summary": "A course on the sea and more."},
    ]
    found, _ = read(write(tmp_path, rows))
    assert [len(c.outcomes) for c in found] == [1, 0, 0]
    assert [[p.message for p in c.problems] for c in found] == [
        [],
        ["gives no learning outcomes"],
        ["gives no learning outcomes"],
    ]
    assert found[1].extra == {"summary": "A course on air and more."}


def test_description_stands_in_when_there_is_no_column(tmp_path: Path) -> None:
    rows = [
        {"title": "Soil", "summary": "Students dig a hole. They fill it again.", "description": "x y z"},
        {"title": "Air", "summary": "N/A", "description": "Students learn to fly a kite in the wind."},
        {"title": "Sea", "summary": "", "description": None},
    ]
    found, _ = read(write(tmp_path, rows))
    assert [[o.is_stated for o in c.outcomes] for c in found] == [[False, False], [False], []]
    assert [o.source.field for o in found[1].outcomes if o.source] == ["description"]
    assert [p.message for p in found[2].problems] == ["gives neither outcomes nor a description"]
    assert found[0].extra == {"summary": rows[0]["summary"], "description": "x y z"}


def test_description_that_the_user_maps_besides_outcomes_is_reported(tmp_path: Path) -> None:
    rows = [{"o": ["Describe soils."], "d": "Students dig a hole."}, {"o": [], "d": "Students dig a hole."}]
    found, _ = read(write(tmp_path, rows), mapping={"outcomes": "o", "description": "d"})
    assert [[o.is_stated for o in c.outcomes] for c in found] == [[True], [False]]
    assert [p.message for p in found[1].problems] == ["gives no learning outcomes"]


def test_other_language_is_hinted_at(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "1", "outcomes_sv": ["Beskriva jord."], "outcomes_en": []},
        {"id": "2", "outcomes_sv": ["Beskriva jord."], "outcomes_en": ["Describe soils."]},
    ]
    found, _ = read(write(tmp_path, rows))
    assert found[0].problems[0].hint == "`outcomes_sv` has some: read the catalogue with language `sv`"
    assert found[1].language == "en"
    assert [len(c.outcomes) for c in read(write(tmp_path, rows), language="sv")[0]] == [1, 1]


def test_nested_records(tmp_path: Path) -> None:
    row = {
        "name": {"en": "Soil", "sv": "Jord"},
        "outcomes": ["Dig."],
        "size": {"credits": 5, "system": "ECTS", "notional_hours": [125, 150]},
        "level": {"framework": "EQF", "stated": "5"},
        "contact": {"mail": {"to": "x"}},
    }
    (one,), catalogue = read(write(tmp_path, [row]))
    assert one.title == "Soil"
    assert one.size == Size(5.0, "ECTS", (125.0, 150.0))
    assert one.level == Level("EQF", "5")
    assert one.extra == {"name.sv": "Jord", "contact.mail.to": "x"}
    assert "name.sv" in catalogue.mapping.unused


def test_columns_that_come_late(tmp_path: Path) -> None:
    rows = [{"title": f"Soil {n}", "outcomes": ["Dig."]} for n in range(60)]
    rows.append({"title": "Late", "outcomes": ["Dig."], "credits": "5 ECTS", "remark": "x"})  # type: ignore[dict-item]
    found, catalogue = read(write(tmp_path, rows))
    assert found[-1].size == Size(5.0, "ECTS")
    assert found[-1].extra == {"remark": "x"}
    assert catalogue.columns == ["title", "outcomes", "credits", "remark"]
    assert "first seen in row 61" in catalogue.mapping.reasons["credits"]
    assert [p.column for p in catalogue.problems] == ["credits"]
    rows = [{"title": f"Soil {n}"} for n in range(70)] + [{"title": "x", "Xo": "Describe soils."}]
    found, _ = read(write(tmp_path, rows), mapping={"outcomes": "Xo"})
    assert [len(c.outcomes) for c in found[-2:]] == [0, 1]


def test_system_hours_and_conflicts(tmp_path: Path) -> None:
    base = {"outcomes": ["Dig."]}
    rows = [
        {**base, "credits": 150, "credit_unit": "hours", "scqf_level": 7},
        {**base, "credits": "10 ECTS", "credit_unit": "CATS", "scqf_level": "EQF 5"},
        {**base, "credits": "15 credits (150 hours)", "credit_unit": "CATS", "hours": 140},
        {**base, "credits": None, "credit_unit": "CATS", "hours": "20 credits"},
        {**base, "credits": float("nan"), "credit_unit": "", "hours": "3 days"},
    ]
    found, _ = read(write(tmp_path, rows))
    assert [c.size for c in found] == [
        Size(None, None, (150.0, 150.0)),
        Size(10.0, "ECTS"),
        Size(15.0, "CATS", (140.0, 140.0)),
        Size(20.0, "CATS"),
        Size(),
    ]
    assert found[0].level == Level("SCQF", "7") and found[1].level == Level("EQF", "5")
    assert [len(c.problems) for c in found] == [0, 1, 1, 0, 1]


def test_defaults_from_toml(tmp_path: Path) -> None:
    toml = tmp_path / "m.toml"
    toml.write_text('[defaults]\nframework="SCQF"\ncredit_system="SCQF"\njurisdiction="uk-scotland"\nlanguage="en"\n')
    rows = [
        {"outcomes": ["Dig."], "credits": 20, "level": 7},
        {"outcomes": ["Dig."], "credits": "5 ECTS", "country": "Malta"},
    ]
    found, _ = read(write(tmp_path, rows), mapping=toml)
    assert (found[0].size.system, found[0].level.framework) == ("SCQF", "SCQF")
    assert [c.jurisdiction for c in found] == ["uk-scotland", "Malta"]
    assert found[1].size.system == "ECTS" and found[1].level == Level()
    assert found[0].language == "en"


def test_half_surrogates(tmp_path: Path) -> None:
    found, _ = read(write(tmp_path, '{"title": "a\\ud800b \\ud83d\\ude00", "outcomes": ["Dig."]}\n'))
    assert found[0].title == "a\ufffdb \U0001f600"
    assert "surrogate" in found[0].problems[0].message


def test_standard_input() -> None:
    data = (json.dumps(RECORD) + "\n").encode() * 100 + b"{bad\n"
    for raw in (data, gzip.compress(data)):
        catalogue = Catalogue("-", stream=io.BytesIO(raw))
        found = list(catalogue)
        assert len(found) == 101 and catalogue.n_rows == 101
        assert found[0] == EXPECTED
        assert found[-1].problems[0].file == "-"
        with pytest.raises(CatalogueError, match="only once"):
            list(catalogue)
    catalogue = Catalogue("-", stream=io.BytesIO(b"title;outcomes\nSoil;Describe soils.\n"), format="csv")
    assert [c.title for c in catalogue] == ["Soil"]
    catalogue = Catalogue("-", stream=io.BytesIO(json.dumps([RECORD]).encode()))
    assert list(catalogue) == [EXPECTED]
    with pytest.raises(CatalogueError, match="is empty"):
        Catalogue("-", stream=io.BytesIO(b""))
    with pytest.raises(CatalogueError, match="cannot be read from standard input"):
        Catalogue("-", stream=io.BytesIO(b"PK\x03\x04"), format="xlsx")


def tagged(identifier: str = "MC-1") -> TaggedCredential:
    credential = Credential(
        identifier,
        "Soil",
        (LearningOutcome(f"{identifier}/1", "Dig.", Source("LO", 3, 7, None), False),),
        "P",
        "F",
        "en",
        "Malta",
        Size(10.0, "ECTS", (250.0, 300.0)),
        Level("EQF", "6", LevelEstimate(6, {"6": 1.0}, "m@1")),
        12,
        (),
        {"Note": "x"},
    )
    return TaggedCredential(credential, tuple(TaggedOutcome(o) for o in credential.outcomes))


def test_own_output_reads_back(tmp_path: Path) -> None:
    records = [tagged().to_dict(), tagged("MC-2").to_dict(), tagged("MC-2").to_dict()]
    found, _ = read(write(tmp_path, records))
    assert found[:2] == [tagged().credential, tagged("MC-2").credential]
    assert (found[2].id, found[2].outcomes[0].id) == ("MC-2#2", "MC-2#2/1")
    assert found[2].problems
    broken = {**tagged().to_dict(), "outcomes": [{"id": "x", "text": "Dig.", "source": {"bad": 1}}]}
    found, _ = read(write(tmp_path, [broken]))
    assert [o.text for o in found[0].outcomes] == ["Dig."]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "title", "outcomes", "credits", "level", "hours", "note", "size", "language"]),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                max_leaves=6,
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_record_is_read_or_refused(tmp_path: Path, records: list[dict[str, object]]) -> None:
    first = {"title": "Soil", "outcomes": ["Describe soils."]}
    found, catalogue = read(write(tmp_path, [first, *records]))
    assert catalogue.n_rows == len(records) + 1
    assert len({c.id for c in found}) == len(found)
    for credential in found:
        assert all(outcome.text for outcome in credential.outcomes)
        json.dumps(TaggedCredential(credential).to_dict(), allow_nan=False)


def test_titles_by_language_and_plain_ones_mixed(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(
        json.dumps(
            [
                {"id": "1", "title": {"en": "A", "sv": "Å"}, "outcomes": ["Plan meals."]},
                {"id": "2", "title": "B", "outcomes": {"en": ["Cook food."]}},
                {"id": "3", "title": {"sv": "C"}, "outcomes": ["Taste wine."]},
            ]
        )
    )
    found = list(read_catalogue(path))
    assert [c.title for c in found] == ["A", "B", "C"]
    assert [[o.text for o in c.outcomes] for c in found] == [["Plan meals."], ["Cook food."], ["Taste wine."]]
    assert [c.extra for c in found] == [{"title.sv": "Å"}, {}, {}]
    assert found[1].outcomes[0].source is not None
    assert found[1].outcomes[0].source.field == "outcomes.en"


def test_an_empty_object_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("{}")
    with pytest.raises(CatalogueError, match="the object is empty"):
        read_catalogue(path)
