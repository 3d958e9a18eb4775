"""The recipes of breadth and its evaluation: merges that keep their promises, figures that count right."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest

from tagger.density import load_norm
from tagger.encoder import FloatArray
from tagger.norms import Course, Norms
from training import evaluate_overload, overload
from training.merges import KINDS, RealCourse, credential, is_test, merges, one_of_each

DIM = 16


class Stub:
    """Vectors that depend on the words of a text."""

    id = "stub@1"
    dim = DIM

    def encode(self, texts: Sequence[str]) -> FloatArray:
        rows = []
        for text in texts:
            row = np.zeros(DIM)
            for word in text.lower().split():
                seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
                row += np.random.default_rng(seed).normal(size=DIM)
            rows.append(row / np.linalg.norm(row))
        return np.array(rows, dtype=np.float32)


def course(i: int) -> RealCourse:
    rng = np.random.default_rng(i)
    subject = f"subject{i % 4}"
    texts = tuple(f"explain {subject} theme{i} part{j} {rng.integers(99)}" for j in range(int(rng.integers(3, 9))))
    return RealCourse(f"c{i}", subject, f"c{i - i % 2}", 7.5, texts, Stub().encode(texts), (f"c{i - i % 2}",))


COURSES = [course(i) for i in range(120)]


@pytest.mark.parametrize("kind", KINDS)
def test_merges_keep_their_promises(kind: str) -> None:
    same, matched = KINDS[kind]
    made = merges(COURSES, kind, 50, 1)
    assert len(made) == 50 and [m.id for m in merges(COURSES, kind, 50, 1)] == [m.id for m in made]
    by_id = {c.id: c for c in COURSES}
    counts = {len(c.texts) for c in COURSES}
    for merge in made:
        a, b = (by_id[name] for name in merge.id.split("+"))
        assert a.cluster != b.cluster and (a.subject == b.subject) == same and merge.credits == a.credits
        assert set(merge.texts) <= {*a.texts, *b.texts} and len(merge.vectors) == len(merge.texts)
        own = [len(set(merge.texts) & set(x.texts)) for x in (a, b)]
        assert len(merge.texts) in counts and min(own) >= 2 if matched else own == [len(a.texts), len(b.texts)]


def test_twins_are_on_one_side() -> None:
    assert len({c.cluster for c in one_of_each(COURSES)}) == len(one_of_each(COURSES)) == 60
    sides = {c.cluster: is_test(c) for c in COURSES}
    assert all(is_test(c) == sides[c.cluster] for c in COURSES) and 15 < sum(sides.values()) < 40


def test_model_learns_to_tell_merges() -> None:
    descriptions = [(c.subject, c.vectors) for c in COURSES]
    projection = overload.directions(descriptions)
    assert projection.shape[0] == DIM
    model = overload.fit(COURSES[:80], Stub(), projection)
    norms = Norms((load_norm(),), (), model)
    single = evaluate_overload.scores(COURSES[80:], norms)["breadth"]
    merged = evaluate_overload.scores(merges(COURSES[80:], "count matched, other subject", 60, 3), norms)["breadth"]
    assert merged.mean() > single.mean() + 10


def test_figures() -> None:
    negative, positive = np.arange(100.0), np.array([98.5, 50.0, 200.0])
    one = np.ones
    assert evaluate_overload.auroc(negative, positive, one(100), one(3)) == pytest.approx((99 + 50.5 + 100) / 300)
    assert evaluate_overload.recall_at(negative, positive, one(100), one(3)) == pytest.approx(2 / 3)


def test_alarms_elsewhere_are_calibrated_without_labels() -> None:
    rng = np.random.default_rng(4)
    courses = [Course(int(n), int(n), 225.0, {}) for n in rng.poisson(9, 400) + 3]
    rows = evaluate_overload.alarm_rows("x", courses, Norms((load_norm(),)), n_splits=4)
    calibrated = next(r for r in rows if "without labels" in r.measure)
    shipped = next(r for r in rows if "shipped" in r.measure)
    assert calibrated.value < 0.12 < shipped.value and "| x |" in evaluate_overload.markdown(rows)


def test_credential_of_a_course_has_its_size() -> None:
    found, vectors = credential(COURSES[0])
    assert found.size.notional_hours == (200.0, 200.0) and len(vectors) == len(found.outcomes)
