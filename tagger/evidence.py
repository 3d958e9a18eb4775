"""Evidence: the run of words that carries a score."""

from __future__ import annotations

from collections.abc import Sequence

from tagger.heads import STOP_WORDS

__all__ = ["best_span"]


def best_span(text: str, shares: Sequence[tuple[int, int, float]]) -> tuple[int, int]:
    """Find the run of words whose shares of the score stand out most.

    The run with the largest sum of (share − mean share) is taken (Kadane's maximum subarray), then function words at its
    ends are cut off.

    Parameters
    ----------
    text : str
    shares : sequence of (start, end, share)
        One for each word, in order.

    Returns
    -------
    (int, int)
        Start and end character; the whole text when it has no words or nothing stands out.

    Examples
    --------
    >>> best_span("design a well", [(0, 6, 0.0), (7, 8, 0.0), (9, 13, 0.9)])
    (9, 13)
    """
    if not shares:
        return 0, len(text)
    mean = sum(s for _, _, s in shares) / len(shares)
    best, best_sum, first, total = (0, len(shares) - 1), 0.0, 0, 0.0
    for n, (_, _, share) in enumerate(shares):
        if total <= 0:
            first, total = n, 0.0
        total += share - mean
        if total > best_sum + 1e-12:
            best, best_sum = (first, n), total
    first, last = best
    while first < last and text[shares[first][0] : shares[first][1]].lower() in STOP_WORDS:
        first += 1
    while last > first and text[shares[last][0] : shares[last][1]].lower() in STOP_WORDS:
        last -= 1
    return shares[first][0], shares[last][1]
