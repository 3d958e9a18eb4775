"""Measuring a model on labelled texts, alone or against another on the same cases.

Every figure is a function of counts summed over groups (courses, or texts where there are no courses), so that one resampling
of whole groups gives all intervals (cluster bootstrap, Efron and Tibshirani 1993; percentiles 2.5 and 97.5). Only what was
judged counts: a concept of which nothing is known for a text is neither right nor wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.encoder import FloatArray
from tagger.tagging import Tagger
from tagger.text import words
from tagger.train.labels import Example

__all__ = ["Cases", "combined_levels", "compare", "measure", "predict"]

N_RESAMPLES = 1000
SEED = 20261121
RANKED = 100
"""Of a larger taxonomy, so many concepts of each text are looked at."""
BINS = 10
LENGTHS = ((0, 8, "up to 7 words"), (8, 16, "8 to 15 words"), (16, 31, "16 to 30 words"), (31, 10**9, "over 30 words"))
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cases:
    """Texts with what is true of them and what a model says of them.

    Attributes
    ----------
    examples : sequence of Example, length n
    labels : sequence of str
        Names of the concepts that are judged or tagged somewhere: the columns of the arrays.
    concepts : sequence of int
        Their positions in the taxonomy.
    targets : ndarray of float32 (n, n_labels)
        1, 0, or NaN where nothing is known.
    probability : ndarray of float32 (n, n_labels)
    tagged : ndarray of bool (n, n_labels)
        What the tagger would tag: by threshold, and at most so many.
    is_exclusive : bool
        True where one concept holds of each text (levels).
    """

    examples: Sequence[Example]
    labels: Sequence[str]
    concepts: Sequence[int]
    targets: FloatArray
    probability: FloatArray
    tagged: Flags
    is_exclusive: bool = False

    @classmethod
    def of(
        cls,
        examples: Sequence[Example],
        names: Sequence[str],
        said: Sequence[Mapping[int, float]],
        tagged: Sequence[frozenset[int]],
        is_exclusive: bool = False,
        concepts: Sequence[int] | None = None,
    ) -> Cases:
        """Bring together what is true and what was said, each by position in the taxonomy.

        `concepts` are the columns; None for those that are judged or tagged, or for all of a taxonomy of up to 100.
        """
        used = {c for e in examples for c in e.judged} | {c for row in tagged for c in row}
        columns = list(concepts) if concepts is not None else sorted(used)
        if concepts is None and len(names) <= RANKED:
            columns = list(range(len(names)))
        place = {c: i for i, c in enumerate(columns)}
        shape = (len(examples), len(columns))
        targets, probability = np.full(shape, np.nan, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        hit = np.zeros(shape, dtype=bool)
        for n, example in enumerate(examples):
            if example.is_complete:
                targets[n] = 0
            for c, value in example.judged.items():
                targets[n, place[c]] = value
            for c, p in said[n].items():
                if c in place:
                    probability[n, place[c]] = p
            for c in tagged[n]:
                hit[n, place[c]] = True
        return cls(examples, [names[c] for c in columns], columns, targets, probability, hit, is_exclusive)


def predict(tagger: Tagger, taxonomy: str, examples: Sequence[Example], concepts: Sequence[int] | None = None) -> Cases:
    """Return what a tagger says of examples, with its thresholds and its limit of tags.

    Levels are estimated for the texts of a group together, as for the outcomes of a credential.

    Raises
    ------
    KeyError
        If no model of the tagger serves the taxonomy.
    """
    model = tagger.model_for(taxonomy)
    names = [c.label for c in model.taxonomy.concepts]
    k = len(names) if len(names) <= RANKED or model.parent is not None else RANKED
    texts = [e.text for e in examples]
    said = [dict(row) for row in tagger.suggest(texts, taxonomy, k)]
    if "shrink" in model.options:
        return combined_levels(model.combine, names, model.thresholds, examples, said)
    most = int(model.options.get("max_tags", 3))
    above: list[frozenset[int]] | None = None
    broader: list[frozenset[int]] = []
    if model.parent is not None:
        parent = tagger.model_for(model.parent)
        ranked = tagger.suggest(texts, model.parent, len(parent.taxonomy.concepts))
        above = [_reach(dict(row), parent.thresholds, int(parent.options.get("max_tags", 3))) for row in ranked]
        broader = [frozenset(parent.taxonomy.index(b) for b in c.broader) for c in model.taxonomy.concepts]
    tagged = []
    for n, row in enumerate(said):
        if above is not None:
            row = {c: p for c, p in row.items() if broader[c] & above[n]}
        tagged.append(_reach(row, model.thresholds, most))
    wanted = concepts
    if wanted is None and len(names) > RANKED:
        wanted = sorted({c for e in examples for c in e.judged} | {c for row in tagged for c in row})
    tagged = tagged if wanted is None else [row & frozenset(wanted) for row in tagged]
    return Cases.of(examples, names, said, tagged, concepts=wanted)


def _reach(row: Mapping[int, float], thresholds: FloatArray, most: int) -> frozenset[int]:
    ranked = sorted(row.items(), key=lambda x: (-x[1], x[0]))
    return frozenset([c for c, p in ranked if p >= thresholds[c]][:most])


def combined_levels(
    combine: Callable[[FloatArray], npt.NDArray[np.floating]],
    names: Sequence[str],
    thresholds: FloatArray,
    examples: Sequence[Example],
    said: Sequence[Mapping[int, float]],
) -> Cases:
    """Return a case for each group: the levels of its texts brought together, as for the outcomes of a credential."""
    rows = np.array([[row.get(i, 0.0) for i in range(len(names))] for row in said], dtype=np.float32)
    members: dict[tuple[str, tuple[tuple[int, float], ...]], list[int]] = {}
    for n, e in enumerate(examples):
        members.setdefault((e.group, tuple(sorted(e.judged.items()))), []).append(n)
    cases, together, tagged = [], [], []
    for which in members.values():
        p = combine(rows[which])
        top = int(p.argmax())
        cases.append(replace(examples[which[0]], text=" ".join(examples[i].text for i in which)))
        together.append(dict(enumerate(p.tolist())))
        tagged.append(frozenset([top]) if p[top] >= thresholds[top] else frozenset())
    return Cases.of(cases, names, together, tagged, is_exclusive=True)


# --- figures


def measure(cases: Cases) -> dict[str, Any]:
    """Return every figure, ready for JSON.

    Returns
    -------
    dict
        ``n`` texts, ``n_groups``, ``n_judged`` (texts times concepts), ``macro``, ``micro`` and ``classes`` (n, precision,
        recall, f1 and its interval), ``calibration`` (ece, brier, bins), ``coverage`` (a row for each threshold),
        ``abstained`` (share of texts without a tag), ``confusion`` (what was tagged in place of what), ``slices``.
    """
    counts, n_groups = _counts(cases)
    weights = _resamples(n_groups)
    classes = {}
    by_class = counts.reshape(n_groups, -1, 3)
    resampled = np.einsum("bg,gck->bck", weights, by_class) if n_groups else np.zeros((1, len(cases.labels), 3))
    for i, label in enumerate(cases.labels):
        sums = by_class[:, i].sum(axis=0)
        if sums[1] or sums[2]:
            classes[label] = _row(sums, _f1(resampled[:, i]), int((by_class[:, i, 1:].sum(axis=1) > 0).sum()))
    macro_sums = by_class.sum(axis=0)
    macro = {"n": int(macro_sums[:, 2].sum()), "classes": int((macro_sums[:, 2] > 0).sum())}
    values = {k: f(macro_sums) for k, f in (("precision", _precision), ("recall", _recall), ("f1", _f1))}
    found = macro_sums[:, 2] > 0
    macro |= {k: _round(v[found].mean()) if found.any() else None for k, v in values.items()}  # type: ignore[misc]
    macro["interval"] = _interval(_macro(resampled))  # type: ignore[assignment]
    return {
        "n": len(cases.examples),
        "n_groups": n_groups,
        "n_judged": int((~np.isnan(cases.targets)).sum()),
        "macro": macro,
        "micro": _row(macro_sums.sum(axis=0), _f1(resampled.sum(axis=1))),
        "classes": classes,
        "calibration": _calibration(cases),
        "coverage": _coverage(cases),
        "abstained": _round(float((~cases.tagged.any(axis=1)).mean())) if len(cases.examples) else None,
        "confusion": _confusion(cases),
        "slices": _slices(cases),
    }


def compare(new: Cases, old: Cases) -> dict[str, Any]:
    """Compare two models on the same cases: paired differences, new less old, with 95% intervals by group.

    Returns
    -------
    dict
        ``macro_f1`` and ``micro_f1``: new, old, difference, interval, and ``better`` (share of resamples in which the new one is);
        ``classes``: the same for each class, and ``lost``: classes that the old model finds and the new one does not.

    Raises
    ------
    ValueError
        If the cases are not the same.
    """
    if list(new.concepts) != list(old.concepts) or [e.text for e in new.examples] != [e.text for e in old.examples]:
        raise ValueError("the two models were not measured on the same cases")
    (a, n_groups), (b, _) = _counts(new), _counts(old)
    weights = _resamples(n_groups)
    a, b = a.reshape(n_groups, -1, 3), b.reshape(n_groups, -1, 3)
    ra, rb = np.einsum("bg,gck->bck", weights, a), np.einsum("bg,gck->bck", weights, b)
    sa, sb = a.sum(axis=0), b.sum(axis=0)
    classes = {
        label: _difference(_f1(sa[None, i])[0], _f1(sb[None, i])[0], _f1(ra[:, i]), _f1(rb[:, i]))
        for i, label in enumerate(new.labels)
        if sa[i, 2] or sa[i, 1] or sb[i, 1]
    }
    return {
        "n": len(new.examples),
        "n_groups": n_groups,
        "macro_f1": _difference(_macro(sa[None])[0], _macro(sb[None])[0], _macro(ra), _macro(rb)),
        "micro_f1": _difference(
            _f1(sa.sum(0)[None])[0], _f1(sb.sum(0)[None])[0], _f1(ra.sum(axis=1)), _f1(rb.sum(axis=1))
        ),
        "classes": classes,
        "lost": [label for i, label in enumerate(new.labels) if sb[i, 0] > 0 and sa[i, 0] == 0],
    }


def _counts(cases: Cases) -> tuple[Floats, int]:
    """Return for each group and label: tagged and right, tagged, right; as (n_groups, 3 n_labels)."""
    known = ~np.isnan(cases.targets)
    true: Flags = cases.targets > 0
    said = cases.tagged & known
    groups = {g: i for i, g in enumerate(dict.fromkeys(e.group for e in cases.examples))}
    rows = np.array([groups[e.group] for e in cases.examples], dtype=np.int64)
    counts = np.zeros((len(groups), len(cases.labels), 3))
    truth = true
    if cases.is_exclusive:
        # A stated level may span several: the estimate is right if it is one of them, and one is to be found.
        first = np.zeros_like(true)
        first[np.arange(len(true)), cases.targets.argmax(axis=1)] = true.any(axis=1)
        hit = said & true
        truth = np.where(hit.any(axis=1, keepdims=True), hit, first)
    for k, what in enumerate((said & truth, said, truth)):
        np.add.at(counts[:, :, k], rows, what.astype(np.float64))
    return counts.reshape(len(groups), -1), len(groups)


def _resamples(n_groups: int) -> Floats:
    random = np.random.default_rng(SEED)
    if not n_groups:
        return np.zeros((1, 0))
    return random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=N_RESAMPLES).astype(np.float64)


def _precision(s: Floats) -> Floats:
    return np.asarray(s[..., 0] / np.maximum(s[..., 1], 1))


def _recall(s: Floats) -> Floats:
    return np.asarray(s[..., 0] / np.maximum(s[..., 2], 1))


def _f1(s: Floats) -> Floats:
    return np.asarray(2 * s[..., 0] / np.maximum(s[..., 1] + s[..., 2], 1))


def _macro(s: Floats) -> Floats:
    """Return the mean F1 over the classes that there are to find."""
    there = s[..., 2] > 0
    return np.asarray(np.where(there, _f1(s), 0).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1))


def _round(value: float) -> float:
    return round(float(value), 4)


def _interval(values: Floats) -> list[float]:
    return [_round(v) for v in np.percentile(values, (2.5, 97.5))]


def _row(sums: Floats, resampled: Floats, n_groups: int | None = None) -> dict[str, Any]:
    """Return the figures of a class; where every resample says 0 or 1, the interval is Wilson's (1927) over its groups."""
    interval = _interval(resampled)
    if n_groups and interval[0] == interval[1] and interval[0] in (0.0, 1.0):
        share, z = interval[0], 1.96
        centre = (share + z * z / (2 * n_groups)) / (1 + z * z / n_groups)
        half = z * z / (2 * n_groups) / (1 + z * z / n_groups)
        interval = [_round(max(centre - half, 0.0)), _round(min(centre + half, 1.0))]
    return {
        "n": int(sums[2]),
        "precision": _round(float(_precision(sums))) if sums[1] else None,
        "recall": _round(float(_recall(sums))) if sums[2] else None,
        "f1": _round(float(_f1(sums))),
        "interval": interval,
    }


def _difference(new: float, old: float, resampled_new: Floats, resampled_old: Floats) -> dict[str, Any]:
    difference = resampled_new - resampled_old
    return {
        "new": _round(new),
        "old": _round(old),
        "difference": _round(new - old),
        "interval": _interval(difference),
        "better": _round(float((difference > 0).mean() + (difference == 0).mean() / 2)),
    }


def _calibration(cases: Cases) -> dict[str, Any]:
    """Compare probabilities with what came true, over judged concepts of at least 0.05: below, almost nothing is at stake."""
    known = ~np.isnan(cases.targets) & (cases.probability >= 0.05)
    p, y = cases.probability[known].astype(np.float64), cases.targets[known].astype(np.float64)
    if not len(p):
        return {"n": 0, "ece": None, "brier": None, "bins": []}
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    bins, error = [], 0.0
    for b in range(BINS):
        inside = which == b
        if inside.any():
            error += abs(p[inside].sum() - y[inside].sum())
            bins.append(
                {
                    "from": b / BINS,
                    "n": int(inside.sum()),
                    "said": _round(p[inside].mean()),
                    "true": _round(y[inside].mean()),
                }
            )
    return {"n": len(p), "ece": _round(error / len(p)), "brier": _round(float(((p - y) ** 2).mean())), "bins": bins}


def _coverage(cases: Cases) -> list[dict[str, Any]]:
    """Return, for one threshold common to all concepts, how many texts get a tag and how good the tags are."""
    known = ~np.isnan(cases.targets)
    true: Flags = cases.targets > 0
    rows = []
    for threshold in np.arange(1, 10) / 10:
        said = (cases.probability >= threshold) & known
        n_said, n_right = int(said.sum()), int((said & true).sum())
        rows.append(
            {
                "threshold": float(threshold),
                "coverage": _round(float(said.any(axis=1).mean())) if len(said) else 0.0,
                "precision": _round(n_right / n_said) if n_said else None,
                "recall": _round(n_right / max(int(true.sum()), 1)),
            }
        )
    return rows


def _confusion(cases: Cases, most: int = 20) -> list[dict[str, Any]]:
    """Return what was wrongly tagged in texts where something else was missed, commonest first; no tag is None."""
    pairs: Counter[tuple[str, str | None]] = Counter()
    known = ~np.isnan(cases.targets)
    true: Flags = cases.targets > 0
    for n in range(len(cases.examples)):
        missed = np.flatnonzero(true[n] & ~cases.tagged[n])
        wrong = np.flatnonzero(cases.tagged[n] & known[n] & ~true[n])
        if cases.is_exclusive and (true[n] & cases.tagged[n]).any():
            continue
        for m in missed.tolist():
            tagged: list[int | None] = list(wrong.tolist()) or [None]
            for w in tagged:
                pairs[cases.labels[m], None if w is None else cases.labels[w]] += 1
    ranked = sorted(pairs.items(), key=lambda x: (-x[1], x[0][0], x[0][1] or ""))
    return [{"true": true_, "tagged": said, "n": n} for (true_, said), n in ranked[:most]]


def _slices(cases: Cases) -> dict[str, dict[str, Any]]:
    def length(e: Example) -> str:
        n = len(words(e.text))
        return next(name for low, high, name in LENGTHS if low <= n < high)

    kinds: dict[str, list[str]] = {
        "source": [e.source or "unknown" for e in cases.examples],
        "language": [e.language or "unknown" for e in cases.examples],
        "length": [length(e) for e in cases.examples],
    }
    result: dict[str, dict[str, Any]] = {}
    for kind, values in kinds.items():
        for value in sorted(set(values)):
            rows = [i for i, v in enumerate(values) if v == value]
            part = replace(
                cases,
                examples=[cases.examples[i] for i in rows],
                targets=cases.targets[rows],
                probability=cases.probability[rows],
                tagged=cases.tagged[rows],
            )
            counts, n_groups = _counts(part)
            by_class = counts.reshape(n_groups, -1, 3)
            micro = _f1((_resamples(n_groups) @ counts).reshape(N_RESAMPLES, -1, 3).sum(axis=1))
            result.setdefault(kind, {})[value] = {
                "texts": len(rows),
                **_row(by_class.sum(axis=(0, 1)), micro),
                "macro_f1": _round(float(_macro(by_class.sum(axis=0)[None])[0])),
            }
    return result
