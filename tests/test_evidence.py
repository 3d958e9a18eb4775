from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tagger.evidence import best_span
from tagger.text import words


def test_no_words_means_the_whole_text() -> None:
    assert best_span("!?", []) == (0, 2)


def test_function_words_are_cut_off_at_the_ends() -> None:
    text = "design of a well for the village"
    shares = [(w.start, w.end, 1.0 if w.text in ("of", "a", "well", "for") else 0.0) for w in words(text)]
    start, end = best_span(text, shares)
    assert text[start:end] == "well"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12))
def test_span_is_made_of_whole_words(values: list[float]) -> None:
    text = " ".join(f"word{n}" for n in range(len(values)))
    shares = [(w.start, w.end, v) for w, v in zip(words(text), values, strict=True)]
    start, end = best_span(text, shares)
    assert (start == 0 or text[start - 1] == " ") and (end == len(text) or text[end] == " ")
    assert start < end


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=9))
def test_no_other_run_of_words_stands_out_more(values: list[int]) -> None:
    text = " ".join(f"word{n}" for n in range(len(values)))
    found = words(text)
    start, end = best_span(text, [(w.start, w.end, float(v)) for w, v in zip(found, values, strict=True)])
    mean = sum(values) / len(values)

    def excess(first: int, last: int) -> float:
        return sum(v - mean for v in values[first : last + 1])

    chosen = excess(
        next(n for n, w in enumerate(found) if w.start == start), next(n for n, w in enumerate(found) if w.end == end)
    )
    runs = range(len(values))
    assert chosen >= max(excess(i, j) for i in runs for j in runs if i <= j) - 1e-9
