"""Real courses, and pairs of them put together at the size of one: what overload is learnt from and measured on.

No catalogue says which of its courses are overloaded. Two real courses put together in the hours of one are, by construction. Courses
that repeat one another (new editions, twins for two programmes) are one cluster, and clusters are either for tuning or for the
test, never both; nothing is merged with its own twin.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tagger.counting import count_outcomes
from tagger.encoder import Encoder, FloatArray
from tagger.records import Credential, LearningOutcome, Size
from tagger.text import split_outcomes
from training.texts import core

__all__ = ["KINDS", "RealCourse", "credential", "is_test", "merges", "one_of_each", "read_real_courses"]

HOURS_PER_CREDIT = 40 * 40 / 60
TEST_SHARE = 0.45
TWIN_COSINE, TWIN_SHARE = 0.9, 0.5
"""Two courses are twins if at least this share of the outcomes of each have a counterpart in the other with this cosine."""
MIN_OUTCOMES, MIN_MATCHED = 3, 4
KINDS = {
    "other subject": (False, False),
    "same subject": (True, False),
    "count matched, other subject": (False, True),
    "count matched, same subject": (True, True),
}
"""Name of a kind of merge to (of one subject, with the count matched)."""
_LEAD_IN = re.compile(
    r"(?:after|upon|on|having|when|by) (?:\w+ )?(?:complet|finish|success|the end)|the student (?:will|shall|should)\W*$",
    re.I,
)


@dataclass(frozen=True, slots=True, eq=False)
class RealCourse:
    """One course with its distinct outcomes.

    Attributes
    ----------
    id, subject, cluster : str
        `cluster` is shared by courses that repeat one another.
    credits : float
    texts : tuple of str
    vectors : ndarray of float32 (n, dim)
    sources : tuple of str
        Clusters of the courses that it was made of: its own, or two.
    """

    id: str
    subject: str
    cluster: str
    credits: float
    texts: tuple[str, ...]
    vectors: FloatArray
    sources: tuple[str, ...]


def read_real_courses(folder: Path, encoder: Encoder) -> list[RealCourse]:
    """Read the courses with at least three distinct English outcomes, split as the program splits them."""
    path = folder / "miun_sweden.jsonl.gz"
    if not path.is_file():
        raise SystemExit(f"error: `{path.name}`: no such file in the folder of catalogues")
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("outcomes_en") and row.get("credits"):
                found = split_outcomes(row.get("raw_en") or "\n".join(row["outcomes_en"]))
                texts = [s.text for s in found if len(s.text.split()) >= 3 and not _LEAD_IN.match(s.text)]
                rows.append((str(row["id"]), str(row["subject"]), float(row["credits"]), texts))
    unique = sorted({core(t) for *_, texts in rows for t in texts})
    vectors = dict(zip(unique, encoder.encode(unique), strict=True))
    courses = []
    for name, subject, credits, texts in rows:
        matrix = np.array([vectors[core(t)] for t in texts], dtype=np.float32).reshape(len(texts), encoder.dim)
        outcomes = [LearningOutcome(str(i), t) for i, t in enumerate(texts)]
        kept = [int(i) for i in count_outcomes(outcomes, matrix, acts=False).counted]
        if len(kept) >= MIN_OUTCOMES:
            courses.append((name, subject, credits, tuple(texts[i] for i in kept), matrix[kept]))
    clusters = _clusters([c[4] for c in courses], [c[0] for c in courses])
    return [
        RealCourse(name, subject, cluster, credits, texts, matrix, (cluster,))
        for (name, subject, credits, texts, matrix), cluster in zip(courses, clusters, strict=True)
    ]


def _clusters(vectors: Sequence[FloatArray], names: Sequence[str]) -> list[str]:
    parent = list(range(len(vectors)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, a in enumerate(vectors):
        for j in range(i):
            near = a @ vectors[j].T
            shares = (near.max(axis=1) >= TWIN_COSINE).mean(), (near.max(axis=0) >= TWIN_COSINE).mean()
            if min(shares) >= TWIN_SHARE:
                parent[root(i)] = root(j)
    first: dict[int, str] = {}
    for i, name in enumerate(names):
        first[root(i)] = min(first.get(root(i), name), name)
    return [first[root(i)] for i in range(len(vectors))]


def is_test(course: RealCourse) -> bool:
    """Say whether a course is kept for the test: by its cluster."""
    digest = hashlib.sha256(f"overload-v1|{course.cluster}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < TEST_SHARE


def one_of_each(courses: Sequence[RealCourse], credits: float = 7.5) -> list[RealCourse]:
    """Return one course of this size from each cluster, the first by its id."""
    found: dict[str, RealCourse] = {}
    for course in sorted(courses, key=lambda c: c.id):
        if course.credits == credits:
            found.setdefault(course.cluster, course)
    return list(found.values())


def merges(courses: Sequence[RealCourse], kind: str, n: int, seed: int, min_each: int = 2) -> list[RealCourse]:
    """Put pairs of courses together.

    Parameters
    ----------
    courses : sequence of RealCourse
    kind : str
        Key of `KINDS`. With the count matched, a merge lists as many outcomes as some real course does, half of them from
        either of its two; else it lists all of both.
    n : int
        How many to make.
    seed : int
    min_each : int
        Outcomes that each of the two gives at least when the count is matched.
    """
    same, matched = KINDS[kind]
    random = np.random.default_rng(seed)
    by_subject: dict[str, list[RealCourse]] = defaultdict(list)
    for course in courses:
        by_subject[course.subject].append(course)
    firsts = [c for c in courses if not same or len({d.cluster for d in by_subject[c.subject]}) > 1]
    counts = [len(c.texts) for c in courses if len(c.texts) >= 2 * min_each]
    made: list[RealCourse] = []
    for _ in range(200 * n):
        if len(made) == n:
            break
        a = firsts[int(random.integers(len(firsts)))]
        pool = by_subject[a.subject] if same else courses
        b = pool[int(random.integers(len(pool)))]
        if a.cluster == b.cluster or (not same and a.subject == b.subject):
            continue
        take_a, take_b = np.arange(len(a.texts)), np.arange(len(b.texts))
        if matched:
            total = counts[int(random.integers(len(counts)))]
            k = total // 2 if random.random() < 0.5 else total - total // 2
            if k > len(a.texts) or total - k > len(b.texts):
                continue
            take_a = np.sort(random.choice(take_a, k, replace=False))
            take_b = np.sort(random.choice(take_b, total - k, replace=False))
        texts = tuple(a.texts[i] for i in take_a) + tuple(b.texts[i] for i in take_b)
        vectors = np.concatenate([a.vectors[take_a], b.vectors[take_b]])
        made.append(
            RealCourse(f"{a.id}+{b.id}", a.subject, a.cluster, a.credits, texts, vectors, (a.cluster, b.cluster))
        )
    return made


def credential(course: RealCourse) -> tuple[Credential, npt.NDArray[np.float32]]:
    """Return a course as the program sees it."""
    outcomes = tuple(LearningOutcome(f"{course.id}/{i}", t) for i, t in enumerate(course.texts, 1))
    hours = course.credits * HOURS_PER_CREDIT
    size = Size(course.credits, "ECTS", (hours, hours))
    return Credential(course.id, outcomes=outcomes, language="en", size=size), course.vectors
