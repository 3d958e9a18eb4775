from __future__ import annotations

from pathlib import Path

import pytest

from tagger.catalogue import read_catalogue
from tagger.catalogue.columns import ColumnMapping, UserMapping, recognise
from tagger.catalogue.names import find_header, score_header
from tagger.errors import CatalogueError

OUTCOME = "Describe how soil forms and how it is lost."


def guess(columns: dict[str, list[object]], language: str = "en", **user: str | list[str]) -> ColumnMapping:
    n = max(len(values) for values in columns.values())
    rows = [{name: values[row] for name, values in columns.items() if row < len(values)} for row in range(n)]
    return recognise(list(columns), rows, UserMapping.of(user), language=language)


@pytest.mark.parametrize(
    ("field", "column", "values"),
    [
        ("title", "Course Title", ["Soil"]),
        ("title", "Name", ["Soil"]),
        ("title", "Module", ["Soil science for all"]),
        ("id", "Module", ["SOIL101"]),
        ("id", "Course code", ["SOIL101"]),
        ("id", "courseId", ["17"]),
        ("credits", "ECTS", [5]),
        ("credits", "Credit value", ["15"]),
        ("credits", "Credit points", ["15"]),
        ("credits", "UK credits", ["15"]),
        ("credits", "credits_ects", ["5"]),
        ("hours", "Notional hours", [100]),
        ("hours", "total_hours", [100]),
        ("hours", "Learning hours", [100]),
        ("hours", "Workload (h)", [100]),
        ("hours", "SLT", [100]),
        ("hours", "Duration", ["20 hours"]),
        ("level", "Level", ["Intermediate"]),
        ("level", "FHEQ level", [7]),
        ("level", "scqf_level", [7]),
        ("level", "EQF", [5]),
        ("framework", "Framework", ["EQF"]),
        ("credit_system", "credit_unit", ["ECTS"]),
        ("jurisdiction", "Country", ["Malta"]),
        ("jurisdiction", "Region", ["Wales"]),
        ("provider", "Awarding body", ["A University"]),
        ("provider", "Institution", ["A University"]),
        ("faculty", "School", ["Law"]),
        ("faculty", "Department", ["Law"]),
        ("language", "Language of instruction", ["en"]),
    ],
)
def test_usual_names(field: str, column: str, values: list[object]) -> None:
    mapping = guess({column: values, "Learning outcomes": [OUTCOME]})
    assert mapping.columns[field] == (column,)
    assert mapping.reasons[field]


@pytest.mark.parametrize(
    "column",
    [
        "Outcomes",
        "Learning_Outcomes",
        "LOs",
        "ILOs",
        "Intended Learning Outcomes",
        "learningOutcomes",
        "Learning objectives",
        "What you will learn",
        "Course Learning Outcomes",
        "MLOs",
        "Objectives",
    ],
)
def test_usual_names_of_outcomes(column: str) -> None:
    assert guess({"Title": ["Soil"], column: [OUTCOME]}).columns["outcomes"] == (column,)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("Number of learning outcomes", [6]),
        ("Outcomes", [6, 7]),
        ("Outcome", ["Approved", "Rejected"] * 10),
        ("Outcome type", ["Knowledge"]),
    ],
)
def test_what_only_looks_like_outcomes(column: str, values: list[object]) -> None:
    mapping = guess({"Title": ["Soil"], column: values, "Summary": ["All about the soil under our feet."]})
    assert "outcomes" not in mapping.columns
    assert column in mapping.unused


def test_contact_hours_are_not_notional() -> None:
    mapping = guess({"Contact hours": [20], "Guided learning hours": [30], "Outcomes": [OUTCOME]})
    assert "hours" not in mapping.columns


def test_names_imply_system_and_framework() -> None:
    mapping = guess({"scqf_level": [7], "ECTS": [5], "Outcomes": [OUTCOME]})
    assert mapping.implied == {"framework": "SCQF", "credit_system": "ECTS"}


def test_level_with_framework_beats_a_label() -> None:
    mapping = guess({"level_label": ["GR"], "eqf_level": [6], "Outcomes": [OUTCOME]})
    assert mapping.columns["level"] == ("eqf_level",)
    assert "level_label" in mapping.unused


@pytest.mark.parametrize("pattern", ["outcome_{}", "LO{}", "Learning Outcome {}", "LO {} text", "lo{}_en"])
def test_numbered_columns_in_numeric_order(pattern: str) -> None:
    columns = {pattern.format(n): [OUTCOME] for n in (10, 2, 1, 9)}
    found = guess({"Title": ["Soil"], **columns}).columns["outcomes"]
    assert found == tuple(pattern.format(n) for n in (1, 2, 9, 10))


def test_language_of_columns() -> None:
    columns: dict[str, list[object]] = {
        "raw_en": ["Text"],
        "raw_sv": ["Text"],
        "outcomes_sv": [["Beskriva jord"]],
        "outcomes_en": [[]],
    }
    english = guess(columns)
    assert english.columns["outcomes"] == ("outcomes_en",)
    assert english.implied["language"] == "en"
    assert "language asked for" in english.reasons["outcomes"] and "sv" in english.reasons["outcomes"]
    assert guess(columns, "sv").columns["outcomes"] == ("outcomes_sv",)
    german = guess({"outcomes_sv": columns["outcomes_sv"]}, "de")
    assert german.columns["outcomes"] == ("outcomes_sv",)
    assert "no column in de" in german.reasons["outcomes"]


def test_aims_are_outcomes_only_when_they_are_lists() -> None:
    prose = guess({"Title": ["Soil"], "Aims": ["This course gives an introduction to soils."]})
    assert "outcomes" not in prose.columns and prose.columns["description"] == ("Aims",)
    listed = guess({"Title": ["Soil"], "Aims": ["- dig\n- plant\n- water"]})
    assert listed.columns["outcomes"] == ("Aims",)


def test_summary_goes_before_description() -> None:
    text: list[object] = ["A text about soil."]
    mapping = guess({"Title": ["Soil"], "description": text, "Course content": text, "summary": text})
    assert mapping.columns["description"] == ("summary", "description")
    assert "no column of outcomes" in mapping.reasons["description"]


def test_knowledge_skills_competence() -> None:
    prose: list[object] = ["Knows how soil forms."]
    mapping = guess({"Title": ["Soil"], "Knowledge": prose, "Skills": prose, "Competence": prose})
    assert mapping.columns["outcomes"] == ("Knowledge", "Skills", "Competence")


def test_the_user_overrules() -> None:
    columns: dict[str, list[object]] = {
        "Title": ["Soil"],
        "Learning outcomes": [OUTCOME],
        "Col X": [OUTCOME],
        "LO": ["x"],
    }
    mapping = guess(columns, outcomes=["col x", "LO"], title="")
    assert mapping.columns["outcomes"] == ("Col X", "LO")
    assert "title" not in mapping.columns
    assert mapping.reasons["outcomes"] == "as you said"
    assert "Title" in mapping.unused


def test_a_mapped_column_that_is_not_there() -> None:
    with pytest.raises(CatalogueError, match=r"has no column `Outcoms`.*found `Title`, `Outcomes`") as caught:
        guess({"Title": ["Soil"], "Outcomes": [OUTCOME]}, outcomes="Outcoms")
    assert caught.value.hint == "did you mean `Outcomes`?"


def test_nothing_recognised() -> None:
    with pytest.raises(CatalogueError, match="found `A`, `B`") as caught:
        guess({"A": ["1"], "B": ["2"]})
    assert caught.value.hint is not None and "mapping" in caught.value.hint


def test_toml_mapping(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(
        '[columns]\noutcomes = ["A", "B"]\ntitle = "T"\n[defaults]\nframework = "scqf"\ncredit_system = "CATS points"\n'
    )
    user = UserMapping.of(path)
    assert user.columns == {"outcomes": ("A", "B"), "title": ("T",)}
    assert user.defaults == {"framework": "SCQF", "credit_system": "CATS"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[columns]\noutcome = "A"\n', "`outcome` is not a field"),
        ("[columns]\ntitle = 3\n", "must be a column name"),
        ('[columns]\ntitle = ["A", "B"]\n', "expected one"),
        ("[column]\n", "is not a table of a mapping"),
        ("not toml", "is not TOML"),
        ('[defaults]\ntitle = "A"\n', "`title` is not a field"),
    ],
)
def test_bad_toml_mapping(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=message):
        UserMapping.of(path)


def test_header_below_titles() -> None:
    rows = [["Catalogue 2024", ""], ["", ""], ["Title", "Learning outcomes"], ["Soil", OUTCOME]]
    assert find_header(rows) == 2
    assert find_header(rows[2:]) == 0
    assert find_header([["x", "y"], ["a", "b"]]) == 0
    assert find_header([["x", "y"], ["My col", "b"]], frozenset({"My col"})) in (0, 1)
    assert score_header(["Soil", OUTCOME]) == 0.0


def test_lowest_and_highest_hours() -> None:
    columns: dict[str, list[object]] = {"notional_hours_min": [100], "notional_hours_max": [120], "Outcomes": [OUTCOME]}
    assert guess(columns).columns["hours"] == ("notional_hours_min", "notional_hours_max")
    assert "hours" not in guess({"notional_hours_min": [100], "Outcomes": [OUTCOME]}).columns


def test_a_column_named_outcomes_may_repeat_itself(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,title,outcomes\n" + "".join(f"{n},t,Plan meals\n" for n in range(12)))
    assert read_catalogue(path).mapping.columns["outcomes"] == ("outcomes",)


def test_only_a_close_name_is_suggested(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("code,outcomes\n1,Plan meals\n")
    for name, hint in (("nope", "name one of these columns"), ("outcome text", "did you mean")):
        with pytest.raises(CatalogueError) as caught:
            read_catalogue(path, mapping={"outcomes": name})
        assert hint in (caught.value.hint or "")
