"""SOLO and depth of knowledge, as they follow from Bloom tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tagger.catalogue.flat import is_skill
from tagger.cli import app
from tagger.derived import Derivation, derivation_of
from tagger.errors import TaggerError, TaxonomyError
from tagger.records import Credential, Evidence, LearningOutcome, Tag
from tagger.tagging import Tagger
from tagger.taxonomy import load_taxonomy


def derivation(name: str) -> Derivation:
    found = derivation_of(load_taxonomy(name))
    assert found is not None
    return found


def bloom(label: str, text: str, score: float = 0.9) -> Tag:
    return Tag("bloom", "2001", "urn:x", label, score, None, (Evidence(0, len(text), text),), "bloom@1.0.0")


@pytest.mark.parametrize(
    ("level", "text", "solo", "dok"),
    [
        ("Remember", "Name three bones", "Unistructural", 1),
        ("Understand", "Describe the water cycle", "Multistructural", 2),
        ("Understand", "Explain the causes of floods", "Relational", 2),
        ("Apply", "Calculate the load on a beam", "Multistructural", 1),
        ("Apply", "Apply the theory of queues to a clinic", "Relational", 2),
        ("Analyse", "Analyse a supply chain", "Relational", 3),
        ("Analyse", "Compare two contracts", "Relational", 2),
        ("Evaluate", "Appraise a business case", "Relational", 3),
        ("Create", "Design a bridge", "Extended abstract", 3),
        ("Create", "Write a dissertation on a topic of one's own", "Extended abstract", 4),
        ("Understand", "An account of the law", "Multistructural", 2),
    ],
)
def test_levels(level: str, text: str, solo: str, dok: int) -> None:
    [tag] = derivation("solo").derive(text, [bloom(level, text)])
    assert (tag.label, tag.relation, tag.score, tag.model) == (solo, "derived", 0.9, "bloom@1.0.0")
    assert all(text[e.start : e.end] == e.text for e in tag.evidence) and not is_skill(tag)
    [tag] = derivation("dok").derive(text, [bloom(level, text)])
    assert tag.concept == f"urn:outcome-tagger:dok:{dok}"


def test_each_level_once_the_surest_first() -> None:
    text = "Analyse and evaluate a plan, and name its parts"
    tags = [bloom("Analyse", text, 0.7), bloom("Evaluate", text, 0.8), bloom("Remember", text, 0.5)]
    found = derivation("solo").derive(text, tags)
    assert [(t.label, t.score) for t in found] == [("Relational", 0.8), ("Unistructural", 0.5)]
    assert derivation("solo").derive(text, []) == ()


def test_every_bloom_level_leads_somewhere() -> None:
    for name in ("solo", "dok"):
        assert {c.label.casefold() for c in load_taxonomy("bloom").concepts} == set(derivation(name).levels)
    assert derivation_of(load_taxonomy("bloom")) is None


def test_a_level_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "concepts.csv").write_text(
        "id,label,alt_labels,description,broader,level\nurn:a,A,,,,\n", encoding="utf-8"
    )
    (tmp_path / "mine" / "taxonomy.toml").write_text(
        'id = "mine"\ntitle = "M"\nversion = "1"\nlicence = "MIT"\nsource = "s"\n'
        '[derived]\nfrom = "bloom"\n[derived.levels]\ncreate = "B"\n',
        encoding="utf-8",
    )
    with pytest.raises(TaxonomyError, match="`B` is none of its concepts"):
        derivation_of(load_taxonomy(tmp_path / "mine"))


def test_they_are_given_when_asked_for() -> None:
    tagger = Tagger.load(taxonomies=["solo", "dok"])
    assert [m.taxonomy.id for m in tagger.models] == ["bloom"]
    [tagged] = tagger.tag([Credential("A", outcomes=(LearningOutcome("A/1", "Design a bridge over a river"),))])
    assert {(t.taxonomy, t.relation) for t in tagged.outcomes[0].tags} == {
        ("bloom", None),
        ("solo", "derived"),
        ("dok", "derived"),
    }
    assert {t.taxonomy for t in tagged.tags} == {"bloom", "solo", "dok"}


def test_nothing_is_suggested_from_a_derived_taxonomy() -> None:
    with pytest.raises(TaggerError, match="`--taxonomy solo`: its tags follow from those of `bloom`"):
        CliRunner().invoke(
            app, ["suggest", "--taxonomy", "solo", "-"], input="Design a bridge\n", catch_exceptions=False
        )
