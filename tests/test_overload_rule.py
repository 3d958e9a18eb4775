"""The rule of ``overloaded``, exactly: every combination of density and breadth; what is said, and what is not checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tagger import overload
from tagger.breadth import N_HASHES, BreadthModel, BreadthNorms
from tagger.density import DensityNorm
from tagger.norms import Norms
from tagger.records import Credential, Finding, LearningOutcome, Size, Tag, TaggedCredential, TaggedOutcome
from tagger.spread import CountNorm

DENSITY = DensityNorm("our catalogue", 500, (50.0, 1000.0), 1.7, 0.42, 3.1, -1.7)
HOURS = 225.0
DIM = 40
_SHARES = tuple(
    (float(z), float(p)) for z, p in zip((-3, -1, 0, 1, 2, 3), (0.01, 0.2, 0.5, 0.8, 0.95, 0.99), strict=True)
)


def model() -> BreadthModel:
    """Return a model in which the separation is minus the mean cosine (the third feature), and a norm centred on -0.5."""
    weights = np.zeros(86)
    weights[2] = -1.0
    plain = CountNorm((-0.5, 0.0, 0.0), (float(np.log(0.1)), 0.0), _SHARES, (3, 30))
    topics = CountNorm((3.0, 2.0, 0.0), (0.0, 0.0), _SHARES, (3, 30))
    measures = {
        "separation": plain,
        "effective_topics": topics,
        "mean_distance": replace(plain, location=(0.5, 0.0, 0.0)),
    }
    return BreadthModel(
        "breadth", "1", "stub@1", None, np.zeros(44), np.ones(44), weights, np.zeros(DIM), np.eye(DIM)[:, :2], np.ones(N_HASHES), np.ones(2),
        np.linspace(-4, 4, 41), BreadthNorms("our courses in English", 300, measures),
    )  # fmt: skip


NORMS = Norms((DENSITY,), (), model(), model().norms)
ANOTHERS = Norms((DENSITY,), (), model())
TOPICS = ("apples", "taxes", "bridges")


def outcomes(n: int) -> tuple[LearningOutcome, ...]:
    return tuple(LearningOutcome(f"x/{i}", f"Explain {TOPICS[(i - 1) % 3]} number {i}.") for i in range(1, n + 1))


def alike(n: int, cosine: float, n_topics: int = 1) -> np.ndarray:
    """Return unit rows with this cosine between any two (within a topic 0.2 more)."""
    topic = np.arange(n) % n_topics
    gram = np.full((n, n), cosine) + (0.2 if n_topics > 1 else 0.0) * (topic[:, None] == topic[None])
    np.fill_diagonal(gram, 1.0)
    values, vectors = np.linalg.eigh(gram)
    rows = np.zeros((n, DIM))
    rows[:, :n] = vectors * np.sqrt(np.clip(values, 0, None))
    return rows


def check(n: int, cosine: float | None, norms: Norms = NORMS, **changes: Any) -> tuple[dict[str, Finding], list[str]]:
    c = replace(Credential("x", outcomes=outcomes(n), size=Size(7.5, "ECTS", (HOURS, HOURS))), **changes)
    found, missing = overload.check(c, None if cosine is None else alike(n, cosine), norms=norms)
    return {f.rule: f for f in found}, missing


FEW = (
    next(n for n in range(3, 20) if DENSITY.percentile(n + 1, HOURS) >= 50) if DENSITY.percentile(3, HOURS) < 50 else 3
)
MEDIAN = next(n for n in range(3, 20) if DENSITY.percentile(n, HOURS) >= 50)
MANY = next(n for n in range(3, 40) if DENSITY.percentile(n, HOURS) >= 95)
BELOW = MANY - 1


@pytest.mark.parametrize(
    ("n", "cosine", "rules", "severity"),
    [
        (FEW, 0.5, set(), None),
        (FEW, 0.1, {"breadth"}, None),  # broad, but fewer outcomes than the median: not overloaded
        (MEDIAN, 0.5, set(), None),
        (MEDIAN, 0.1, {"breadth", "overloaded"}, "amber"),
        (BELOW, 0.5, set(), None),
        (BELOW, 0.1, {"breadth", "overloaded"}, "amber"),
        (MANY, 0.5, {"density", "overloaded"}, "amber"),
        (MANY, 0.1, {"density", "breadth", "overloaded"}, "red"),
        (MANY, None, {"density", "overloaded"}, "amber"),
    ],
)
def test_rule(n: int, cosine: float | None, rules: set[str], severity: str | None) -> None:
    found, _ = check(n, cosine)
    assert set(found) == rules
    assert ("overloaded" in found and found["overloaded"].severity) == (severity or False)


def test_breadth_against_another_institution_is_a_hint() -> None:
    found, _ = check(MEDIAN, 0.1, ANOTHERS)
    assert {f.severity for f in found.values()} == {"info"} and set(found) == {"breadth", "overloaded"}
    assert all("norms of your own" in f.message for f in found.values())
    found, _ = check(MANY, 0.1, ANOTHERS)  # too many outcomes are too many all the same
    assert found["overloaded"].severity == "red" and found["density"].severity in ("amber", "red")
    assert found["breadth"].severity == "info"


def test_rule_begins_exactly_at_its_percentiles() -> None:
    for percentile, is_broad in ((94.9, False), (95.1, True)):
        z = float(np.interp(percentile / 100, [p for _, p in _SHARES], [z for z, _ in _SHARES]))
        found, _ = check(MEDIAN, 0.5 - 0.1 * z)
        assert ("breadth" in found) == ("overloaded" in found) == is_broad


def test_every_finding_names_value_limit_norm_and_outcomes() -> None:
    found, missing = check(MANY, 0.1)
    assert missing == []
    for finding in found.values():
        assert finding.measured is not None and finding.limit is not None and finding.unit and finding.norm
        assert len(finding.outcomes) == MANY and finding.message and finding.advice
    assert found["density"].norm == "our catalogue, 500 courses, 95th percentile at 225 hours"
    assert found["breadth"].norm == "our courses in English, 300 courses, by the number of outcomes listed"
    assert "our catalogue" in str(found["overloaded"].norm) and "our courses in English" in str(
        found["overloaded"].norm
    )


def test_breadth_lists_topics_and_overloaded_proposes_the_split() -> None:
    n = 9 if MANY <= 9 else 3 * (MANY // 3 + 1)
    c = Credential("x", outcomes=outcomes(n), size=Size(9.0, "ECTS", (270.0, 270.0)))
    skill = Tag("esco", "1", "urn:prune", "prune trees", 0.8, None, (), "stub@1", "skill")
    tags = [(skill,) if i % 3 == 0 else () for i in range(n)]
    found, _ = overload.check(c, alike(n, 0.02, 3), norms=NORMS, tags=tags)
    by_rule = {f.rule: f for f in found}
    parts = by_rule["overloaded"].parts
    assert parts == by_rule["breadth"].parts and len(parts) == 3
    assert sorted(o for p in parts for o in p.outcomes) == sorted(o.id for o in c.outcomes)
    assert parts[0].terms[0] == "apples" and parts[0].skills == ("prune trees",) and parts[1].skills == ()
    assert sum(p.notional_hours[1] for p in parts if p.notional_hours) == pytest.approx(270.0)
    assert sum(p.credits for p in parts if p.credits) == pytest.approx(9.0)
    assert "apples" in by_rule["breadth"].message and "Split it into 3 credentials" in by_rule["overloaded"].advice
    tagged = TaggedCredential(c, tuple(TaggedOutcome(o) for o in c.outcomes), (), tuple(found))
    assert TaggedCredential.from_dict(tagged.to_dict()) == tagged


def test_without_topics_that_stand_apart_the_size_is_proposed() -> None:
    found, _ = check(MANY, 0.1)
    overloaded = found["overloaded"]
    if not overloaded.parts:
        assert "Split" not in overloaded.advice
    assert "ECTS credits" in overloaded.advice or "hours" in overloaded.advice or "Keep only" in overloaded.advice


@pytest.mark.parametrize(
    ("n", "cosine", "changes", "expected"),
    [
        (0, None, {}, {"density: no learning outcomes stated", "breadth: no learning outcomes stated"}),
        (
            2,
            0.5,
            {},
            {
                "density: 2 distinct outcomes, at least 3 are needed",
                "overloaded: 2 distinct outcomes, at least 3 are needed",
            },
        ),
        (
            6,
            0.5,
            {"size": Size()},
            {"density: the notional hours are not known", "overloaded: the notional hours are not known"},
        ),
        (
            6,
            None,
            {},
            {"breadth: the outcomes were not read", "overloaded: by density only; the outcomes were not read"},
        ),
    ],
)
def test_abstentions_are_named(n: int, cosine: float | None, changes: dict[str, Any], expected: set[str]) -> None:
    found, missing = check(n, cosine, **changes)
    assert found == {} and expected <= set(missing)


def test_breadth_is_said_without_hours_but_not_overload() -> None:
    found, missing = check(6, 0.1, size=Size())
    assert set(found) == {"breadth"} and any(m.startswith("overloaded: ") for m in missing)


def test_what_was_measured_orders_credentials() -> None:
    def together(n: int, cosine: float) -> float:
        c = Credential("x", outcomes=outcomes(n), size=Size(7.5, "ECTS", (HOURS, HOURS)))
        found = overload.assess(c, alike(n, cosine), norms=NORMS)
        assert found.together is not None and found.overload is not None
        return found.together

    assert together(4, 0.6) < together(6, 0.5) < together(8, 0.4) < together(12, 0.3)
