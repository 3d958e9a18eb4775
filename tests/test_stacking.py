"""Sequences and near-duplicates across a catalogue, with vectors whose likeness is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tagger.records import Credential, LearningOutcome, Level, Size, Tag, TaggedCredential, TaggedOutcome
from tagger.report.stacks import render_stacks, stacks_record
from tagger.stacking import Stacker

DIM = 32


def tag(taxonomy: str, name: str) -> Tag:
    kind = "skill" if taxonomy == "esco" else None
    return Tag(taxonomy, "1", f"urn:{taxonomy}:{name}", name, 0.9, None, (), "stub@1", kind)


def unit(rows: Any) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def topic(seed: int, axis: int, n: int = 4, likeness: float = 1.6) -> np.ndarray:
    """Return outcomes about one topic, each different."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, DIM)) / np.sqrt(DIM)
    rows[:, axis] += likeness * 0.8
    return unit(rows)


def tagged(id_: str, n: int, credits: float | None, level: str | None, tags: tuple[Tag, ...] = ()) -> TaggedCredential:
    outcomes = tuple(TaggedOutcome(LearningOutcome(f"{id_}/{i}", f"Do thing {i} of {id_}")) for i in range(1, n + 1))
    credential = Credential(
        id_,
        title=f"Title of {id_}",
        provider="A college",
        outcomes=tuple(o.outcome for o in outcomes),
        size=Size(credits, "CATS" if credits else None),
        level=Level("FHEQ" if level else None, level),
    )
    return TaggedCredential(credential, outcomes, tags)


WATER = (tag("sdg", "Clean water"), tag("esco", "treat water"))
WOOD = (tag("sdg", "Life on land"), tag("esco", "plant trees"))


def filled(*entries: tuple[TaggedCredential, np.ndarray | None]) -> Stacker:
    stacker = Stacker()
    for credential, vectors in entries:
        stacker.add(credential, vectors)
    return stacker


def test_sequence_reaches_an_award_and_says_why() -> None:
    stacker = filled(
        (tagged("W2", 4, 30, "7", WATER), topic(2, 0)),
        (tagged("T1", 4, 30, "7", WOOD), topic(3, 1)),
        (tagged("W1", 4, 30, "6", WATER), topic(1, 0)),
        (tagged("W3", 4, 30, "7", WATER), topic(4, 0)),
        (tagged("N1", 4, None, "7", WATER), topic(5, 0)),
    )
    (found,) = stacker.sequences()
    ids = [m.id for m in found.members]
    assert set(ids) <= {"W1", "W2", "W3"} and len(ids) >= 2
    assert [m.eqf for m in found.members] == sorted(m.eqf or 0 for m in found.members)
    assert found.award is not None and found.award_size is not None and found.total >= found.award_size
    assert found.goals == ("Clean water",) and found.skills == ("treat water",) and found.repetition <= 0.34
    assert any("Clean water" in reason for reason in found.reasons) and any("size of" in r for r in found.reasons)


def test_what_shares_nothing_is_no_sequence() -> None:
    stacker = filled(
        (tagged("A", 4, 30, "7", WATER), topic(1, 0)),
        (tagged("B", 4, 30, "7", WOOD), topic(2, 0)),  # alike in words, no line in common
        (tagged("C", 4, 30, "7", WATER), topic(3, 9)),  # a line in common, another subject
    )
    assert stacker.sequences() == []


def test_what_repeats_is_no_sequence_but_a_near_duplicate() -> None:
    vectors = topic(1, 0)
    stacker = filled(
        (tagged("A", 4, 30, "7", WATER), vectors),
        (tagged("B", 4, 20, "6", WATER), unit(vectors + 0.01)),
        (tagged("C", 4, 30, "7", WOOD), topic(8, 1)),
    )
    assert stacker.sequences() == []
    (twin,) = stacker.duplicates()
    assert {twin.first.id, twin.second.id} == {"A", "B"} and twin.n_same == 4 and twin.share == 1.0
    assert len(twin.pairs) == 3
    text = " ".join(twin.reasons)
    assert "4 of 4 outcomes" in text and "sizes differ: 30 and 20" in text and "levels differ: 7 and 6" in text


def test_one_sided_repetition_is_no_duplicate() -> None:
    small, large = topic(1, 0, 3), topic(1, 0, 3)
    stacker = filled(
        (tagged("A", 3, 30, "7"), small),
        (tagged("B", 9, 30, "7"), np.concatenate([large, topic(5, 0, 6)])),
    )
    assert stacker.duplicates() == []


def test_what_was_not_read_is_counted() -> None:
    stacker = filled((tagged("A", 0, 30, "7"), None), (tagged("B", 2, 30, "7"), None))
    assert stacker.n_left_out == 2 and stacker.duplicates() == [] and stacker.sequences() == []


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(tagged(f"W{i}", 4, 30, "7", WATER), topic(i % 9, i % 3)) for i in range(25)]
    whole = filled(*entries)
    pairs, sequences = whole.duplicates(), whole.sequences()
    monkeypatch.setattr("tagger.stacking._BLOCK", 4)
    parts = filled(*entries)
    assert parts.duplicates() == pairs and parts.sequences() == sequences and pairs


def test_memory_holds_no_vectors(tmp_path: Path) -> None:
    stacker = Stacker(tmp_path)
    stacker.add(tagged("A", 4, 30, "7", WATER), topic(1, 0))
    assert (tmp_path / "vectors.f16").stat().st_size == 4 * DIM * 2
    assert not any(isinstance(value, np.ndarray) for value in vars(stacker).values())


def test_page_and_record() -> None:
    stacker = filled(
        (tagged("A<b>", 4, 30, "7", WATER), topic(1, 0)),
        (tagged("B", 4, 30, "7", WATER), topic(1, 0)),
    )
    record = stacks_record("x & y.csv", 2, 0, stacker.sequences(), stacker.duplicates())
    assert json.loads(json.dumps(record))["near_duplicates"][0]["n_same"] == 4
    page = render_stacks(record)
    assert "x &amp; y.csv" in page and "A&lt;b&gt;" in page and "default-src" in page and "http://" not in page
