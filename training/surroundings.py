"""How much a credential's title and other outcomes say of one outcome: fitting `tagger.context.Context`.

The cases are outcomes of our own credentials and sentences of course descriptions (with title and the other sentences), and real outcomes
beside the others of their course. Their labels were seen by neither the head that scores them (a course is left out as a whole, title
and all) nor the encoder. A label that was given to a text alone tells less of its surroundings than one that was given in
them, so that both kinds stand side by side.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tagger.context import SITUATIONS, Context, features, others
from tagger.encoder import FloatArray, OnnxEncoder
from tagger.heads import LinearHead
from training.texts import Labelled, core, normalise, own_credentials, split_sentences

__all__ = ["Case", "cases", "fit_context", "title_rows"]

LEAST, FULL = 0.01, 0.1
"""See `Context`. Among six pairs these had the best average precision on the gold development half, with fewer false alarms than no ramp."""

NEEDED = 0.6
"""See `Context`. Of the goals that context alone lifted over the threshold in 1,000 real courses, a reader found 9 of 33 below this right, and 27 of 51 from
it on; on the gold development half it costs 0.006 of micro-F1."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A labelled outcome in its surroundings.

    Attributes
    ----------
    row : int
        Position of the outcome among the rows.
    own : ndarray (17,)
        Probabilities by its own words.
    title : ndarray (17,) or None
    others : ndarray (17,) or None
    """

    row: int
    own: FloatArray
    title: FloatArray | None
    others: npt.NDArray[np.float64] | None


def groups_of_texts(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (title, texts) of our own credentials and of real courses; the title is empty where it is not English."""
    for credential in own_credentials():
        yield credential["title"], [o["text"] for o in credential["outcomes"]]
    with gzip.open(data / "catalogues" / "miun_sweden.jsonl.gz", "rt", encoding="utf-8") as lines:
        for course in map(json.loads, lines):
            yield "", [" ".join(text.split()) for text in course["outcomes_en"] or []]
    with gzip.open(data / "catalogues" / "edinburgh_drps_2024_25.jsonl.gz", "rt", encoding="utf-8") as lines:
        for course in map(json.loads, lines):
            yield course["title"], split_sentences(course.get("summary") or "")


def cases(
    rows: Sequence[Labelled],
    unseen: FloatArray,
    chosen: npt.NDArray[np.bool_],
    head: LinearHead,
    encoder: OnnxEncoder,
    data: Path,
) -> list[Case]:
    """Return the chosen rows that stand beside a title or other outcomes.

    Parameters
    ----------
    rows : sequence of Labelled
    unseen : ndarray (n_rows, 17)
        Out-of-fold probabilities, all rows of a credential left out together.
    chosen : ndarray of bool (n_rows,)
        Rows that the encoder never saw.
    head : LinearHead
        Scores texts that are no rows.
    encoder, data
    """
    position = {normalise(row.text): i for i, row in enumerate(rows)}
    found = []
    for title, texts in groups_of_texts(data):
        at = [position.get(normalise(text)) for text in texts]
        if not any(i is not None and chosen[i] for i in at):
            continue
        at_title = position.get(normalise(title)) if title else None
        missing = [n for n, i in enumerate(at) if i is None]
        new = [core(texts[n]) for n in missing]
        scores = head.scores(new, encoder.encode(new)) if new else np.empty((0, unseen.shape[1]), dtype=np.float32)
        own = np.array([unseen[i] if i is not None else np.zeros(unseen.shape[1]) for i in at], dtype=np.float32)
        own[missing] = scores
        around = others(own) if len(own) > 1 else None
        for n, i in enumerate(at):
            if i is not None and chosen[i]:
                of_title = None if at_title is None else unseen[at_title]
                found.append(Case(i, own[n], of_title, None if around is None else around[n]))
    return found


def fit_context(found: Sequence[Case], y: npt.NDArray[np.float32]) -> tuple[Context, dict[str, Any], dict[str, int]]:
    """Fit the weights by logistic regression, all goals together.

    Returns
    -------
    Context
    dict
        What a manifest says of it under ``options``, ``context``.
    dict of str to int
        The number of cases of each situation.
    """
    from sklearn.linear_model import LogisticRegression

    options: dict[str, Any] = {"least": LEAST, "full": FULL, "needed": NEEDED}
    n_cases = {}
    for situation in SITUATIONS:
        with_title, with_others = "title" in situation, "others" in situation
        these = [
            c for c in found if (c.title is not None or not with_title) and (c.others is not None or not with_others)
        ]
        x = np.concatenate(
            [
                features(
                    c.own[None],
                    c.title if with_title else None,
                    None if c.others is None or not with_others else c.others[None],
                )[0]
                for c in these
            ]
        )
        right = np.concatenate([y[c.row] for c in these])
        known = ~np.isnan(right)
        fitted = LogisticRegression(C=10.0).fit(x[known], right[known])
        options[situation] = [round(float(v), 4) for v in (fitted.intercept_[0], *fitted.coef_[0])]
        n_cases[situation] = len(these)
    return Context.of(options), options, n_cases


def title_rows(rows: Sequence[Labelled]) -> list[Labelled]:
    """Return the titles that rows name as rows that nobody judged: they are scored out of fold, and train nothing."""
    texts = {normalise(row.text) for row in rows}
    titles = dict.fromkeys(row.title for row in rows if row.title and normalise(row.title) not in texts)
    return [Labelled(title, (), False, "title", title=title) for title in titles]
