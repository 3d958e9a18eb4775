"""Findings on wording and level as the tagger gives them, with the words behind them."""

from __future__ import annotations

from tagger.records import Credential, LearningOutcome, Level, TaggedCredential
from tagger.tagging import Tagger

SIMPLE = (
    "Follow simple instructions to clean a work area",
    "Name basic tools used in a kitchen",
    "Know the safety signs in a workplace",
    "Carry out routine tasks under close supervision",
    "Wash and store vegetables with help",
)


def credential(level: str) -> Credential:
    outcomes = tuple(LearningOutcome(f"K/{n}", text) for n, text in enumerate(SIMPLE, 1))
    return Credential("K", outcomes=outcomes, language="en", level=Level("FHEQ", level))


def test_a_level_that_does_not_fit_is_explained(shipped_tagger: Tagger) -> None:
    [tagged] = shipped_tagger.tag([credential("8")])
    texts = {o.outcome.id: o.outcome.text for o in tagged.outcomes}
    [mismatch] = [f for f in tagged.findings if f.rule == "level-mismatch"]
    assert mismatch.outcomes and set(mismatch.outcomes) <= set(texts)
    assert [e.outcome for e in mismatch.evidence] == list(mismatch.outcomes)
    assert all(texts[e.outcome][e.start : e.end] == e.text for e in mismatch.evidence)
    assert "pulls them down" in mismatch.message
    assert TaggedCredential.from_dict(tagged.to_dict()) == tagged


def test_an_estimate_is_spoken_in_every_framework(shipped_tagger: Tagger) -> None:
    [tagged] = shipped_tagger.tag([credential("4")])
    estimate = tagged.credential.level.estimated
    assert estimate is not None
    names = {f.framework for f in estimate.frameworks}
    assert (estimate.eqf is None and not names) or {"SCQF", "NFQ"} <= names


def test_wording_stands_with_the_tags(shipped_tagger: Tagger) -> None:
    [tagged] = shipped_tagger.tag([credential("4")])
    [finding] = [f for f in tagged.findings if f.rule.startswith("wording-")]
    assert finding.rule == "wording-vague-verb" and finding.outcomes == ("K/3",)
