"""Agreement of the two labellings of the gold set before adjudication: Cohen's kappa, Krippendorff's alpha, by layer.

    python -m training.gold.agreement        # writes training/gold/agreement.json

Kappa (Cohen 1960; weighted: Cohen 1968, quadratic weights) where a judgement is one of a list; alpha (Krippendorff
2004) with the MASI distance (Passonneau 2006) where it is a set. Intervals: 95%, bootstrap over credentials.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.gold import FOLDER, read

__all__ = ["kappa", "main", "masi_distance", "measure", "set_alpha"]

SEED = 20261121
N_RESAMPLES = 1000
BLOOM = ("remember", "understand", "apply", "analyse", "evaluate", "create")
OVERLOAD = ("no", "too-many", "scattered", "award-sized")
Floats = npt.NDArray[np.float64]


def masi_distance(a: frozenset[Any], b: frozenset[Any]) -> float:
    """Return 1 - Jaccard x monotonicity (1 equal, 2/3 one within the other, 1/3 overlapping, 0 disjoint).

    Examples
    --------
    >>> masi_distance(frozenset({3}), frozenset({3})), masi_distance(frozenset(), frozenset({3}))
    (0.0, 1.0)
    >>> round(masi_distance(frozenset({3}), frozenset({3, 8})), 3)
    0.667
    """
    if a == b:
        return 0.0
    common = len(a & b)
    monotonicity = 2 / 3 if common in (len(a), len(b)) else 1 / 3
    return 1.0 - common / len(a | b) * monotonicity if common else 1.0


def kappa(table: npt.ArrayLike, *, quadratic: bool = False) -> float:
    """Return Cohen's kappa of a square contingency table (rows: first labelling); NaN where nothing could differ.

    Examples
    --------
    >>> kappa([[20, 5], [10, 15]])
    0.4
    """
    n = np.asarray(table, dtype=np.float64)
    k = len(n)
    i, j = np.indices((k, k))
    weight = (i - j) ** 2 / max((k - 1) ** 2, 1) if quadratic else (i != j).astype(np.float64)
    expected = n.sum(1, keepdims=True) * n.sum(0, keepdims=True) / n.sum()
    disagreement = float((weight * expected).sum())
    return round(1 - float((weight * n).sum()) / disagreement, 12) if disagreement else float("nan")


def set_alpha(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], distance: Floats, weights: Floats | None = None
) -> float:
    """Return Krippendorff's alpha of two labellings without gaps.

    Parameters
    ----------
    first, second : ndarray of int (n_items,)
        Numbers of the values given.
    distance : ndarray (n_values, n_values)
    weights : ndarray (n_items,) or None
        How often each item counts (a resample); None is once each.
    """
    w = np.ones(len(first)) if weights is None else weights
    observed = float((w * distance[first, second]).sum() / w.sum())
    counts = np.bincount(first, w, len(distance)) + np.bincount(second, w, len(distance))
    n = counts.sum()
    expected = float(counts @ distance @ counts) / (n * (n - 1))
    return 1 - observed / expected if expected else float("nan")


@dataclass(frozen=True, slots=True)
class _Layer:
    """One figure: the credential of each item, how many items, and the statistic of a weighting of the items."""

    unit: npt.NDArray[np.int64]
    statistic: Callable[[Floats], float]


def _categories(a: Sequence[int], b: Sequence[int], n_values: int, unit: Sequence[int], quadratic: bool) -> _Layer:
    cell = np.asarray(a) * n_values + np.asarray(b)

    def statistic(weights: Floats) -> float:
        table = np.bincount(cell, weights, n_values * n_values).reshape(n_values, n_values)
        return kappa(table, quadratic=quadratic)

    return _Layer(np.asarray(unit), statistic)


def _sets(a: Sequence[frozenset[Any]], b: Sequence[frozenset[Any]], unit: Sequence[int]) -> _Layer:
    values = sorted({*a, *b}, key=lambda s: sorted(map(str, s)))
    number = {v: i for i, v in enumerate(values)}
    distance = np.array([[masi_distance(x, y) for y in values] for x in values])
    first, second = np.array([number[x] for x in a]), np.array([number[x] for x in b])
    return _Layer(np.asarray(unit), lambda w: set_alpha(first, second, distance, w))


def _goals(outcome: dict[str, Any], relation: str = "contributes") -> frozenset[int]:
    return frozenset(g["goal"] for g in outcome["sdg"] if g["relation"] == relation)


def _targets(outcome: dict[str, Any]) -> frozenset[str]:
    return frozenset(t for g in outcome["sdg"] if g["relation"] == "contributes" for t in g["targets"])


def _layers() -> dict[str, _Layer]:
    first, second = read("annotations_1.jsonl"), read("annotations_2.jsonl")
    pool = {p["id"]: p["candidates"] for p in read("skill_pool.jsonl")}
    unit = [n for n, c in enumerate(first) for _ in c["outcomes"]]
    a = [o for c in first for o in c["outcomes"]]
    b = [o for c in second for o in c["outcomes"]]

    def binary(judge: Callable[[dict[str, Any]], Any]) -> _Layer:
        return _categories([int(bool(judge(o))) for o in a], [int(bool(judge(o))) for o in b], 2, unit, False)

    def pooled(judge: Callable[[dict[str, Any]], frozenset[Any]], values: Sequence[Any]) -> _Layer:
        one = [int(v in found) for found in map(judge, a) for v in values]
        two = [int(v in found) for found in map(judge, b) for v in values]
        return _categories(one, two, 2, [u for u in unit for _ in values], False)

    every_goal = range(1, 18)
    every_target = sorted({t for o in [*a, *b] for t in _targets(o)})
    layers = {
        "sdg any goal, kappa": binary(_goals),
        "sdg goals pooled, kappa": pooled(_goals, every_goal),
        "sdg mentions pooled, kappa": pooled(lambda o: _goals(o, "mentions"), every_goal),
        "sdg goal set, alpha": _sets([_goals(o) for o in a], [_goals(o) for o in b], unit),
    }
    for goal in every_goal:
        layers[f"sdg goal {goal}, kappa"] = binary(lambda o, goal=goal: goal in _goals(o))  # type: ignore[misc]
    layers["targets pooled, kappa"] = pooled(_targets, every_target)
    layers["target set, alpha"] = _sets([_targets(o) for o in a], [_targets(o) for o in b], unit)
    layers["bloom levels pooled, kappa"] = pooled(lambda o: frozenset(o["bloom"]), BLOOM)
    layers["bloom set, alpha"] = _sets([frozenset(o["bloom"]) for o in a], [frozenset(o["bloom"]) for o in b], unit)
    layers["assessable, kappa"] = binary(lambda o: o["assessable"])

    def judgement(outcome: dict[str, Any], concept: str) -> int:
        return 2 * (concept in outcome["skills"]["right"]) or int(concept in outcome["skills"]["near"])

    one, two = ([judgement(o, c) for o in found for c in pool[o["id"]]] for found in (a, b))
    of = [u for u, o in zip(unit, a, strict=True) for _ in pool[o["id"]]]
    layers["skills right or not, kappa"] = _categories([x // 2 for x in one], [x // 2 for x in two], 2, of, False)
    layers["skills right, near, wrong, weighted kappa"] = _categories(one, two, 3, of, True)
    right = [[frozenset(o["skills"]["right"]) for o in found] for found in (a, b)]
    layers["skill set, alpha"] = _sets(right[0], right[1], unit)
    credential = list(range(len(first)))
    kinds = [[OVERLOAD.index(c["overloaded"]) for c in found] for found in (first, second)]
    layers["overloaded, kappa"] = _categories(kinds[0], kinds[1], len(OVERLOAD), credential, False)
    levels = [[c["eqf"] - 1 for c in found] for found in (first, second)]
    layers["eqf, quadratic kappa"] = _categories(levels[0], levels[1], 8, credential, True)
    return layers


def measure(n_resamples: int = N_RESAMPLES) -> dict[str, dict[str, Any]]:
    """Return every figure: ``n`` judgements compared, ``value``, and ``interval`` (None without resamples)."""
    layers = _layers()
    n_credentials = 1 + max(int(layer.unit.max()) for layer in layers.values())
    random = np.random.default_rng(SEED)
    draws = random.multinomial(n_credentials, np.full(n_credentials, 1 / n_credentials), size=n_resamples)
    result = {}
    for name, layer in layers.items():
        interval = None
        if n_resamples:
            values = [layer.statistic(draw[layer.unit].astype(np.float64)) for draw in draws]
            interval = [round(float(x), 3) for x in np.nanpercentile(values, [2.5, 97.5])]
        value = layer.statistic(np.ones(len(layer.unit)))
        result[name] = {"n": len(layer.unit), "value": round(value, 3), "interval": interval}
    return result


def main() -> None:
    """Measure, print and write ``agreement.json``."""
    result = measure()
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(figure)}" for name, figure in result.items())
    (FOLDER / "agreement.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    for name, figure in result.items():
        low, high = figure["interval"]
        print(f"| {name} | {figure['n']:,} | {figure['value']:.2f} | {low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    main()
