"""Counting outcomes, the norm that the count is held against, and the two measures of breadth."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger import density, overload
from tagger.density import DensityNorm, calibrate, fit_norm, load_norm
from tagger.errors import ModelError
from tagger.norms import Norms
from tagger.overload import count_outcomes
from tagger.records import Credential, Finding, LearningOutcome, Size
from tagger.shipped import shipped

NORM = DensityNorm("an example", 500, (50.0, 1000.0), 1.7, 0.42, 3.1, -1.7)
VERBS = ("Describe", "Explain", "Compare", "Evaluate", "Calculate", "Apply", "Identify", "Build")


def outcomes(texts: Sequence[str], *, is_stated: bool = True) -> tuple[LearningOutcome, ...]:
    return tuple(LearningOutcome(f"x/{i}", text, is_stated=is_stated) for i, text in enumerate(texts, 1))


def plain(n: int) -> list[str]:
    return [f"{VERBS[i % len(VERBS)]} the topic number {i}." for i in range(n)]


def credential(n: int, credits: Any = 7.5, system: Any = "ECTS", hours: Any = None) -> Credential:
    return Credential("x", outcomes=outcomes(plain(n)), size=Size(credits, system, hours))


def sample(norm: DensityNorm, hours: Sequence[float], seed: int = 0) -> list[tuple[int, float]]:
    """Draw a count for each of `hours` from the norm's own distribution."""
    rng = np.random.default_rng(seed)
    steps = {h: np.array([norm.percentile(n, h) / 100 for n in range(1, 120)]) for h in set(hours)}
    return [(int(np.searchsorted(steps[h], rng.uniform(), side="right")), h) for h in hours]


def density_of(
    c: Credential, vectors: Any = None, *, norm: DensityNorm | None = None
) -> tuple[list[Finding], list[str]]:
    findings, missing = overload.check(c, vectors, norms=Norms((norm or load_norm(),)))
    return [f for f in findings if f.rule == "density"], [m for m in missing if m.startswith("density: ")]


HOURS = [80.0] * 150 + [200.0] * 500 + [400.0] * 250 + [800.0] * 100


# --- the norm


@settings(deadline=None)
@given(st.integers(-2, 300), st.integers(0, 50), st.floats(50, 1000), st.floats(1, 5))
def test_percentile_is_monotone(n: int, more: int, hours: float, factor: float) -> None:
    larger = min(hours * factor, 1000.0)
    for norm in (NORM, replace(load_norm(), hours=NORM.hours)):
        assert 0 <= norm.percentile(n, hours) <= norm.percentile(n + more, hours) <= 100
        assert norm.percentile(n, hours) >= norm.percentile(n, larger) - 1e-9


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(50, 1000), st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99]))
def test_quantile_and_percentile_say_the_same(n: int, hours: float, q: float) -> None:
    percentile = NORM.percentile(n, hours)
    if abs(percentile - 100 * q) > 1e-6:
        assert (n > NORM.quantile(q, hours)) == (percentile >= 100 * q)


def test_equivalent_hours_invert_the_norm() -> None:
    at = [NORM.equivalent_hours(n) for n in range(1, 40)]
    assert at == sorted(at) and at[0] == pytest.approx(50) and math.isinf(at[-1])
    hours = NORM.equivalent_hours(8)
    assert (NORM.percentile(8, hours) + NORM.percentile(9, hours)) / 2 == pytest.approx(50, abs=0.5)
    assert NORM.equivalent_hours(8, q=0.9) < hours


@pytest.mark.parametrize("hours", [49.0, 1001.0, math.nan, math.inf, -1.0])
def test_norm_does_not_extrapolate(hours: float) -> None:
    assert not NORM.covers(hours)
    with pytest.raises(ValueError, match=r"hours must be between 50 and 1000\. Got"):
        NORM.percentile(5, hours)


def test_quantile_checks_its_argument() -> None:
    with pytest.raises(ValueError, match=r"q must be between 0 and 1\. Got 95"):
        NORM.quantile(95, 200)


def test_shipped_norm_is_sane() -> None:
    norm = load_norm()
    assert norm.n_courses > 3000 and 0.35 < norm.growth < 0.5
    assert norm.hours[0] <= 40 and norm.hours[1] >= 800
    assert norm.quantile(0.5, 200) == 5 and 9 <= norm.quantile(0.95, 200) <= 11
    assert 600 < norm.equivalent_hours(10) < 900


def test_fit_finds_the_norm_it_was_drawn_from() -> None:
    norm = fit_norm(sample(NORM, HOURS * 2), title="drawn")
    assert (norm.title, norm.n_courses, norm.hours) == ("drawn", 2000, (80.0, 800.0))
    assert norm.growth == pytest.approx(NORM.growth, abs=0.06)
    for hours in (80, 200, 400, 800):
        for q in (0.25, 0.5, 0.75, 0.95):
            assert abs(norm.quantile(q, hours) - NORM.quantile(q, hours)) <= max(1, 0.12 * NORM.quantile(q, hours))


def test_fit_is_robust_to_a_part_of_it_being_overloaded() -> None:
    clean = sample(NORM, HOURS)
    spoilt = [(n * 4 if i % 10 == 0 else n, h) for i, (n, h) in enumerate(clean)]
    reference, robust = fit_norm(clean), fit_norm(spoilt)
    naive = fit_norm(spoilt, censor_above=1.0)
    wanted = reference.quantile(0.95, 200)
    assert abs(robust.quantile(0.95, 200) - wanted) < abs(naive.quantile(0.95, 200) - wanted)
    assert robust.quantile(0.95, 200) <= wanted + 3


def test_fit_of_one_size_falls_back_on_the_usual_growth() -> None:
    norm = fit_norm(sample(NORM, [200.0] * 200))
    assert norm.hours == (200.0, 200.0) and norm.growth == pytest.approx(0.43, abs=0.02)
    assert norm.percentile(5, 200.0) < norm.percentile(9, 200.0)


def test_fit_wants_a_hundred_usable_courses() -> None:
    pairs = [(5, 200.0)] * 99 + [(0, 200.0), (5, -1.0), (5, math.inf)]
    with pytest.raises(ValueError, match=r"at least 100 courses.* Got 99"):
        fit_norm(pairs)
    with pytest.raises(ValueError, match="censor_above"):
        fit_norm(pairs, censor_above=0)
    with pytest.raises(ValueError, match="calibration needs at least 100"):
        calibrate(NORM, pairs)


def test_calibration_brings_the_tail_to_its_nominal_share() -> None:
    pairs = sample(NORM, HOURS * 2)
    narrow = replace(NORM, log_size=8.0, size_exponent=0.0)

    def share(norm: DensityNorm) -> float:
        return float(np.mean([norm.percentile(n, h) >= 95 for n, h in pairs]))

    assert share(narrow) > 0.06
    assert share(calibrate(narrow, pairs)) <= 0.055


def test_saved_norm_loads_again(tmp_path: Path) -> None:
    norm = calibrate(NORM, sample(NORM, HOURS))
    density.save_norm(norm, tmp_path, {"id": "own", "version": "1"})
    assert load_norm(tmp_path) == norm
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    assert (manifest["kind"], manifest["format"], manifest["id"]) == ("norm", 1, "own")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("norm.json", "0.4", "0.9", "checksum"),
        ("manifest.json", '"norm"', '"linear"', "kind is `linear`, expected `norm`"),
        ("manifest.json", '"format": 1', '"format": 9', "format is `9`, this program reads `1`"),
        ("manifest.json", '"format": 1,', "", "lacks `format`"),
        ("manifest.json", '"files": {', '"checksums": {', "lacks `files`"),
        ("manifest.json", ">=0.1,<2", ">=7,<8", "made for outcome-tagger `>=7,<8`"),
        ("manifest.json", ">=0.1,<2", "any", "made for outcome-tagger `any`"),
        ("manifest.json", "{", "", "cannot be read"),
    ],
)
def test_damaged_norm_is_refused(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    folder = tmp_path / "density"
    shutil.copytree(shipped("models") / "density", folder)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ModelError, match=message):
        load_norm(folder)


@pytest.mark.parametrize(
    ("program", "version", "is_allowed"),
    [
        (">=0.1,<2", "0.1.0", True),
        (">=0.1,<2", "0.1.0.dev3", True),
        (">=0.1,<2", "1.12", True),
        (">=0.1,<2", "2.0.0", False),
        (">=0.2,<2", "0.1.9", False),
        (">=0.10", "0.9", False),
        ("==0.1", "0.1", False),
        (None, "0.1", False),
    ],
)
def test_range_of_program_versions(program: object, version: str, is_allowed: bool) -> None:
    assert density._is_made_for(program, version) == is_allowed


def test_manifest_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "norm.json").write_text("{}", "utf-8")
    (tmp_path / "manifest.json").write_text("[]", "utf-8")
    with pytest.raises(ModelError, match="is a list, expected an object"):
        load_norm(tmp_path)


def test_missing_norm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_norm(tmp_path / "none")


def test_norm_with_wrong_fields_is_refused(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "norm.json").write_bytes(b'{"title": "x"}')
    files = {"norm.json": hashlib.sha256(b'{"title": "x"}').hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"kind": "norm", "format": 1, "files": files}), "utf-8")
    with pytest.raises(ModelError, match="is not a norm"):
        load_norm(tmp_path)


# --- counting


@pytest.mark.parametrize(
    ("texts", "n"),
    [
        (["Explain risk.", "explain  RISK", "Explain risks."], 2),
        (["Analyse and evaluate data."], 1),
        (["Analyse data and explain their meaning."], 2),
        (["Identify hazards, assess the risks, recommend controls and explain them to staff."], 3),
        (["Use data to inform decisions and plans."], 1),
        (["Describe the role of law, policy and practice."], 1),
        (["...", "Explain risk."], 1),
    ],
)
def test_count_outcomes(texts: list[str], n: int) -> None:
    assert count_outcomes(outcomes(texts)).n == n
    assert count_outcomes(outcomes(texts), acts=False).n <= n


def test_near_duplicates_by_vectors_count_once() -> None:
    three = outcomes(["Explain risk.", "Describe hazards.", "Build a bridge."])
    vectors = np.array([[1.0, 0.0], [0.95, math.sqrt(1 - 0.95**2)], [0.0, 1.0]])
    count = count_outcomes(three, vectors)
    assert (count.n, count.repeated) == (2, (("x/2", "x/1"),))


@pytest.mark.parametrize(
    "vectors", [None, np.ones((2, 2)), np.full((3, 2), np.nan), np.zeros((3, 2)), "no", [[1], [2, 3]]]
)
def test_vectors_that_do_not_fit_are_passed_over(vectors: Any) -> None:
    assert count_outcomes(outcomes(["Explain risk.", "Describe hazards.", "Build a bridge."]), vectors).n == 3


def test_sentences_of_the_description_are_not_counted() -> None:
    assert count_outcomes(outcomes(plain(5), is_stated=False)).n == 0


# --- the judgement


def test_ordinary_amber_and_red() -> None:
    hours = 225.0
    norm = replace(NORM, title="these courses")
    amber, red = norm.quantile(0.95, hours) + 1, norm.quantile(0.99, hours) + 1
    assert density_of(credential(amber - 1), norm=norm) == ([], [])
    (finding,), not_checked = density_of(credential(amber), norm=norm)
    assert not_checked == [] and (finding.rule, finding.severity) == ("density", "amber")
    assert (finding.measured, finding.limit, finding.unit) == (amber, amber - 1, "outcomes")
    assert len(finding.outcomes) == amber
    assert finding.norm == "these courses, 500 courses, 95th percentile at 225 hours"
    assert density_of(credential(red), norm=norm)[0][0].severity == "red"


def test_message_inverts_the_norm_in_the_credential_s_own_unit() -> None:
    (finding,), _ = density_of(credential(12), norm=replace(NORM, hours=(50.0, 300.0)))
    assert finding.message == (
        "12 stated outcomes. In 7.5 ECTS credits that is more than even a course of 10 ECTS typically lists in an example."
    )
    wide = replace(NORM, hours=(50.0, 3000.0))
    (finding,), _ = density_of(credential(12), norm=wide)
    equivalent = wide.equivalent_hours(12) / 30
    assert f"In 7.5 ECTS credits that is what a {equivalent:.0f}-ECTS course typically lists" in finding.message
    (finding,), _ = density_of(credential(12, None, None, (200.0, 200.0)), norm=wide)
    assert "12 stated outcomes. In 200 hours that is what a" in finding.message and "-hour course" in finding.message


def test_message_says_how_it_counted() -> None:
    texts = [*plain(11), plain(1)[0].upper(), "Analyse data and explain their meaning."]
    c = Credential("x", outcomes=outcomes(texts), size=Size(3, "ECTS"), language="en-GB")
    (finding,), _ = density_of(c, norm=replace(NORM, acts_per_outcome=1.1))
    assert (finding.measured, finding.unit) == (13, "separate acts")
    counted = "13 stated outcomes; without repetitions 12; counted by their separate acts 13. In 3 ECTS credits that"
    assert finding.message.startswith(counted)
    (finding,), _ = density_of(replace(c, language="sv"), norm=replace(NORM, acts_per_outcome=1.1))
    assert (finding.measured, finding.unit) == (12, "outcomes")
    (finding,), _ = density_of(c, norm=NORM)  # it is not known how many acts its own outcomes name
    assert finding.measured == 12


def test_acts_alone_never_make_it_red() -> None:
    norm = replace(NORM, acts_per_outcome=1.1)
    compound = "Identify hazards, assess the risks, recommend controls and explain them to staff number"
    amber = norm.quantile(0.95, 225.0) + 1
    for n in range(3, amber + 4):
        c = Credential("x", outcomes=outcomes([f"{compound} {i}." for i in range(n)]), size=Size(7.5, "ECTS"))
        findings, _ = density_of(c, norm=norm)
        many = norm.of_acts().percentile(3 * n, 225.0)
        expected = [] if many < 95 else ["red" if many >= 99 and n >= amber else "amber"]
        assert [f.severity for f in findings] == expected
        if many >= 99 and n < amber:
            (finding,) = findings
            assert finding.message.startswith(f"{n} stated outcomes; counted by their separate acts {3 * n}. ")
            assert "Listed outcomes alone are not unusually many" in finding.message
            assert finding.limit == norm.of_acts().quantile(0.95, 225.0) and "95th percentile" in str(finding.norm)


def test_count_and_norm_are_scaled_alike() -> None:
    """With acts counted apart, a list of one act each is held against the norm of acts, and so found later."""
    norm = replace(NORM, acts_per_outcome=1.5)
    at = norm.quantile(0.95, 225.0) + 1
    assert density_of(credential(at), norm=norm)[0] == []
    assert density_of(replace(credential(at), language="sv"), norm=norm)[0] != []
    (finding,), _ = density_of(credential(norm.of_acts().quantile(0.95, 225.0) + 1), norm=norm)
    assert finding.limit == norm.of_acts().quantile(0.95, 225.0)


def test_norm_of_acts_lists_more() -> None:
    norm = replace(NORM, acts_per_outcome=1.5)
    assert norm.of_acts().quantile(0.5, 200) > norm.quantile(0.5, 200)
    assert norm.of_acts().of_acts() == norm.of_acts() and NORM.of_acts() == NORM


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (credential(0), "no learning outcomes stated"),
        (Credential("x", outcomes=outcomes(plain(9), is_stated=False), size=Size(5, "ECTS")), "no learning outcomes"),
        (credential(1), "1 distinct outcome, at least 3"),
        (credential(2), "2 distinct outcomes, at least 3"),
        (credential(9, None), "hours are not known"),
        (credential(9, 5, "florins"), "hours are not known"),
        (credential(9, 1), "30 hours lie outside what the norm speaks for, 50 to 1000 hours; not extrapolated"),
        (credential(9, 180), "not extrapolated"),
    ],
)
def test_not_checked_says_why(case: Credential, reason: str) -> None:
    findings, (said,) = density_of(case, norm=NORM)
    assert findings == [] and reason in said and said.startswith("density: ")


def test_shipped_norm_is_named() -> None:
    (finding,), _ = density_of(credential(20))
    assert finding.severity == "red" and finding.norm is not None and "Mid Sweden University" in finding.norm


ODD = st.one_of(st.none(), st.text(max_size=8), st.integers(-5, 500), st.floats(), st.just("ECTS"))


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=40), max_size=8), ODD, ODD, st.one_of(ODD, st.tuples(ODD, ODD)), ODD, ODD)
def test_never_raises(texts: list[str], credits: Any, system: Any, hours: Any, language: Any, vectors: Any) -> None:
    c = Credential("x", outcomes=outcomes(texts), size=Size(credits, system, hours), language=language)
    findings, not_checked = overload.check(c, vectors)
    assert {f.rule for f in findings} <= {"density", "breadth", "overloaded"} and len(findings) <= 3
    assert len({m.split(":")[0] for m in not_checked}) == len(not_checked)
