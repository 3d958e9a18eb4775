"""What is said of how outcomes are worded, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger import wording
from tagger.records import Credential, Finding, LearningOutcome, Level


def credential(*texts: str, language: str | None = "en", **more: object) -> Credential:
    outcomes = tuple(LearningOutcome(f"A/{n}", text) for n, text in enumerate(texts, 1))
    return Credential("A", outcomes=outcomes, language=language, **more)  # type: ignore[arg-type]


def findings(*texts: str, **more: object) -> dict[str, Finding]:
    found, _ = wording.check(credential(*texts, **more))
    return {f.rule.removeprefix("wording-"): f for f in found}


@pytest.mark.parametrize(
    ("text", "words", "severity", "instead"),
    [
        ("Understand how enzymes work", "Understand", "amber", "“explain how enzymes work”"),
        ("Know the parts of a cell", "Know", "amber", "“describe the parts of a cell”"),
        ("Be aware of ethical issues in trials", "aware", "amber", "“identify ethical issues in trials”"),
        ("Become familiar with statistical software", "Become familiar", "amber", "“describe statistical software”"),
        ("Appreciate the role of art in cities", "Appreciate", "amber", "“discuss the role of art in cities”"),
        ("Students will gain insight into labour markets", "gain insight", "amber", "“explain labour markets”"),
        ("Demonstrate an understanding of enzymes", "Demonstrate an understanding", "info", "“explain enzymes”"),
        ("A critical awareness of current research", "awareness", "amber", "“identify current research”"),
        (
            "Show knowledge and understanding of tax law",
            "Show knowledge and understanding",
            "info",
            "“explain tax law”",
        ),
        ("Comprehend why bridges fail", "Comprehend", "amber", "“explain why bridges fail”"),
    ],
)
def test_verbs_that_are_harder_to_assess(text: str, words: str, severity: str, instead: str) -> None:
    finding = findings(text)["vague-verb"]
    assert finding.severity == severity and [e.text for e in finding.evidence] == [words]
    assert instead in finding.advice and "harder to assess" in finding.message
    assert "wrong" not in finding.message + finding.advice


@pytest.mark.parametrize(
    "text",
    [
        "Explain how enzymes work",
        "Understand and apply the theory of groups to crystals",
        "Apply knowledge of physics to the design of bridges",
        "Recognise the signs of a stroke",
        "Use a knowledge base to answer requests",
        "Raise awareness of recycling among tenants",
        "Develop a plan for a household",
    ],
)
def test_verbs_that_can_be_assessed(text: str) -> None:
    assert "vague-verb" not in findings(text)


@pytest.mark.parametrize(
    ("text", "severity", "acts"),
    [
        ("Compare two sampling methods and write a report for a client", "info", ["Compare", "write"]),
        ("Design a survey, collect data from tenants and present a report to a council", "amber", None),
    ],
)
def test_several_outcomes_in_one(text: str, severity: str, acts: list[str] | None) -> None:
    finding = findings(text)["several"]
    assert finding.severity == severity
    if acts is not None:
        assert [e.text for e in finding.evidence] == acts and "“Compare two sampling methods" in finding.advice


@pytest.mark.parametrize(
    "text",
    [
        "Analyse and evaluate business processes",
        "Compare and contrast two theories of learning",
        "Plan a survey and carry it out",
        "Identify risks and assess their effect on a project",
        "Develop an understanding of the law",
        "Select dressings and justify the choice",
        "Demonstrate advanced and integrated knowledge of property law",
        "Demonstrate the ability to weld steel plates",
        "Use statistical tools to analyse data",
        "Explain how to design circuits",
    ],
)
def test_one_outcome(text: str) -> None:
    assert "several" not in findings(text)


def test_no_verb() -> None:
    finding = findings("The history of the printing press", "Weld two plates")["no-verb"]
    assert finding.outcomes == ("A/1",) and finding.message.startswith("1 of 2 outcomes names a subject")
    for text in (
        "Harvest and store crops",
        "Jib a sail",
        "Critically frobnicate sources",
        "Application of heat to food",
    ):
        assert "no-verb" not in findings(text), text


@pytest.mark.parametrize(
    "text",
    [
        "This module covers the main theories of learning",
        "The course introduces students to data structures",
        "Students will be introduced to laboratory safety",
        "To provide students with a foundation in statistics",
        "Topics covered include heat and work",
    ],
)
def test_about_the_course(text: str) -> None:
    found = findings(text)
    assert set(found) == {"not-learner"} and text.startswith(found["not-learner"].evidence[0].text)


@pytest.mark.parametrize(
    "text",
    [
        "On completion of this module, students will be able to cover a wall with tiles",
        "This course enables students to analyse data",
        "Introduce a new product to a market",
        "Teach students to read music",
        "Provide an overview of international law on trade",
    ],
)
def test_about_the_learner(text: str) -> None:
    assert "not-learner" not in findings(text)


def test_long() -> None:
    def of(n: int) -> dict[str, Finding]:
        return findings("Describe " + " ".join(f"thing{k}" for k in range(n - 1)))

    assert "long" not in of(40)
    assert (of(41)["long"].severity, of(41)["long"].measured, of(41)["long"].limit) == ("info", 41, 40)
    assert of(61)["long"].severity == "amber" and of(41)["long"].evidence[0].text == "thing39"


def test_duplicates() -> None:
    same = "Explain how wind turbines turn moving air into electric power"
    finding = findings(same, "Weld two plates", same + " for a village")["duplicate"]
    assert finding.outcomes == ("A/1", "A/3") and "A/1 and A/3" in finding.message
    assert "duplicate" in findings("Weld steel", "Weld steel.")
    assert "duplicate" not in findings(same, same.replace("Explain", "Evaluate"))
    assert "duplicate" not in findings(same, same.replace("wind", "water"))  # parallel, not the same


def test_vectors_find_what_is_said_in_other_words() -> None:
    texts = ("Explain the water cycle in cities", "Explain how rain runs through a town")
    outcomes = credential(*texts)
    near, far = np.array([[1, 0], [0.99, 0.14]], np.float32), np.eye(2, dtype=np.float32)
    assert [f.rule for f in wording.check(outcomes, near)[0]] == ["wording-duplicate"]
    assert wording.check(outcomes, far)[0] == []


LOW = ("Describe the water cycle", "Explain two causes of floods", "Summarise the law on rivers")


def test_low_levels_for_a_high_award() -> None:
    for level in (Level("FHEQ", "7"), Level("SCQF", "11"), Level("EQF", "7"), Level("FHEQ", "8")):
        finding = findings(*LOW, level=level)["low-level"]
        assert "unusual for EQF" in finding.message and len(finding.evidence) == 3 and finding.severity == "amber"
    for level in (Level("FHEQ", "6"), Level("SCQF", "10"), Level(None, None), Level(None, "Postgraduate")):
        assert not findings(*LOW, level=level)
    assert "low-level" not in findings(*LOW, "Design a flood barrier", level=Level("EQF", "7"))
    assert "low-level" not in findings(*LOW[:2], level=Level("EQF", "7"))  # too few to say


def test_a_model_overrules_the_verbs() -> None:
    outcomes = credential(*LOW, level=Level("EQF", "7"))
    read = [{"understand"}, {"understand"}, {"evaluate"}]
    assert wording.check(outcomes, bloom=read)[0] == []
    assert wording.check(outcomes, bloom=[{"understand"}] * 3)[0]


def test_what_is_not_judged() -> None:
    assert wording.check(Credential("A")) == ([], ["wording: no outcomes"])
    prose = Credential("A", outcomes=(LearningOutcome("A/1", "This course covers heat", is_stated=False),))
    assert wording.check(prose)[0] == [] and "not judged" in wording.check(prose)[1][0]
    assert wording.check(credential("Comprendre les enzymes", language="fr"))[1] == [
        "wording: nothing is known of how outcomes are worded in this language (`fr`)"
    ]
    assert findings("Understand how enzymes work", language="en-GB")


def test_a_credential_gets_one_finding_for_each_rule() -> None:
    found, _ = wording.check(credential("Know the rules of chess", "Understand chess", "Be aware of the clock"))
    assert [f.rule for f in found] == ["wording-vague-verb"]
    assert found[0].measured == 3 and len(found[0].evidence) == 3


DRAFT = (
    "<p>On completion, learners will be able to:</p>\n<ul><li>know the   parts of a cell</li><li>weld plates</li></ul>"
)


def test_a_draft_is_marked_where_it_stands() -> None:
    [finding] = wording.check_draft(DRAFT)
    [passage] = finding.evidence
    assert DRAFT[passage.start : passage.end] == passage.text == "know"
    assert not wording.check_draft("") and not wording.check_draft("Weld two plates")
    assert wording.check_draft("\n".join(f"- {t}" for t in LOW), framework="EQF", level="7")


@settings(deadline=None)
@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=120),
    st.sampled_from(["", "Understand ", "This module covers "]),
)
def test_any_draft(text: str, opening: str) -> None:
    draft = opening + text
    for finding in wording.check_draft(draft):
        assert finding.rule in wording.RULES and finding.severity in ("info", "amber")
        for passage in finding.evidence:
            assert draft[passage.start : passage.end] == passage.text
