from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.corrections import Correction, read_corrections, same_text, verdicts, write_corrections
from tagger.errors import TaggerError

SIX, SEVEN = "http://metadata.un.org/sdg/6", "http://metadata.un.org/sdg/7"


def line(decision: str, concept: str | None = SIX, text: str = "Treat wastewater", by: str | None = "A") -> Correction:
    return Correction(text, "sdg", decision, concept, reviewer=by)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    lines = [
        line("add"),
        Correction(
            "é\u2028x", "esco", "reject", "c", "1/2", "1", None, "B", "no", "2026-01-02", {"row": 3}, "m@1", "1.2"
        ),
        line("accept", None),
    ]
    assert write_corrections(tmp_path / "c.jsonl", lines) == 3
    assert read_corrections(tmp_path / "c.jsonl") == lines
    assert [p.name for p in tmp_path.iterdir()] == ["c.jsonl"]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(
    texts,
    st.sampled_from(["accept", "reject", "add"]),
    texts,
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_correction_survives_json(text: str, decision: str, concept: str, comment: str | None) -> None:
    made = Correction(text, "sdg", decision, concept, comment=comment)
    assert Correction.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("[]", "not a JSON object"),
        ('{"text": "a", "taxonomy": "sdg"}', "lacks `decision`"),
        (
            '{"text": "a", "taxonomy": "sdg", "decision": "maybe", "concept": "x"}',
            "expected one of accept, reject, add",
        ),
        ('{"text": "a", "taxonomy": "sdg", "decision": "add"}', "key `concept`"),
        ('{"text": " ", "taxonomy": "sdg", "decision": "accept"}', "key `text`"),
        ('{"text": "a", "taxonomy": "sdg", "decision": "accept", "conzept": "x"}', "unknown key `conzept`"),
        ('{"text": "a", "taxonomy": 6, "decision": "accept"}', "key `taxonomy`: `6` is not text"),
        ("{", "line 2"),
    ],
)
def test_a_line_that_is_no_correction_is_named(record: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(f"\n{record}\n")
    with pytest.raises(TaggerError, match="line 2") as error:
        read_corrections(tmp_path / "c.jsonl")
    assert message in error.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaggerError, match=r"nowhere\.jsonl"):
        read_corrections(tmp_path / "nowhere.jsonl")


def test_a_stopped_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    write_corrections(path, [line("add")])

    def broken() -> object:
        yield line("reject")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_corrections(path, broken())  # type: ignore[arg-type]
    assert read_corrections(path) == [line("add")]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_majority_of_reviewers_counts_and_of_each_the_last_word() -> None:
    key = same_text("Treat wastewater")
    said = [line("add", by="A"), line("reject", by="B"), line("accept", by="C"), line("reject", SEVEN, by="A")]
    assert verdicts(said, "sdg").by_text[key] == {SIX: True, SEVEN: False}
    assert verdicts([*said, line("reject", by="A")], "sdg").by_text[key][SIX] is False


def test_a_tie_decides_nothing() -> None:
    found = verdicts([line("add", by="A"), line("reject", by="B")], "sdg")
    assert not found.by_text and found.undecided == ((same_text("Treat wastewater"), SIX),)


def test_rightly_untagged_holds_unless_somebody_adds() -> None:
    key = same_text("Treat wastewater")
    assert verdicts([line("accept", None)], "sdg").none == {key}
    assert verdicts([line("accept", None), line("reject")], "sdg").none == {key}
    assert not verdicts([line("accept", None), line("add", by="B")], "sdg").none


def test_white_space_and_case_do_not_make_another_text() -> None:
    found = verdicts([line("add"), line("reject", text="treat  Wastewater\n")], "sdg")
    assert list(found.by_text.values()) == [{SIX: False}]


def test_a_mention_is_no_tag() -> None:
    assert not Correction("a", "sdg", "accept", SIX, relation="mentions").holds


def test_other_taxonomies_are_left_out() -> None:
    assert not verdicts([line("add")], "esco").by_text
