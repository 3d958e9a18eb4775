"""Measure the skills model on the job-advertisement sets that others are measured on, on names of course skills, and on the gold outcomes.

    python -m training.evaluate_skills --data DIR [--split dev|test] [--json FILE]

Ranking: R-precision at 5 (right concepts among the first min(5, number of right ones)), recall at 1 and 5 (any right concept there).
Decisions: micro precision, recall and F1 of what passes the shipped threshold, at most `max_tags` a text. Nothing is fitted here. Job
advertisements are not learning outcomes: their figures say nothing about a catalogue; the gold rows do. Intervals: 95%, 2,000
resamples of texts (gold: of outcomes).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tagger.tagging import Tagger
from training.evaluate_sdg import Line, interval, share
from training.texts import skill_names

__all__ = ["Case", "decisions", "main", "ranking"]

HERE = Path(__file__).parent
SETS = {
    "TECH": ("tech_test_dev_half", "53.8"),
    "HOUSE": ("house_test_dev_half", "46.6"),
    "TECHWOLF": ("techwolf_test_dev_half", "47.7"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A text and the IRIs of what it speaks to."""

    text: str
    right: frozenset[str]


def job_ads(data: Path, name: str, known: frozenset[str]) -> list[Case]:
    """Read one set; labels that ESCO v1.2.0 no longer has are dropped, and texts that then have none."""
    with (data / "skills" / "eval" / f"{name}.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    cases = [Case(r["text"], frozenset(x["uri"] for x in r["labels"]) & known) for r in records]
    return [case for case in cases if case.right]


def gold(split: str) -> list[Case]:
    """Read the gold outcomes of a split, those without a skill too."""
    with (HERE / "gold" / "credentials.jsonl").open(encoding="utf-8") as lines:
        credentials = [c for c in map(json.loads, lines) if c["split"] == split]
    return [
        Case(o["text"], frozenset(s["concept"] for s in o["skills"] if s["judgement"] == "right"))
        for c in credentials
        for o in c["outcomes"]
    ]


def names() -> list[Case]:
    """Read the names of course skills that were kept for evaluation, those without a concept too."""
    found = skill_names(for_evaluation=True)
    return [Case(text, frozenset(c for c, value in judged.items() if value == 2)) for text, judged in found]


def ranking(cases: Sequence[Case], ranked: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    """Return R-precision at 5, recall at 1 and at 5, each (n_cases,)."""
    found: dict[str, list[float]] = {"RP@5": [], "R@1": [], "R@5": []}
    for case, order in zip(cases, ranked, strict=True):
        k = min(5, len(case.right))
        found["RP@5"].append(len(case.right & set(order[:5])) / k)
        found["R@1"].append(float(order[0] in case.right))
        found["R@5"].append(float(bool(case.right & set(order[:5]))))
    return {name: np.array(values) for name, values in found.items()}


def decisions(cases: Sequence[Case], tagged: Sequence[frozenset[str]]) -> np.ndarray:
    """Return counts (n_cases, 3): tagged and right, tagged, right."""
    return np.array([[len(c.right & t), len(t), len(c.right)] for c, t in zip(cases, tagged, strict=True)], dtype=float)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="esco")
    parser.add_argument("--encoder")
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="half of the gold set")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tagger = Tagger.load([options.model], encoder=options.encoder)
    model = tagger.model_for("esco")
    concepts = model.taxonomy.concepts
    most, high = int(model.options["max_tags"]), float(model.options.get("high_confidence", 1.0))
    known = frozenset(c.id for c in concepts)
    sets = [(name, job_ads(options.data, file, known), best) for name, (file, best) in SETS.items()]
    sets.append(("names of course skills (our own, held-out half)", names(), ""))
    sets.append((f"gold outcomes, {options.split} half", gold(options.split), ""))
    lines = []
    for name, cases, best in sets:
        found = tagger.suggest([c.text for c in cases], "esco", 10)
        with_right = [i for i, c in enumerate(cases) if c.right]
        ranked = [[concepts[j].id for j, _ in found[i]] for i in with_right]
        for measure, values in ranking([cases[i] for i in with_right], ranked).items():
            lines.append(Line(name, measure, len(values), *share(values), known=best if measure == "RP@5" else ""))
        for label, threshold in (("decisions", None), ("high confidence", high)):
            tagged = [
                frozenset(
                    concepts[j].id
                    for j, p in row[:most]
                    if p >= (model.thresholds[j] if threshold is None else threshold)
                )
                for row in found
            ]
            counts = decisions(cases, tagged)
            n = len(cases)

            def precision(i: np.ndarray, c: np.ndarray = counts) -> float:
                return float(c[i, 0].sum() / max(c[i, 1].sum(), 1))

            def recall(i: np.ndarray, c: np.ndarray = counts) -> float:
                return float(c[i, 0].sum() / max(c[i, 2].sum(), 1))

            def f1(i: np.ndarray, c: np.ndarray = counts) -> float:
                return float(2 * c[i, 0].sum() / max(c[i, 1:].sum(), 1))

            for measure, statistic in (("precision", precision), ("recall", recall), ("F1", f1)):
                lines.append(Line(name, f"{label}: {measure}", n, *interval(n, statistic)))
            some = np.array([bool(t) for t in tagged], dtype=float)
            lines.append(Line(name, f"{label}: texts tagged", n, *share(some)))
    print("| set | measure | n | ours | 95% | best published |\n|---|---|---:|---:|---|---|")
    print("\n".join(line.render() for line in lines))
    if options.json:
        table = [{key: getattr(line, key) for key in Line.__slots__} for line in lines]
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
