"""Fit the model of breadth: whether outcomes read like one course, or like two put together.

    python -m training.overload --catalogues FOLDER [--encoder FOLDER] [--out models/breadth] [--check]

Learns from the tuning half of the English goal lists of one university (`training.merges`), and makes the norms from the same half;
the other half is for `training.evaluate_overload`. Weights and quantiles go into the folder, no text: words are kept as hashes only.
``--check`` compares what may be read and how, by folds of the tuning half, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.breadth import BreadthModel, BreadthNorms, deviates, expand, features, rarity_of, save_breadth
from tagger.density import load_norm
from tagger.encoder import Encoder, OnnxEncoder
from tagger.spread import fit_count_norm
from training.merges import HOURS_PER_CREDIT, KINDS, RealCourse, is_test, merges, one_of_each, read_real_courses
from training.texts import course_sentences

ID, VERSION = "breadth", "1.1.0"
TITLE = "Mid Sweden University syllabi in English"
SOURCE = {
    "name": "Mid Sweden University course syllabi, learning goals in English",
    "origin": "https://github.com/amandakann/kursplansanalys, MIUN-code/data/kursplaner_miun.xlsx, "
    "commit 633473cb089664fd74abe0e9bee940d786edda4c",
    "licence": "none stated in the repository; official documents of a Swedish public authority. No text of the source is in "
    "this folder",
}
EDINBURGH = {
    "name": "University of Edinburgh course descriptions 2024/25",
    "origin": "https://github.com/dogamujde/HacktheBurgh2025, scraped_data/courses, commit 6f3797912515067bc9aa7a4c1e34288c67e97141",
    "licence": "none stated in the repository. Only directions of variation were fitted: no text of the source is in this folder",
}
N_MERGES = 900
RIDGE = 0.003
N_DIRECTIONS, NOISE = 64, 0.3
SEED = 20261121
HERE = Path(__file__).parent / "overload"

Floats = npt.NDArray[np.float64]


def training_set(courses: Sequence[RealCourse], seed: int = SEED, n: int = N_MERGES) -> tuple[list[RealCourse], Floats]:
    """Return courses and merges of them, and what they are: 0 one course, 1 two."""
    made = [m for k, kind in enumerate(KINDS) for m in merges(courses, kind, n, seed + k)]
    real = list(courses)
    return real + made, np.r_[np.zeros(len(real)), np.ones(len(made))]


def read_descriptions(folder: Path, encoder: Encoder) -> list[tuple[str, npt.NDArray[np.float32]]]:
    """Return, for each course of `training.texts.course_sentences`, its subject and the vectors of its sentences."""
    courses = course_sentences(folder)
    unique = sorted({s for _, sentences in courses for s in sentences})
    vectors = dict(zip(unique, encoder.encode(unique), strict=True))
    return [(subject, np.stack([vectors[s] for s in sentences])) for subject, sentences in courses]


def directions(courses: Sequence[tuple[str, npt.NDArray[np.float32]]]) -> Floats:
    """Return the directions in which courses of one subject differ more than the sentences of one course do, (dim, k).

    Linear discriminants (Fisher 1936) of the course within its subject, each weighted by the share of its variance that is not noise.
    """
    within, n_within, noise = np.zeros((1, 1)), 0, []
    by_subject: dict[str, list[Floats]] = {}
    for subject, vectors in courses:
        rows = vectors.astype(np.float64)
        apart = rows - rows.mean(axis=0)
        within = within + apart.T @ apart
        n_within += len(rows) - 1
        noise.append(1 / len(rows))
        by_subject.setdefault(subject, []).append(rows.mean(axis=0))
    within = within / n_within
    between, n_between = np.zeros_like(within), 0
    for middles in by_subject.values():
        if len(middles) > 2:
            apart = np.array(middles) - np.mean(middles, axis=0)
            between += apart.T @ apart
            n_between += len(middles) - 1
    scale = float(np.trace(within))
    between = (between / n_between - within * float(np.mean(noise))) / scale  # without what few sentences add by chance
    within = within / scale + NOISE * np.eye(len(within)) / len(within)
    values, axes = np.linalg.eigh(within)
    whiten = axes / np.sqrt(values) @ axes.T
    ratio, turned = np.linalg.eigh(whiten @ between @ whiten)
    ratio, turned = np.clip(ratio[::-1][:N_DIRECTIONS], 0, None), turned[:, ::-1][:, :N_DIRECTIONS]
    return np.asarray(whiten @ turned * np.sqrt(ratio / (ratio + NOISE)))


def fit(
    courses: Sequence[RealCourse], encoder: Encoder, projection: Floats, *, ridge: float = RIDGE, seed: int = SEED
) -> BreadthModel:
    """Fit weights on courses and their merges, and norms on the courses."""
    from sklearn.linear_model import LogisticRegression

    rarity = rarity_of([c.texts for c in courses])
    examples, is_merge = training_set(courses, seed)
    middle = np.concatenate([c.vectors for c in courses]).mean(axis=0).astype(np.float64)
    x = np.array([features(e.vectors.astype(np.float64), e.texts, rarity, middle, projection) for e in examples])
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    scaled = expand(np.clip((x - centre) / scale, -6, 6))
    model = LogisticRegression(C=ridge, class_weight="balanced", max_iter=2000).fit(scaled, is_merge)
    centre, scale, weights, rarity = (
        np.asarray(v, dtype=np.float32).astype(np.float64) for v in (centre, scale, model.coef_[0], rarity)
    )
    found = BreadthModel(
        id=ID,
        version=VERSION,
        encoder_id=encoder.id,
        encoder_sha256=getattr(encoder, "sha256", None),
        centre=centre,
        scale=scale,
        weights=weights,
        middle=middle,
        projection=projection,
        rarity=rarity,
        joint=np.ones(2),
        joint_quantiles=np.array([0.0, 1.0]),
        norms=BreadthNorms(TITLE, len(courses), {}),
    )
    return replace(found, norms=norms_of(found, courses))


def fit_joint(model: BreadthModel, courses: Sequence[RealCourse], encoder: Encoder, projection: Floats) -> BreadthModel:
    """Fit how density and breadth count together, on separations by models that did not see the course (two halves)."""
    from sklearn.linear_model import LogisticRegression

    general = load_norm()
    clusters = sorted({c.cluster for c in courses})
    side = dict(zip(clusters, np.random.default_rng(SEED).permutation(len(clusters)) % 2, strict=True))
    rows: list[Floats] = []
    is_merge: list[float] = []
    for k in (0, 1):
        part = fit([c for c in courses if side[c.cluster] != k], encoder, projection)
        norm = part.norms.measures["separation"]
        held = one_of_each([c for c in courses if side[c.cluster] == k])
        made = [m for i, kind in enumerate(KINDS) for m in merges(held, kind, 300, SEED + 10 + i) if not KINDS[kind][1]]
        for course in [*held, *made]:
            n = len(course.texts)
            density = general.percentile(n, course.credits * HOURS_PER_CREDIT)
            breadth = norm.percentile(part.separation(course.vectors.astype(float), course.texts), n)
            rows.append(deviates(density, breadth))
        is_merge += [0.0] * len(held) + [1.0] * len(made)
    x, y = np.array(rows), np.array(is_merge)
    weights = LogisticRegression(C=1.0, class_weight="balanced").fit(x, y).coef_[0]
    quantiles = np.quantile(x[y == 0] @ weights, np.linspace(0, 1, 41))
    return replace(model, joint=weights, joint_quantiles=np.maximum.accumulate(quantiles + 1e-6 * np.arange(41)))


def norms_of(
    model: BreadthModel, courses: Sequence[RealCourse], tags: Callable[[RealCourse], Any] | None = None
) -> BreadthNorms:
    """Return the norms of breadth of these courses, one course of a cluster counting once."""
    single = {c.cluster: c for c in sorted(courses, key=lambda c: c.id, reverse=True)}
    pairs: dict[str, list[tuple[int, float]]] = {}
    for course in single.values():
        hours = course.credits * 40 * 40 / 60
        n_skills, n_goals = tags(course) if tags is not None else (None, None)
        for name, value in model.measure(course.vectors.astype(float), course.texts, hours, n_skills, n_goals).items():
            pairs.setdefault(name, []).append((len(course.texts), value))
    return BreadthNorms(TITLE, len(single), {name: fit_count_norm(found) for name, found in pairs.items()})


def counter_of_tags(encoder: Path) -> Callable[[RealCourse], tuple[int, int]]:
    """Return a function that counts the distinct skills and SDGs of a course, by the models at hand."""
    from tagger.encoder import load_encoder
    from tagger.model import Model
    from tagger.norms import Norms
    from tagger.tagging import Tagger

    loaded = load_encoder(encoder)
    models = [
        Model.load(name, encoder_id=loaded.id, encoder_sha256=getattr(loaded, "sha256", None))
        for name in ("sdg", "esco")
    ]
    tagger = Tagger(models, loaded, norms=Norms((load_norm(),)))

    def count(course: RealCourse) -> tuple[int, int]:
        from training.merges import credential

        [tagged] = tagger.tag([credential(course)[0]])
        skills = {t.concept for t in tagged.tags if t.taxonomy == "esco"}
        return len(skills), len({t.concept for t in tagged.tags if t.taxonomy == "sdg" and t.relation != "mentions"})

    return count


def check(courses: Sequence[RealCourse], encoder: Encoder, projection: Floats, n_folds: int = 3) -> None:
    """Print, by folds of the tuning half, how well the separation tells merges from courses, for some strengths of the ridge."""
    clusters = sorted({c.cluster for c in courses})
    fold = {c: i % n_folds for i, c in enumerate(np.random.default_rng(SEED).permutation(clusters))}
    for ridge in (0.001, 0.003, 0.01):
        rows: dict[str, list[tuple[float, float]]] = {}
        for k in range(n_folds):
            model = fit([c for c in courses if fold[c.cluster] != k], encoder, projection, ridge=ridge)
            held = one_of_each([c for c in courses if fold[c.cluster] == k])
            norm = model.norms.measures["separation"]

            def score(c: RealCourse, model: BreadthModel = model, norm: Any = norm) -> float:
                return float(norm.percentile(model.separation(c.vectors.astype(float), c.texts), len(c.texts)))

            for kind, (_, matched) in KINDS.items():
                negative = np.array([score(c) for c in held if len(c.texts) >= (4 if matched else 3)])
                positive = np.array([score(c) for c in merges(held, kind, 300, SEED + k)])
                auc = float(
                    (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
                )
                rows.setdefault(kind, []).append((auc, float((positive > np.quantile(negative, 0.95)).mean())))
        print(
            json.dumps(
                {"ridge": ridge, **{k: [round(float(x), 3) for x in np.mean(v, axis=0)] for k, v in rows.items()}}
            ),
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the recipe; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.overload", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--catalogues", type=Path, required=True, help="folder with miun_sweden.jsonl.gz")
    parser.add_argument("--encoder", type=Path, default=Path("models/encoder"))
    parser.add_argument("--out", type=Path, default=Path("models/breadth"))
    parser.add_argument("--no-tags", action="store_true", help="leave out the norms of skills and SDGs")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args(argv)
    encoder = OnnxEncoder(arguments.encoder)
    courses = [c for c in read_real_courses(arguments.catalogues, encoder) if not is_test(c)]
    projection = directions(read_descriptions(arguments.catalogues, encoder)).astype(np.float32).astype(np.float64)
    if arguments.check:
        check(courses, encoder, projection)
        return 0
    model = fit_joint(fit(courses, encoder, projection), courses, encoder, projection)
    if not arguments.no_tags:
        model = replace(model, norms=norms_of(model, courses, counter_of_tags(arguments.encoder)))
    card = (HERE / "card.md").read_text(encoding="utf-8")
    sources: list[dict[str, Any]] = [
        EDINBURGH,
        {**SOURCE, "n_courses": len(courses), "n_clusters": model.norms.n_courses},
    ]
    save_breadth(model, arguments.out, card=card, sources=sources, recipe="training/overload.py", seed=SEED)
    print(f"{len(courses)} courses, {model.norms.n_courses} clusters", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
