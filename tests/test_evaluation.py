from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tagger.evaluation import Cases, combined_levels, compare, measure, predict
from tagger.report.measured import page, plot
from tagger.tagging import Tagger
from tagger.train.labels import Example

NAMES = ("red", "green", "blue")


def cases(truth: list[set[int]], said: list[dict[int, float]], threshold: float = 0.5, **changes: object) -> Cases:
    examples = [Example(f"text {i}", dict.fromkeys(t, 1.0), True, f"g{i % 7}") for i, t in enumerate(truth)]
    tagged = [frozenset(c for c, p in row.items() if p >= threshold) for row in said]
    return replace(Cases.of(examples, NAMES, said, tagged), **changes)  # type: ignore[arg-type]


def random_cases(seed: int, skill: float, n: int = 200) -> Cases:
    """`skill` 1 always says what is true, 0 says nothing to do with it; truth is the same for every `skill`."""
    truth_of = np.random.default_rng(0)
    truth = [set(np.flatnonzero(truth_of.random(3) < 0.3).tolist()) for _ in range(n)]
    random = np.random.default_rng(seed)
    said = [
        {c: float(c in t) * 0.8 + 0.1 if random.random() < skill else float(random.random()) for c in range(3)}
        for t in truth
    ]
    return cases(truth, said)


def test_figures_of_a_case_that_can_be_counted_by_hand() -> None:
    found = measure(cases([{0}, {0, 1}, set(), {2}], [{0: 0.9}, {0: 0.9}, {1: 0.7}, {0: 0.2}]))
    assert found["classes"]["red"] | {"interval": 0} == {
        "n": 2, "precision": 1.0, "recall": 1.0, "f1": 1.0, "interval": 0,
    }  # fmt: skip
    assert found["classes"]["green"]["f1"] == 0.0 and found["classes"]["blue"]["precision"] is None
    assert found["micro"]["precision"] == pytest.approx(2 / 3, abs=1e-4) and found["micro"]["recall"] == 0.5
    assert found["macro"]["f1"] == pytest.approx(1 / 3, abs=1e-4) and found["macro"]["classes"] == 3
    assert found["abstained"] == 0.25 and found["n"] == 4 and found["n_judged"] == 12
    assert {(c["true"], c["tagged"]) for c in found["confusion"]} == {("green", None), ("blue", None)}
    low, high = found["micro"]["interval"]
    assert 0 <= low <= found["micro"]["f1"] <= high <= 1


def test_what_is_not_known_counts_neither_way() -> None:
    example = Example("a", {0: 1.0}, False, "g")
    found = measure(Cases.of([example], NAMES, [{0: 0.9, 1: 0.9}], [frozenset({0, 1})]))
    assert found["micro"]["precision"] == 1.0 and found["n_judged"] == 1 and "green" not in found["classes"]


def test_calibration_sees_whether_what_is_said_comes_true() -> None:
    truth = [{0} if i % 4 == 0 else set() for i in range(400)]
    honest = measure(cases(truth, [{0: 0.25}] * 400))["calibration"]
    boastful = measure(cases(truth, [{0: 0.95}] * 400))["calibration"]
    assert honest["ece"] == pytest.approx(0, abs=1e-6) and boastful["ece"] == pytest.approx(0.7, abs=1e-6)
    assert boastful["bins"][0]["true"] == 0.25 and boastful["brier"] > honest["brier"]


def test_coverage_falls_as_the_threshold_rises() -> None:
    rows = measure(random_cases(1, 0.5))["coverage"]
    shares = [r["coverage"] for r in rows]
    assert shares == sorted(shares, reverse=True) and [r["threshold"] for r in rows] == [i / 10 for i in range(1, 10)]
    assert rows[7]["precision"] > rows[0]["precision"] and rows[0]["recall"] > rows[8]["recall"]


def test_slices_are_told_apart() -> None:
    one = Example("two words", {0: 1.0}, True, "a", "north", "en")
    two = Example(" ".join(["word"] * 20), {0: 1.0}, True, "b", "south", "en")
    found = measure(Cases.of([one, two], NAMES, [{0: 0.9}, {}], [frozenset({0}), frozenset()]))["slices"]
    assert found["source"]["north"]["f1"] == 1 and found["source"]["south"]["f1"] == 0
    assert found["length"].keys() == {"up to 7 words", "16 to 30 words"} and found["language"]["en"]["texts"] == 2


def test_a_better_model_is_seen_to_be_better_and_an_equal_one_is_not() -> None:
    good, poor = random_cases(1, 0.9), random_cases(2, 0.4)
    found = compare(good, poor)["macro_f1"]
    assert found["interval"][0] > 0 and found["better"] == 1.0 and found["difference"] > 0
    same = compare(good, good)["macro_f1"]
    assert same["difference"] == 0 and same["interval"] == [0, 0] and same["better"] == 0.5


def test_a_class_that_is_no_longer_found_is_named() -> None:
    truth = [{0}, {1}, {2}] * 5
    every = cases(truth, [dict.fromkeys(t, 0.9) for t in truth])
    without = cases(truth, [{c: 0.9 for c in t if c != 1} for t in truth])
    assert compare(without, every)["lost"] == ["green"] and compare(every, without)["lost"] == []


def test_other_cases_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same cases"):
        compare(random_cases(1, 1), random_cases(1, 1, n=100))


def test_levels_of_a_course_are_one_case_and_either_of_two_is_right() -> None:
    both = {0: 0.5, 1: 0.5}
    examples = [Example(f"t{i}", both, True, "course") for i in range(3)] + [Example("x", {2: 1.0}, True, "other")]
    said = [{0: 0.2, 1: 0.7, 2: 0.1}] * 3 + [{0: 0.8, 1: 0.1, 2: 0.1}]
    found = combined_levels(lambda rows: rows.mean(axis=0), NAMES, np.full(3, 0.5, dtype=np.float32), examples, said)
    assert len(found.examples) == 2
    figures = measure(found)
    assert figures["micro"] | {"interval": 0} == {
        "n": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5, "interval": 0,
    }  # fmt: skip
    assert figures["confusion"] == [{"true": "blue", "tagged": "red", "n": 1}]


def test_a_tagger_is_measured_as_it_tags(shipped_tagger: Tagger) -> None:
    texts = ["Design a rainwater harvesting system for a village", "Write a short story about the sea"]
    found = predict(shipped_tagger, "sdg", [Example(t, {}, True, t) for t in texts])
    assert found.tagged[0, 5] and not found.tagged[1].any()
    targets = predict(shipped_tagger, "sdg-targets", [Example(t, {}, True, t) for t in texts])
    assert targets.tagged.sum(axis=1).max() <= 2 and not targets.tagged[1].any()


def test_the_page_stands_alone_and_its_plots_have_words() -> None:
    facts = measure(random_cases(1, 0.7)) | {"what": "On <gate>.csv."}
    facts["against"] = {"model": "old@1", **compare(random_cases(1, 0.7), random_cases(2, 0.6))}
    html = page("new@1", json.loads(json.dumps(facts)))
    assert "On &lt;gate&gt;.csv." in html and "old@1" in html
    assert not re.search(r"(?:src|href)=", html) and html.count("<svg") == 2
    assert 'role="img" aria-label="share that came true by probability said' in html
    assert plot([], "x", "y", True).count("circle") == 0
