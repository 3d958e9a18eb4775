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
