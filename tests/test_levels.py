"""Stated levels, the crosswalk, and the comparison with an estimate."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger import levels
from tagger.records import Credential, LearningOutcome, Level, LevelEstimate
from tagger.taxonomy import load_taxonomy


def credential(
    stated: Any, distribution: Any = None, *, framework: Any = "FHEQ", eqf: Any = 5, place: Any = None
) -> Credential:
    estimate = None if distribution is None else LevelEstimate(eqf, distribution, "level@1.0.0")
    return Credential("x", jurisdiction=place, level=Level(framework, stated, estimate))


CLEAR_5 = {"4": 0.1, "5": 0.85, "6": 0.04, "7": 0.01}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        *((text, ("7",)) for text in ("7", "7.0", "Level 7", "FHEQ Level 7", "RQF L7", " level  7 (Master's)")),
        ("Level 7 (60 credits)", ("7",)),
        ("6-7", ("6", "7")),
        ("Levels 4 to 6", ("4", "5", "6")),
        ("levels 4 and 6", ("4", "6")),
        ("7/6", ("6", "7")),
        *((text, ()) for text in ("12", "0", "", " ", "Stage 2", "Year 2", "7 credits", "EQF 7", "SCQF level 7")),
        *((text, ()) for text in ("Postgraduate", "Master's", "Introductory", None, "7 or so, of 9")),
    ],
)
def test_read_levels(stated: str | None, expected: tuple[str, ...]) -> None:
    assert levels.read_levels(load_taxonomy("fheq"), stated) == expected


@pytest.mark.parametrize(
    ("framework", "stated", "expected"),
    [
        ("FHEQ", "4", (5,)),
        ("FHEQ", "6-7", (6, 7)),
        ("SCQF", "10", (6,)),
        ("FQHEIS", "level 11", (7,)),
        ("NFQ", "8", (6,)),
        ("AQF", "8", (6, 7)),
        ("EQF", "3", (3,)),
        (None, "FHEQ level 7", (7,)),
    ],
)
def test_to_eqf(framework: str | None, stated: str, expected: tuple[int, ...]) -> None:
    found = levels.to_eqf(framework, stated)
    assert found is not None and found[0] == expected and found[1] in ("high", "medium", "low")


@pytest.mark.parametrize(
    ("framework", "stated"),
    [("FHEQ", "Postgraduate"), ("NFQ", "Introductory"), ("SCQF", "2"), ("Narnia", "3"), (None, "7"), ("FHEQ", None)],
)
def test_to_eqf_has_no_answer(framework: str | None, stated: str | None) -> None:
    assert levels.to_eqf(framework, stated) is None


def test_range_takes_the_least_confidence() -> None:
    found = levels.to_eqf("AQF", "7-8")
    assert found == ((6, 7), "medium")


def test_mismatch_is_unusual_and_never_wrong() -> None:
    (finding,), not_checked = levels.check(credential("7", CLEAR_5))
    assert not_checked == []
    assert (finding.rule, finding.severity, finding.measured, finding.limit) == ("level-mismatch", "amber", 0.01, 0.05)
    assert "unusual for FHEQ 7 (EQF 7)" in finding.message and "EQF 5" in finding.message
    assert "wrong" not in (finding.message + finding.advice).casefold()
    assert finding.norm is not None and "level@1.0.0" in finding.norm


def test_an_unusual_level_is_noted_where_the_estimate_abstains() -> None:
    (finding,), not_checked = levels.check(credential("8", {"5": 0.4, "6": 0.38, "7": 0.2, "8": 0.02}, eqf=None))
    assert (finding.severity, finding.measured, not_checked) == ("info", 0.02, [])
    assert "what level they fit is not sure" in finding.message


def test_fitting_level_and_range_make_no_finding() -> None:
    assert levels.check(credential("5", CLEAR_5)) == ([], [])
    assert levels.check(credential("5-7", CLEAR_5)) == ([], [])
    assert levels.check(credential("6", {"5": 0.9, "6": 0.1})) == ([], [])


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (credential(None, CLEAR_5), "none stated"),
        (credential("7", CLEAR_5, framework=None), "without a known framework"),
        (credential("Postgraduate", CLEAR_5), "no EQF level"),
        (credential("7"), "not estimated"),
        (credential("6", {"5": 0.5, "6": 0.2, "7": 0.3}, eqf=None), "abstains"),
        (credential("7", {"3": 0.29, "4": 0.24, "5": 0.29, "6": 0.17, "7": 0.01}), "not sure enough"),
        (credential("7", {"5": 0.2}), "is not one"),
        (credential("7", {"five": 1.0}), "is not one"),
        (credential("7", {"5": float("nan")}), "is not one"),
        (credential("4", CLEAR_5, framework="ACQF"), "no EQF level"),
    ],
)
def test_not_checked_says_why(case: Credential, reason: str) -> None:
    findings, (said,) = levels.check(case)
    assert findings == [] and reason in said and said.startswith("level: ")


def test_unsure_crosswalk_makes_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "to_eqf", lambda framework, stated: ((7,), "low"))
    findings, (said,) = levels.check(credential("7", CLEAR_5))
    assert findings == [] and "not sure" in said


def test_framework_comes_from_field_then_level_then_place() -> None:
    assert levels.framework_of(credential("FHEQ 7", framework="SCQF")) == "scqf"
    assert levels.framework_of(credential("FHEQ 7", framework=None)) == "fheq"
    assert levels.framework_of(credential("7", framework=None, place="New Zealand")) == "nzqcf"
    assert levels.framework_of(credential("7", framework=None)) is None


ODD = st.one_of(
    st.none(), st.text(max_size=10), st.integers(), st.floats(), st.sampled_from(["FHEQ", "7", "6-7", "NZ"])
)
DISTRIBUTIONS = st.one_of(ODD, st.dictionaries(ODD, ODD, max_size=4), st.just(CLEAR_5))


@settings(deadline=None)
@given(ODD, DISTRIBUTIONS, ODD, ODD, ODD)
def test_never_raises(stated: Any, distribution: Any, framework: Any, eqf: Any, place: Any) -> None:
    findings, not_checked = levels.check(credential(stated, distribution, framework=framework, eqf=eqf, place=place))
    assert len(findings) + len(not_checked) <= 1


@pytest.mark.parametrize("stated", ["9", "7.5", "Level 9", "FHEQ 9"])
def test_a_number_that_is_no_level_of_the_framework(stated: str) -> None:
    _, missing = levels.check(Credential("x", level=Level("FHEQ", stated)))
    assert missing == [f"level: FHEQ has no level `{stated}`; it has 4 to 8"]


PULLS = [(1.2, (0, 6)), (-0.9, (0, 4)), (0.1, (0, 4)), (2.0, (0, 6))]


def with_outcomes(stated: str, distribution: Any, eqf: int) -> Credential:
    texts = ("Devise new tests", "List parts", "Plan a visit", "Defend a thesis")
    outcomes = tuple(LearningOutcome(f"x/{n}", text) for n, text in enumerate(texts, 1))
    return Credential("x", outcomes=outcomes, level=Level("FHEQ", stated, LevelEstimate(eqf, distribution, "level@1")))


def test_a_mismatch_names_the_outcomes_and_words_that_pull() -> None:
    asked: list[tuple[int, int]] = []

    def pulls(up: int, down: int) -> list[tuple[float, tuple[int, int]]]:
        asked.append((up, down))
        return PULLS

    [finding], _ = levels.check(with_outcomes("7", CLEAR_5, 5), pulls)
    assert asked == [(5, 7)] and finding.outcomes == ("x/4", "x/1")
    assert [(e.outcome, e.text) for e in finding.evidence] == [("x/4", "Defend"), ("x/1", "Devise")]
    assert "pulls them down most: x/4 (“Defend”), x/1 (“Devise”)." in finding.message
    assert finding.message.endswith("x/2 reads like the stated level.")
    assert "EQF 5, FHEQ 4–5" in finding.message
    [up], _ = levels.check(with_outcomes("4", {"5": 0.01, "6": 0.04, "7": 0.95}, 7), lambda *_: PULLS)
    assert "pulls them up" in up.message and "EQF 7, FHEQ 7" in up.message


def test_pulls_are_not_asked_for_without_a_mismatch() -> None:
    def never(up: int, down: int) -> list[tuple[float, tuple[int, int]]]:
        raise AssertionError

    assert levels.check(with_outcomes("4", CLEAR_5, 5), never)[0] == []


def test_every_level_in_every_framework() -> None:
    for eqf in range(1, 9):
        spoken = levels.in_frameworks(eqf)
        assert [f.framework for f in spoken] == sorted((f.framework for f in spoken), key=str.lower)
        assert all(f.levels and f.confidence in ("high", "medium", "low") for f in spoken)
        for f in spoken:
            found = levels.to_eqf(f.framework, f.levels[0])
            assert found is not None and eqf in found[0]
    six = {f.framework: f.levels for f in levels.in_frameworks(6)}
    assert six["FHEQ"] == ("6",) and six["SCQF"] == ("9", "10") and six["NFQ"] == ("7", "8") and "EQF" not in six
