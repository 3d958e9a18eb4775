"""A small tagged catalogue for the tests of the review, made in code."""

from __future__ import annotations

import json
from pathlib import Path

from tagger.records import Credential, Evidence, LearningOutcome, Tag, TaggedCredential, TaggedOutcome

SDG = "http://metadata.un.org/sdg/"
EVIL = "<img src=x onerror=\"document.title='hacked'\"> & </script><script>document.title='hacked'</script>"


def tag(number: str, text: str, words: str, score: float, taxonomy: str = "sdg") -> Tag:
    labels = {
        "3": "Good health and well-being",
        "6": "Clean water and sanitation",
        "13": "Climate action",
        "6.1": "Safe and affordable drinking water",
    }
    start = text.index(words)
    evidence = (Evidence(start, start + len(words), words),)
    return Tag(
        taxonomy, "2017", SDG + number, labels[number], score, "contributes", evidence, f"{taxonomy}@0.0.0", "goal"
    )


def outcome(id_: str, text: str, *tags: Tag) -> TaggedOutcome:
    return TaggedOutcome(LearningOutcome(id_, text), tags)


def sample() -> list[TaggedCredential]:
    water = "Treat wastewater before it is reused"
    near = "On completion, learners will be able to treat the wastewater before it is reused."
    formula = "=SUM(A1) is used to plan for climate risk"
    first = (
        outcome("A/1", water, tag("6", water, "wastewater", 0.55)),
        outcome("A/2", "Prove a theorem about groups"),
        outcome("A/3", formula, tag("13", formula, "climate risk", 0.97), tag("3", formula, "risk", 0.41)),
    )
    second = (
        outcome("B/1", near, tag("6", near, "wastewater", 0.61)),
        outcome("B/2", EVIL, tag("3", EVIL, "document", 0.9)),
        outcome("B/3", "Explain naïve “quotes”; semicolons, commas"),
    )
    return [
        TaggedCredential(Credential(c, title=t, outcomes=tuple(o.outcome for o in found)), found)
        for c, t, found in (("A", "Water & soil", first), ("B", "<b>Déjà vu</b>", second))
    ]


def write_sample(folder: Path) -> Path:
    path = folder / "tagged.jsonl"
    path.write_text("".join(json.dumps(t.to_dict()) + "\n" for t in sample()), encoding="utf-8")
    return path
