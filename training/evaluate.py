"""Measure what the shipped program says of the gold set, and print one table.

    python -m training.evaluate [--split test|dev] [--data DIR] [--json FILE]

DIR adds the gate: a plain TF-IDF classifier trained on the rows of the SDG model (`training.texts.sdg_rows`), which a model
with an encoder has to beat. Nothing is fitted on the gold set. `n` is the number of gold labels for recall and F1, of tags for
precision, of cases for a share. Intervals are 95%, from 2,000 resamples of whole credentials (`training.measures`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tagger.levels import to_eqf
from tagger.records import Credential, LearningOutcome, Level, Size, Tag, TaggedCredential
from training.gold import credentials, read
from training.measures import Figure, Measure, draws, f1, macro_f1, markdown, quadratic_kappa, ratio

__all__ = ["figures", "main", "record", "tfidf_gate"]

GOALS = tuple(range(1, 18))
BLOOM = ("remember", "understand", "apply", "analyse", "evaluate", "create")
KINDS = ("too-many", "scattered", "award-sized", "big but fine", "no")
WARNINGS = ("amber", "red")
SIZE_RULES = ("size-award", "size-above-maximum", "size-exceptional")
DENSITY_RULES = ("density", "breadth", "overloaded")
Gold = dict[str, Any]
Sets = Sequence[Sequence[frozenset[Any]]]
"""For each credential, for each of its outcomes, a set of labels."""


def record(gold: Gold) -> Credential:
    """Return a gold credential as a catalogue would give it: without any label."""
    hours = gold["notional_hours"]
    return Credential(
        id=gold["id"],
        title=gold["title"],
        outcomes=tuple(LearningOutcome(o["id"], o["text"]) for o in gold["outcomes"]),
        provider=gold["provider"],
        language=gold["language"],
        jurisdiction=gold["jurisdiction"],
        size=Size(gold["credits"], gold["credit_system"], (float(hours), float(hours))),
        level=Level(gold["framework"], gold["level"]),
    )


def contributing(outcome: Gold) -> frozenset[int]:
    """Return the goals that a gold outcome contributes to."""
    return frozenset(g["goal"] for g in outcome["sdg"] if g["relation"] == "contributes")


def _gold_sets(golds: Sequence[Gold], labels: Callable[[Gold], Iterable[Any]]) -> list[list[frozenset[Any]]]:
    return [[frozenset(labels(o)) for o in c["outcomes"]] for c in golds]


def _tag_sets(
    tagged: Sequence[TaggedCredential], taxonomy: str, label: Callable[[Tag], Any]
) -> list[list[frozenset[Any]]]:
    def found(tags: Iterable[Tag]) -> frozenset[Any]:
        return frozenset(label(t) for t in tags if t.taxonomy == taxonomy and t.relation != "mentions")

    return [[found(o.tags) for o in c.outcomes] for c in tagged]


def _last(tag: Tag) -> str:
    return tag.concept.rsplit("/", 1)[1]


def _hits(gold: Sets, found: Sets, keep: Callable[[Any], bool] = lambda _: True) -> list[list[float]]:
    """Count per credential: tagged and right, tagged, right."""
    rows = []
    for g, f in zip(gold, found, strict=True):
        pairs = [({x for x in a if keep(x)}, {x for x in b if keep(x)}) for a, b in zip(g, f, strict=True)]
        rows.append(
            [
                float(sum(len(a & b) for a, b in pairs)),
                float(sum(len(b) for _, b in pairs)),
                float(sum(len(a) for a, _ in pairs)),
            ]
        )
    return rows


def _prf(layer: str, gold: Sets, found: Sets, prefix: str = "") -> list[Measure]:
    rows = _hits(gold, found)
    n_tags, n_labels = int(sum(r[1] for r in rows)), int(sum(r[2] for r in rows))
    return [
        Measure(layer, f"{prefix}precision", n_tags, [[r[0], r[1]] for r in rows], ratio),
        Measure(layer, f"{prefix}recall", n_labels, [[r[0], r[2]] for r in rows], ratio),
        Measure(layer, f"{prefix}F1", n_labels, rows, f1),
    ]


def _share(layer: str, name: str, cases: Sequence[Sequence[bool | None]]) -> Measure:
    """Measure the share of True among cases (per credential); None is no case."""
    rows = [[float(sum(x is True for x in c)), float(sum(x is not None for x in c))] for c in cases]
    return Measure(layer, name, int(sum(r[1] for r in rows)), rows, ratio)


def _by_class(gold: Sets, found: Sets, classes: Sequence[Any]) -> list[list[float]]:
    parts = [_hits(gold, found, lambda x, c=c: x == c) for c in classes]  # type: ignore[misc]
    return [[x for part in row for x in part] for row in zip(*parts, strict=True)]


def _pairwise(gold: Sets, found: Sets, case: Callable[[frozenset[Any], frozenset[Any]], bool | None]) -> Any:
    return [[case(a, b) for a, b in zip(g, f, strict=True)] for g, f in zip(gold, found, strict=True)]


def sdg_measures(layer: str, gold: Sets, found: Sets) -> list[Measure]:
    """Return the measures of goals: micro, macro, no-goal outcomes that are tagged, false goal 4, each goal."""
    n_labels = sum(len(s) for c in gold for s in c)
    measures = _prf(layer, gold, found, "micro ")
    measures.append(Measure(layer, "macro F1, 17 goals", n_labels, _by_class(gold, found, GOALS), macro_f1))
    measures.append(
        _share(
            layer, "outcomes without a goal: any tagged", _pairwise(gold, found, lambda a, b: None if a else bool(b))
        )
    )
    measures.append(
        _share(
            layer, "outcomes not of goal 4: 4 tagged", _pairwise(gold, found, lambda a, b: None if 4 in a else 4 in b)
        )
    )
    for goal in GOALS:
        rows = _hits(gold, found, lambda x, g=goal: x == g)  # type: ignore[misc]
        measures.append(Measure(layer, f"F1, goal {goal}", int(sum(r[2] for r in rows)), rows, f1))
    return measures


def skill_measures(golds: Sequence[Gold], found: Sets) -> list[Measure]:
    """Return the measures of ESCO links; near links are wrong in the main figures and counted apart."""

    def judged(*judgements: str) -> list[list[frozenset[Any]]]:
        return _gold_sets(golds, lambda o: (s["concept"] for s in o["skills"] if s["judgement"] in judgements))

    layer, right, near = "skills (ESCO)", judged("right"), judged("near")
    measures = _prf(layer, right, found)
    rows = [[r[0], r[1]] for r in _hits(near, found)]
    measures.append(Measure(layer, "tags that are near", int(sum(r[1] for r in rows)), rows, ratio))
    pool = {p["id"]: set(p["candidates"]) for p in read("skill_pool.jsonl")}
    unjudged = [
        [
            sum(
                s.rsplit("/", 1)[1] not in pool[o["id"]]
                for o, tags in zip(c["outcomes"], sets, strict=True)
                for s in tags
            )
        ]
        for c, sets in zip(golds, found, strict=True)
    ]
    rows = [[float(u), r[1]] for [u], r in zip(unjudged, rows, strict=True)]
    measures.append(
        Measure(layer, "tags that were not judged (count as wrong)", int(sum(r[1] for r in rows)), rows, ratio)
    )
    hit = _pairwise(right, found, lambda a, b: bool(a & b) if a else None)
    measures.append(_share(layer, "outcomes with a right skill: one of them tagged", hit))
    return measures


def level_measures(golds: Sequence[Gold], tagged: Sequence[TaggedCredential]) -> list[Measure]:
    """Return the measures of the EQF estimate, for the credentials where it does not abstain and for all."""
    layer = "EQF level"
    likeliest: list[int | None] = []
    answered: list[int | None] = []
    for t in tagged:
        estimate = t.credential.level.estimated
        shares = {} if estimate is None else estimate.distribution
        likeliest.append(int(max(shares, key=lambda level: shares[level])) if shares else None)
        answered.append(None if estimate is None else estimate.eqf)
    truth = [int(c["eqf"]) for c in golds]
    measures = [_share(layer, "estimated (no abstention)", [[a is not None] for a in answered])]
    for prefix, levels in (("", answered), ("all forced: ", likeliest)):
        pairs = list(zip(truth, levels, strict=True))
        confusion = [
            [float(b is not None and (a, b) == (i, j)) for i in range(1, 9) for j in range(1, 9)] for a, b in pairs
        ]
        n = sum(b is not None for b in levels)
        measures += [
            Measure(layer, f"{prefix}quadratic kappa", n, confusion, quadratic_kappa),
            _share(layer, f"{prefix}exact", [[None if b is None else a == b] for a, b in pairs]),
            _share(layer, f"{prefix}within one level", [[None if b is None else abs(a - b) <= 1] for a, b in pairs]),
        ]
    return measures


def mismatch_measures(golds: Sequence[Gold], tagged: Sequence[TaggedCredential]) -> list[Measure]:
    """Return how often a stated level far from the gold one is found, and how often one that is not."""
    measures = []
    for name, wanted in (("two levels or more", True), ("one level or none", False)):
        cases = []
        for g, t in zip(golds, tagged, strict=True):
            stated = to_eqf(g["framework"], g["level"])
            far = None if stated is None else min(abs(level - g["eqf"]) for level in stated[0]) >= 2
            cases.append([any(f.rule == "level-mismatch" for f in t.findings) if far is wanted else None])
        measures.append(_share("level finding", f"stated level off by {name}: mismatch found", cases))
    return measures


def _kind(gold: Gold) -> str:
    return "big but fine" if gold["big_but_fine"] else str(gold["overloaded"])


def finding_measures(golds: Sequence[Gold], tagged: Sequence[TaggedCredential]) -> list[Measure]:
    """Return how often each designed kind of credential gets each kind of finding, amber or red."""

    def has(t: TaggedCredential, rules: Sequence[str]) -> bool:
        return any(f.rule in rules and f.severity in WARNINGS for f in t.findings)

    measures = []
    for kind in KINDS:
        for name, rules in (("density", DENSITY_RULES), ("size", SIZE_RULES), ("either", DENSITY_RULES + SIZE_RULES)):
            cases = [[has(t, rules) if _kind(g) == kind else None] for g, t in zip(golds, tagged, strict=True)]
            label = "not overloaded" if kind == "no" else kind
            measures.append(_share("overload findings", f"{label}: {name} finding", cases))
    loaded = [[frozenset({"x"} if g["overloaded"] != "no" else ())] for g in golds]
    flagged = [[frozenset({"x"} if has(t, DENSITY_RULES + SIZE_RULES) else ())] for t in tagged]
    measures += _prf("overload findings", loaded, flagged, "any kind: ")
    return measures


def assessable_measures(golds: Sequence[Gold], tagged: Sequence[TaggedCredential]) -> list[Measure]:
    """Return the measures of wording findings against outcomes that are not assessable; none if there is no such finding."""
    if not any(f.rule.startswith("wording") for t in tagged for f in t.findings):
        return []
    gold = _gold_sets(golds, lambda o: () if o["assessable"] else ("x",))
    found = []
    for t in tagged:
        ids = {i for f in t.findings if f.rule.startswith("wording") for i in f.outcomes}
        found.append([frozenset({"x"} if o.outcome.id in ids else ()) for o in t.outcomes])
    return _prf("not assessable (wording findings)", gold, found)


def figures(
    golds: Sequence[Gold],
    tagged: Sequence[TaggedCredential],
    taxonomies: Iterable[str],
    gate: Sets | None = None,
) -> list[Figure]:
    """Return every figure.

    Parameters
    ----------
    golds : sequence of dict
        As `training.gold.credentials` gives them.
    tagged : sequence of TaggedCredential
        What the program says of `record` of each, in the same order.
    taxonomies : iterable of str
        Ids of the taxonomies that were tagged with: the others are left out, not counted as zero.
    gate : sets of goals, or None
        What `tfidf_gate` says of the same outcomes.
    """
    served = set(taxonomies)
    measures: list[Measure] = []
    goals = _gold_sets(golds, contributing)
    found_goals = _tag_sets(tagged, "sdg", lambda t: int(_last(t)))
    if "sdg" in served:
        measures += sdg_measures("SDG goals", goals, found_goals)
    if gate is not None:
        measures += sdg_measures("SDG goals, TF-IDF gate", goals, gate)
    if "sdg-targets" in served:
        gold = _gold_sets(
            golds, lambda o: (t for g in o["sdg"] if g["relation"] == "contributes" for t in g["targets"])
        )
        measures += _prf("SDG targets", gold, _tag_sets(tagged, "sdg-targets", _last))
    skills = _tag_sets(tagged, "esco", lambda t: t.concept)
    if "esco" in served:
        measures += skill_measures(golds, skills)
    if "bloom" in served:
        gold = _gold_sets(golds, lambda o: o["bloom"])
        found = _tag_sets(tagged, "bloom", lambda t: t.label.lower())
        measures += _prf("Bloom", gold, found, "micro ")
        n = sum(len(s) for c in gold for s in c)
        measures.append(Measure("Bloom", "macro F1, 6 levels", n, _by_class(gold, found, BLOOM), macro_f1))
        measures.append(_share("Bloom", "same set of levels", _pairwise(gold, found, lambda a, b: a == b)))
    measures += assessable_measures(golds, tagged)
    if "eqf" in served:
        measures += level_measures(golds, tagged) + mismatch_measures(golds, tagged)
    measures += finding_measures(golds, tagged)
    for name, sets in (("goal", found_goals), ("skill", skills)):
        if {"goal": "sdg", "skill": "esco"}[name] in served:
            measures.append(_share("abstention", f"outcomes without a {name} tag", [[not s for s in c] for c in sets]))
    weights = draws(len(golds))
    return [m.evaluate(weights) for m in measures]


def tfidf_gate(data: Path, golds: Sequence[Gold]) -> list[list[frozenset[Any]]]:
    """Train the gate and return its goals for each gold outcome.

    One logistic regression per goal on TF-IDF of words and word pairs, scikit-learn's defaults but for C = 10; the threshold
    of each goal is the one with the best F1 in five-fold cross-validation on the training rows.
    """
    from tagger.fit import best_threshold, fit_linear
    from training.texts import core, fingerprint, goal_matrix, sdg_rows

    rows = sdg_rows(data)
    targets = goal_matrix(rows)
    groups = [fingerprint(r.text) for r in rows]
    fit = fit_linear([core(r.text) for r in rows], None, targets, groups, lexical={"n_first": 0}, regularisation=10.0)
    known = ~np.isnan(targets)
    thresholds = [best_threshold(fit.unseen[known[:, g], g], targets[known[:, g], g]) for g in range(len(GOALS))]
    found = []
    for c in golds:
        reached = fit.head.scores([core(o["text"]) for o in c["outcomes"]], None) >= np.array(thresholds)
        found.append([frozenset(g + 1 for g in np.flatnonzero(row).tolist()) for row in reached])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write JSON if asked."""
    from tagger.tagging import Tagger

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--data", type=Path, help="data folder, for the TF-IDF gate")
    parser.add_argument("--json", type=Path, dest="out", help="file for the same figures as JSON")
    options = parser.parse_args(arguments)
    golds = list(credentials(options.split))
    tagger = Tagger.load()
    tagged = list(tagger.tag(record(c) for c in golds))
    gate = None
    if options.data is not None and options.data.is_dir():
        gate = tfidf_gate(options.data, golds)
    result = figures(golds, tagged, [m.taxonomy.id for m in tagger.models], gate)
    n_outcomes = sum(len(c["outcomes"]) for c in golds)
    models = ", ".join(m.name for m in tagger.models)
    print(f"Gold set, {options.split} half: {len(golds)} micro-credentials, {n_outcomes} outcomes. Models: {models}.\n")
    print(markdown(result), end="")
    if gate is None:
        print("\nWithout the TF-IDF gate: it is trained on a data folder (--data).")
    if options.out is not None:
        summary = {
            "split": options.split,
            "n_credentials": len(golds),
            "n_outcomes": n_outcomes,
            "models": [m.name for m in tagger.models],
            "encoder": tagger.encoder.id,
            "figures": [f.to_dict() for f in result],
        }
        options.out.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
