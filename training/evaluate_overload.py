"""Measure the overload findings: merged courses, and false alarms at institutions that the norms were not made from.

    python -m training.evaluate_overload --data FOLDER [--json FILE]        (`make evaluate-overload`)

Merges: two real courses of the test half in the hours of one (`training.merges`); what is measured is `tagger.overload.assess`, with
the shipped norms, as the program runs it. Intervals: whole courses are resampled, a merge counting as often as both of its courses.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tagger import overload
from tagger.density import load_norm
from tagger.encoder import OnnxEncoder
from tagger.norms import Course, Norms, build_norms
from training.density import HOURS_PER_CREDIT, read_courses
from training.merges import KINDS, RealCourse, credential, is_test, merges, one_of_each, read_real_courses

ID = "breadth"
SEED = 20261121
N_MERGES = 400
N_RESAMPLES = 500

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a measure, on how many cases, its value and 95% interval."""

    test: str
    measure: str
    n: int
    value: float
    interval: tuple[float, float] | None = None


# --- merges


def scores(courses: Sequence[RealCourse], norms: Norms) -> dict[str, Floats]:
    """Return density, breadth and overload percentiles, and whether the finding ``overloaded`` is made, for each course."""
    found = [overload.assess(*credential(c), norms=norms) for c in courses]
    return {
        "density": np.array([f.density or 0.0 for f in found]),
        "breadth": np.array([f.breadth or 0.0 for f in found]),
        "together": np.array([f.together or 0.0 for f in found]),
        "by the rule": np.array([f.overload or 0.0 for f in found]),
        "rule": np.array([float((f.overload or 0.0) >= overload.AMBER) for f in found]),
    }


def auroc(negative: Floats, positive: Floats, weight_n: Floats, weight_p: Floats) -> float:
    """Return the probability that a positive has the higher score, ties counting half, by weight."""
    order = np.argsort(negative, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weight_n[order])])
    left = np.searchsorted(negative[order], positive, side="left")
    right = np.searchsorted(negative[order], positive, side="right")
    wins = (below[left] + below[right]) / 2
    return float((wins @ weight_p) / (weight_p.sum() * weight_n.sum()))


def recall_at(negative: Floats, positive: Floats, weight_n: Floats, weight_p: Floats, alarms: float = 0.05) -> float:
    """Return the share of positives above the score that at most a share `alarms` of the negatives exceed."""
    order = np.argsort(-negative, kind="stable")
    share = np.cumsum(weight_n[order]) / weight_n.sum()
    at = negative[order][min(int(np.searchsorted(share, alarms, side="right")), len(order) - 1)]
    return float(weight_p[positive > at].sum() / weight_p.sum())


def merge_rows(courses: Sequence[RealCourse], norms: Norms) -> list[Row]:
    """Measure merges of the test half against its single courses."""
    real = one_of_each(courses)
    of_real = scores(real, norms)
    clusters = sorted({c.cluster for c in real})
    place = {c: i for i, c in enumerate(clusters)}
    draws = np.random.default_rng(SEED).multinomial(
        len(clusters), np.full(len(clusters), 1 / len(clusters)), N_RESAMPLES
    )
    rows = []
    own = np.array([place[c.cluster] for c in real])
    alarms = of_real["rule"]
    rows.append(_row("single courses", "finding `overloaded` (false alarms)", len(real), float(alarms.mean()), [
        float((d[own] @ alarms) / d[own].sum()) for d in draws
    ]))  # fmt: skip
    for name in ("density", "breadth"):
        flagged = (of_real[name] >= overload.AMBER).astype(float)
        rows.append(_row("single courses", f"finding `{name}`", len(real), float(flagged.mean()), [
            float((d[own] @ flagged) / d[own].sum()) for d in draws
        ]))  # fmt: skip
    for k, (kind, (_, matched)) in enumerate(KINDS.items()):
        made = merges(real, kind, N_MERGES, SEED + 100 + k)
        found = scores(made, norms)
        ends = np.array([[place[s] for s in m.sources] for m in made])
        kept = np.array([len(c.texts) >= (4 if matched else 3) for c in real])
        for score in ("together", "by the rule") if not matched else ("breadth",):
            negative, positive = of_real[score][kept], found[score]
            one_n, one_p = np.ones(len(negative)), np.ones(len(positive))
            aucs, recalls = [], []
            for d in draws:
                w_n, w_p = d[own[kept]].astype(float), (d[ends[:, 0]] * d[ends[:, 1]]).astype(float)
                if w_n.sum() and w_p.sum():
                    aucs.append(auroc(negative, positive, w_n, w_p))
                    recalls.append(recall_at(negative, positive, w_n, w_p))
            rows.append(_row(kind, f"AUROC, {score}", len(made), auroc(negative, positive, one_n, one_p), aucs))
            rows.append(
                _row(
                    kind,
                    f"recall at 5% false alarms, {score}",
                    len(made),
                    recall_at(negative, positive, one_n, one_p),
                    recalls,
                )
            )
        rows.append(_row(kind, "finding `overloaded`, as shipped", len(made), float(found["rule"].mean()), [
            float(((d[ends[:, 0]] * d[ends[:, 1]]) @ found["rule"]) / max((d[ends[:, 0]] * d[ends[:, 1]]).sum(), 1)) for d in draws
        ]))  # fmt: skip
    return rows


def _row(test: str, measure: str, n: int, value: float, resampled: Sequence[float]) -> Row:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Row(test, measure, n, round(value, 3), (round(float(low), 3), round(float(high), 3)))


# --- false alarms elsewhere


def alarms(
    courses: Sequence[Course], norms: Norms, names: Sequence[str] = ("density", "breadth", "overloaded")
) -> dict[str, tuple[float, int]]:
    """Return the share of courses that each finding is made for at the 95th percentile, and of how many."""
    flags: dict[str, list[bool]] = {name: [] for name in names}
    density, breadth = norms.density, norms.breadth_norms()
    for course in courses:
        if course.n_outcomes < overload.MIN_OUTCOMES or course.hours is None:
            continue
        norm = next((n for n in density if n.covers(course.hours)), None)
        d = None if norm is None else norm.percentile(course.n_outcomes, course.hours)
        b = None
        if breadth is not None and "separation" in course.measures:
            b = breadth.measures["separation"].percentile(course.measures["separation"], course.n_outcomes)
        if "density" in flags and d is not None:
            flags["density"].append(d >= overload.AMBER)
        if "breadth" in flags and b is not None:
            flags["breadth"].append(b >= overload.AMBER)
        if "overloaded" in flags and d is not None and b is not None:
            flags["overloaded"].append(d >= overload.AMBER or (b >= overload.AMBER and d >= overload.MEDIAN))
    return {name: (float(np.mean(found)), len(found)) for name, found in flags.items() if found}


def alarm_rows(
    test: str, courses: Sequence[Course], norms: Norms, *, n_splits: int = 40, contaminated: float = 0.0
) -> list[Row]:
    """Measure false alarms with the shipped norms, and with norms calibrated without labels on a half that is not tested."""
    rows = [
        Row(test, f"`{name}`, shipped norm", n, round(value, 3), _wilson(value, n))
        for name, (value, n) in alarms(courses, norms).items()
    ]
    random = np.random.default_rng(SEED)
    found: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for _ in range(n_splits):
        order = random.permutation(len(courses))
        half = [courses[int(i)] for i in order[: len(order) // 2]]
        other = [courses[int(i)] for i in order[len(order) // 2 :]]
        if contaminated:
            k = round(contaminated * len(half))
            half = [
                replace(c, n_outcomes=2 * c.n_outcomes, n_acts=2 * c.n_acts) if i < k else c for i, c in enumerate(half)
            ]
        own = build_norms(half, norms, title="this catalogue")
        for name, (value, n) in alarms(other, own).items():
            found.setdefault(name, []).append(value)
            sizes[name] = n
    label = "calibrated without labels" + (f", {contaminated:.0%} of it doubled" if contaminated else "")
    for name, values in found.items():
        low, high = np.percentile(values, [2.5, 97.5])
        rows.append(
            Row(
                test,
                f"`{name}`, {label}",
                sizes[name],
                round(float(np.mean(values)), 3),
                (round(float(low), 3), round(float(high), 3)),
            )
        )
    return rows


def _wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    centre, half = share + z * z / (2 * n), z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return round(max(low, 0.0), 3), round(min(high, 1.0), 3)


def as_courses(courses: Sequence[RealCourse], norms: Norms) -> list[Course]:
    """Return real courses as what norms are made of."""
    return [overload.course_of(*credential(c), norms=norms) for c in courses]


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as one table, a test named on its first row only."""
    lines = ["| test | measure | n | value | 95% interval |", "|---|---|---:|---:|---|"]
    previous = None
    for row in rows:
        interval = "–" if row.interval is None else f"{row.interval[0]:.3f} to {row.interval[1]:.3f}"
        lines.append(
            f"| {row.test if row.test != previous else ''} | {row.measure} | {row.n:,} | {row.value:.3f} | {interval} |"
        )
        previous = row.test
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate_overload", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with catalogues/")
    parser.add_argument("--encoder", type=Path, default=Path("models/encoder"))
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    parser.add_argument("--markdown", type=Path, help="write the table there as well")
    arguments = parser.parse_args(argv)
    catalogues = arguments.data / "catalogues"
    if not (catalogues / "miun_sweden.jsonl.gz").is_file():
        print("error: no catalogues/miun_sweden.jsonl.gz in the data folder", file=sys.stderr)
        return 2
    encoder = OnnxEncoder(arguments.encoder)
    norms = Norms.shipped().for_encoder(encoder.id, encoder.sha256)
    courses = read_real_courses(catalogues, encoder)
    test = [c for c in courses if is_test(c)]
    rows = merge_rows(test, norms)
    miun = Norms((load_norm(),), (), norms.model)
    rows += subject_rows(catalogues, miun)
    irish = catalogues / "ie_module_descriptors_48.csv"
    if irish.is_file():
        found = as_courses(read_irish(irish, encoder), miun)
        rows += [
            Row("an Irish institution", f"`{k}`, shipped norm", n, round(v, 3), _wilson(v, n))
            for k, (v, n) in alarms(found, miun).items()
        ]
    edinburgh = catalogues / "edinburgh_drps_2024_25.jsonl.gz"
    if edinburgh.is_file():
        found = as_courses(read_edinburgh(edinburgh, encoder), miun)
        test_name = "another university, Edinburgh (sentences of descriptions)"
        breadth_only = [row for row in alarm_rows(test_name, found, miun) if "breadth" in row.measure]
        rows += breadth_only
    print(markdown(rows), end="")
    if arguments.markdown:
        made_with = (
            f"Encoder {encoder.id}, `{ID}` and `density` as shipped. Program's own check, `make evaluate-overload`.\n\n"
        )
        arguments.markdown.write_text(made_with + markdown(rows), encoding="utf-8", newline="\n")
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                [asdict(row) for row in rows],
                indent=1,
            )
            + "\n",
            encoding="utf-8",
        )
    return 0


def subject_rows(catalogues: Path, norms: Norms) -> list[Row]:
    """Measure false alarms of density where half of the subjects of one university are another institution."""
    courses = read_courses(catalogues)
    subjects = sorted({c.subject for c in courses})
    random = np.random.default_rng(SEED)
    values = []
    for _ in range(10):
        chosen = set(random.permutation(subjects)[: len(subjects) // 2])
        known = [Course(c.n_outcomes, c.n_outcomes, c.hours, {}) for c in courses if c.subject in chosen]
        unseen = [Course(c.n_outcomes, c.n_outcomes, c.hours, {}) for c in courses if c.subject not in chosen]
        values.append(alarms(unseen, build_norms(known, norms, title="x"), ("density",))["density"][0])
    low, high = np.percentile(values, [2.5, 97.5])
    return [Row("unseen subjects, Mid Sweden in Swedish", "`density`, calibrated without labels", len(courses) // 2,
                round(float(np.mean(values)), 3), (round(float(low), 3), round(float(high), 3)))]  # fmt: skip


def read_edinburgh(path: Path, encoder: OnnxEncoder, n_courses: int = 600) -> list[RealCourse]:
    """Read courses of the University of Edinburgh, sentences of their descriptions standing in for outcomes, eight at most."""
    from tagger.text import split_sentences
    from training.texts import core

    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    courses = []
    for i in np.random.default_rng(SEED).permutation(len(rows)).tolist():
        row = rows[i]
        text = f"{row.get('summary') or ''} {row.get('description') or ''}"
        found = [s.text for s in split_sentences(text) if 5 <= len(s.text.split()) <= 45]
        texts = tuple(dict.fromkeys(found))[:8]
        if len(texts) >= 3 and row.get("credits"):
            vectors = encoder.encode([core(t) for t in texts])
            ects = float(row["credits"]) * 10 / HOURS_PER_CREDIT
            courses.append(RealCourse(row["id"], row["subject"], row["id"], ects, texts, vectors, (row["id"],)))
        if len(courses) == n_courses:
            break
    return courses


def read_irish(path: Path, encoder: OnnxEncoder) -> list[RealCourse]:
    """Read the modules of an Irish institution that have outcomes and a size; 30 hours a credit at most."""
    from tagger.text import split_outcomes
    from training.texts import core

    courses = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            texts = tuple(s.text for s in split_outcomes(row["Learning_Outcomes"] or ""))
            if len(texts) >= 3 and row["Credits"]:
                vectors = encoder.encode([core(t) for t in texts])
                name = row["Code"]
                courses.append(
                    RealCourse(name, row["Department"], name, float(row["Credits"]), texts, vectors, (name,))
                )
    return courses


if __name__ == "__main__":
    raise SystemExit(main())
