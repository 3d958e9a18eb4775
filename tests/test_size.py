"""The size rules: a truth table that holds exactly, and what is said when nothing can be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger import size
from tagger.programme_parts import programme_part
from tagger.records import Credential, Level, Size


def credential(
    credits: Any = None,
    *,
    place: Any = None,
    framework: Any = None,
    level: Any = None,
    system: Any = None,
    hours: Any = None,
) -> Credential:
    return Credential(
        "x", jurisdiction=place, size=Size(credits, system, hours), level=Level(framework=framework, stated=level)
    )


def found(c: Credential) -> dict[str, str]:
    return {f.rule: f.severity for f in size.check(c)[0]}


HOURS = (100.0, 100.0), (150.0, 150.0), (99.0, 99.0), (151.0, 151.0)
CMF = "Common Microcredential Framework"
OFS = "OfS HE short course trial"

TRUTH = [
    (credential(60, framework="FHEQ", level="6"), {"size-award-exists": "info"}),
    (credential(60, framework="SCQF", level="10"), {"size-award-exists": "info"}),
    (credential(60, framework="FQHEIS", level="Level 10"), {"size-award-exists": "info"}),
    (credential(30, framework="FHEQ", level="6"), {}),
    (credential(60, framework="FHEQ", level="7"), {"size-award": "red"}),
    (credential(60, framework="FHEQ", level="FHEQ level 7", system="UK credits"), {"size-award": "red"}),
    (credential(60, framework="FQHEIS", level="11"), {"size-award": "red"}),
    (credential(60, place="Scotland", level="SCQF 11"), {"size-award": "red"}),
    (credential(59, framework="FHEQ", level="7"), {}),
    (credential(4, place="New Zealand"), {"size-exceptional": "amber"}),
    (credential(5, place="New Zealand"), {}),
    (credential(40, place="New Zealand"), {}),
    (credential(40, place="New Zealand", level="8"), {}),
    (credential(40, place="New Zealand", level="5"), {"size-award-exists": "info"}),
    (credential(41, place="New Zealand"), {"size-above-maximum": "red"}),
    (credential(4, framework="NZQCF"), {"size-exceptional": "amber"}),
    (credential(4, place=CMF, system="ECTS"), {}),
    (credential(6, place=CMF, system="ECTS"), {}),
    (credential(3.5, place=CMF, system="ECTS"), {"size-below-minimum": "amber"}),
    (credential(6.5, place=CMF, system="ECTS"), {"size-above-maximum": "amber"}),
    (credential(10, place=CMF, system="CATS"), {}),
    (credential(15, place=CMF, system="CATS"), {}),
    (credential(9, place=CMF, system="CATS"), {"size-below-minimum": "amber"}),
    (credential(16, place=CMF, system="CATS"), {"size-above-maximum": "amber"}),
    (credential(place=CMF, hours=HOURS[0]), {}),
    (credential(place=CMF, hours=HOURS[1]), {}),
    (credential(place=CMF, hours=HOURS[2]), {"size-below-minimum": "amber"}),
    (credential(place=CMF, hours=HOURS[3]), {"size-above-maximum": "amber"}),
    (credential(30, place=OFS, level="5"), {}),
    (credential(20, place=OFS, level="5"), {"size-below-minimum": "amber", "size-step": "amber"}),
    (credential(30, place=OFS, level="7"), {"size-level": "amber"}),
    (credential(place="Australia", hours=(0.5, 0.5)), {"size-below-minimum": "amber"}),
    (credential(place="Australia", hours=(1.0, 1.0)), {}),
    (credential(place="Australia", hours=(599.0, 599.0), level="8"), {}),
    (credential(place="Australia", hours=(600.0, 600.0), level="8"), {"size-award": "amber"}),
    (credential(3, place="Netherlands", system="ECTS"), {}),
    (credential(30, place="Netherlands", system="ECTS"), {}),
    (credential(3.5, place="Netherlands", system="ECTS"), {}),
    (credential(3.3, place="Netherlands", system="ECTS"), {"size-step": "amber"}),
    (credential(2.5, place="Netherlands", system="ECTS"), {"size-below-minimum": "amber"}),
    (credential(30.5, place="Netherlands", system="ECTS"), {"size-above-maximum": "amber"}),
    (credential(1, place="Malaysia"), {}),
]


@pytest.mark.parametrize(("case", "expected"), TRUTH, ids=[f"{i}" for i in range(len(TRUTH))])
def test_truth_table(case: Credential, expected: dict[str, str]) -> None:
    assert found(case) == expected


def test_award_is_named_with_its_source() -> None:
    (finding,), _ = size.check(credential(60, framework="FHEQ", level="7"))
    assert "Postgraduate Certificate" in finding.message
    assert (finding.measured, finding.limit, finding.unit) == (60, 60, "CATS credits")
    assert finding.norm is not None and "QAA" in finding.norm
    (note,), _ = size.check(credential(60, framework="FHEQ", level="6"))
    assert "Graduate Certificate" in note.message


@pytest.mark.parametrize(
    ("framework", "level", "hours"), [("FHEQ", "6", 600), ("FQHEIS", "10", 600), ("SCQF", "10", 600)]
)
def test_sixty_credits_at_honours_level_are_allowed_with_a_note(framework: str, level: str, hours: int) -> None:
    case = credential(60, framework=framework, level=level)
    ((note,), missing) = size.check(case)
    assert missing == [] and note.severity == "info" and "Graduate Certificate" in note.message
    assert "may have it" in note.message and note.norm
    assert size.resolve_hours(case).notional_hours == (hours, hours)


@pytest.mark.parametrize(
    ("place", "credits", "system", "hours"),
    [("Malaysia", 1, None, 40), ("New Zealand", 5, None, 50), (CMF, 4, "ECTS", 100), (CMF, 15, "CATS", 150)],
)
def test_hours_of_a_credit(place: str, credits: float, system: str | None, hours: float) -> None:
    found = size.resolve_hours(credential(credits, place=place, system=system)).notional_hours
    assert found is not None and found[0] == hours


def test_largest_award_reached_is_the_one_named() -> None:
    (finding,), _ = size.check(credential(125, framework="FHEQ", level="7"))
    assert "Postgraduate Diploma" in finding.message and "Certificate" not in finding.message


def test_part_of_a_programme_is_info_and_says_why() -> None:
    masters = credential(60, framework="SCQF", level="11")
    (finding,), _ = size.check(replace(masters, title="Dissertation (Marine Ecology)"))
    assert (finding.rule, finding.severity, finding.measured) == ("size-award", "info", 60)
    assert finding.message == (
        "By its title (Dissertation) it is part of a programme, not a stand-alone credential; as a stand-alone "
        "credential 60 SCQF credits at SCQF level 11 would be an award in its own right: Postgraduate Certificate."
    )
    (finding,), _ = size.check(replace(masters, title="Marine Ecology"))
    assert finding.severity == "red" and "stand-alone" not in finding.message


def test_title_of_a_part_changes_no_other_finding() -> None:
    for case, expected in TRUTH:
        assert found(replace(case, title="Leadership in Care")) == expected
        as_part = {rule: "info" if rule == "size-award" else severity for rule, severity in expected.items()}
        assert found(replace(case, title="MSc Dissertation")) == as_part


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("Dissertation", "Dissertation"),
        ("Creative Writing Dissertation", "Dissertation"),
        ("Leading Change Dissertation (MSc)", "Dissertation"),
        ("MSc Project and Thesis", "MSc Project"),
        ("Electronics: Project and Thesis", "Project"),
        ("Research Project or Industrial Placement", "Research Project"),
        ("Research  Project in Ecology", "Research Project"),
        ("Senior Honours Project 2", "Senior Honours Project"),
        ("Machine Learning Systems Project (60 credits)", "Project"),
        ("3-month placement", "3-month placement"),
        ("Work-based Placement: Care", "Work-based Placement"),
        ("Business Plan Capstone", "Capstone"),
        ("Marketing internship", "internship"),
        ("Clinical Practicum II", "Practicum"),
        ("Physics Year Abroad", "Year Abroad"),
        ("Study abroad (20 credits)", "Study abroad"),
        ("ePortfolio", "ePortfolio"),
        ("Portfolio", "Portfolio"),
    ],
)
def test_titles_of_parts_of_a_programme(title: str, part: str) -> None:
    assert programme_part(title) == part


@pytest.mark.parametrize(
    "title",
    [
        "",
        "Leadership in Care",
        "Project Management",
        "Managing Agile Projects",
        "International Project Finance",
        "Project-Based Learning",
        "Leading a Digital Transformation Project",
        "The Human Genome Project",
        "Web Development with Capstone Project",
        "Data Analytics (with internship)",
        "Data Science and Capstone Project",
        "Coastal Planning: Seminar and Dissertation",
        "Thesis Writing",
        "Writing a Thesis",
        "Supervising Dissertations",
        "Hypothesis Testing and Photosynthesis",
        "Dental Implant Placement",
        "Supporting Students in Clinical Placement",
        "Portfolio Management",
        "Investment Portfolio Theory",
        "Study Abroad Advising",
        "Advanced Placement Calculus",
    ],
)
def test_titles_about_such_parts_or_with_one_are_not_parts(title: str) -> None:
    assert programme_part(title) is None


def test_confidence_below_high_is_said() -> None:
    (finding,), _ = size.check(credential(3.3, place="Netherlands", system="ECTS"))
    assert finding.norm is not None and "confidence low" in finding.norm and "pilot" in finding.norm


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (credential(10), "size: no framework or jurisdiction given"),
        (credential(5, system="ECTS"), "size: no framework or jurisdiction given"),
        (credential(place="New Zealand"), "size: no credits or hours given"),
        (credential(5, place="Atlantis"), "size: no rules known for `Atlantis`"),
        (credential(5, place="Germany", system="ECTS"), "size: European Union lays down no limits in numbers"),
    ],
)
def test_missing_size_is_never_a_clean_bill(case: Credential, reason: str) -> None:
    findings, not_checked = size.check(case)
    assert findings == [] and not_checked == [reason]


def test_credit_system_alone_names_the_framework_that_it_hints_at() -> None:
    (finding,), _ = size.check(credential(60, system="SCQF credits", level="11"))
    assert finding.rule == "size-award"
    assert finding.norm is not None and "read from its SCQF credits" in finding.norm


def test_unknown_level_with_a_size_that_may_be_an_award_is_said() -> None:
    findings, (reason,) = size.check(credential(60, framework="FHEQ"))
    assert findings == [] and reason.startswith("size-award: no level given")
    assert size.check(credential(30, framework="FHEQ")) == ([], [])
    assert "`Postgraduate`" in size.check(credential(60, framework="FHEQ", level="Postgraduate"))[1][0]


def test_other_systems_are_compared_in_hours_only() -> None:
    assert found(credential(24, framework="FHEQ", level="7", system="ECTS")) == {"size-award": "red"}  # 600 h at least
    findings, not_checked = size.check(credential(22, framework="FHEQ", level="7", system="ECTS"))  # 550-660 h
    assert findings == [] and any("may or may not reach" in reason for reason in not_checked)
    findings, not_checked = size.check(credential(22, framework="FHEQ", level="7", system="florins"))
    assert findings == [] and any("cannot be held against" in reason for reason in not_checked)


def test_range_of_hours_across_a_limit_is_left_open() -> None:
    findings, (reason,) = size.check(credential(14, place="New Zealand", system="ECTS"))  # 350-420 h against 400
    assert findings == [] and reason.startswith("size-above-maximum")


def test_general_place_gives_way_to_the_framework() -> None:
    rule = size.rule_of(credential(place="UK", framework="SCQF"))
    assert rule is not None and rule.id == "uk-scotland"
    assert size.rule_of(credential()) is None


@pytest.mark.parametrize(
    ("case", "hours", "system"),
    [
        (credential(5, system="ECTS"), (125, 150), "ECTS"),
        (credential(5, system="ECTS", place="Netherlands"), (140, 140), "ECTS"),
        (credential(20, framework="FHEQ"), (200, 200), "CATS"),
        (credential(3, place="Malaysia"), (120, 120), "MQF"),
        (credential(5, system="ECTS", hours=(90.0, 90.0)), (90, 90), "ECTS"),
        (credential(5), None, None),
        (credential(5, system="florins"), None, "florins"),
        (credential(float("nan"), system="ECTS"), None, "ECTS"),
        (credential(-5, system="ECTS"), None, "ECTS"),
        (credential(0, system="ECTS"), None, "ECTS"),
    ],
)
def test_resolve_hours(case: Credential, hours: tuple[float, float] | None, system: str | None) -> None:
    resolved = size.resolve_hours(case)
    assert resolved.notional_hours == hours and resolved.system == system


def test_contradicting_hours_are_a_hint() -> None:
    (finding,), _ = size.check(credential(5, system="ECTS", hours=(40.0, 40.0)))
    assert (finding.rule, finding.severity, finding.measured, finding.limit) == ("size-hours", "info", 40, "125–150")
    assert size.check(credential(5, system="ECTS", hours=(105.0, 105.0)))[0] == []
    assert size.check(credential(5, system="ECTS", hours=(181.0, 181.0)))[0] != []


def test_resolving_first_changes_nothing() -> None:
    for case, _ in TRUTH:
        resolved = Credential("x", jurisdiction=case.jurisdiction, size=size.resolve_hours(case), level=case.level)
        assert size.check(resolved) == size.check(case)


ODD = st.one_of(
    st.none(), st.text(max_size=12), st.integers(-5, 500), st.floats(), st.booleans(), st.lists(st.floats())
)
PLACES = st.one_of(ODD, st.sampled_from(["NZ", "UK", "Netherlands", "Australia", CMF, "FHEQ", "SCQF", "ECTS", "7"]))


@settings(deadline=None)
@given(ODD, PLACES, PLACES, PLACES, PLACES, st.one_of(ODD, st.tuples(ODD, ODD)), ODD)
def test_never_raises(
    credits: Any, place: Any, framework: Any, level: Any, system: Any, hours: Any, title: Any
) -> None:
    c = credential(credits, place=place, framework=framework, level=level, system=system, hours=hours)
    c = replace(c, title=title)
    findings, not_checked = size.check(c)
    assert all(f.severity in ("info", "amber", "red") and f.message and f.advice and f.norm for f in findings)
    assert all(isinstance(reason, str) for reason in not_checked)


@pytest.mark.parametrize(
    ("place", "framework", "line"),
    [
        ("Atlantis", "FHEQ", "size: jurisdiction `Atlantis` is not known; held against FHEQ alone"),
        ("Scotland", "FHEQ", "size: jurisdiction `Scotland` goes with SCQF, not FHEQ"),
        ("Ireland", "EQF", None),
        ("UK", "SCQF", None),
        ("Wales", "FHEQ", None),
        (None, "FHEQ", None),
    ],
)
def test_a_place_that_does_not_fit_is_said_once(place: str | None, framework: str, line: str | None) -> None:
    for amount in (Size(10, "CATS"), Size()):
        _, missing = size.check(Credential("x", jurisdiction=place, level=Level(framework, "6"), size=amount))
        found = [text for text in missing if "jurisdiction" in text]
        assert [text[: len(line or "")] for text in found] == ([line] if line else [])


def test_one_is_singular() -> None:
    (below, *_), _ = size.check(Credential("x", jurisdiction="New Zealand", size=Size(1, "NZQCF")))
    assert below.message.startswith("1 NZQCF credit is below the smallest micro-credential but for exceptions in New")
