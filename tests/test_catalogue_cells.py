from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.catalogue.cells import as_text, is_blank, parse_framework, parse_language, parse_level
from tagger.catalogue.quantities import parse_size, parse_system


@pytest.mark.parametrize(
    ("value", "credits", "system", "hours"),
    [
        ("15 credits", 15, None, None),
        ("7,5 hp", 7.5, "ECTS", None),
        ("7.5 hp", 7.5, "ECTS", None),
        ("10 ECTS", 10, "ECTS", None),
        ("ECTS: 10", 10, "ECTS", None),
        ("10 ECTS credits", 10, "ECTS", None),
        ("1.5 EC", 1.5, "ECTS", None),
        ("15 CATS", 15, "CATS", None),
        ("15 CATS points", 15, "CATS", None),
        ("20 SCQF credits", 20, "SCQF", None),
        ("20 SCQF credit points", 20, "SCQF", None),
        ("3 semester hours", 3, "US-SEMESTER", None),
        ("3 semester credit hours", 3, "US-SEMESTER", None),
        ("10 points", 10, None, None),
        ("10pts", 10, None, None),
        ("Credits: 15", 15, None, None),
        ("  12  ", 12, None, None),
        ("12.", 12, None, None),
        ("<p>12&nbsp;credits</p>", 12, None, None),
        ("１２", 12, None, None),
        (15, 15, None, None),
        (7.5, 7.5, None, None),
        ("150 hrs", None, None, (150, 150)),
        ("150h", None, None, (150, 150)),
        ("150 notional learning hours", None, None, (150, 150)),
        ("150 hours of learning", None, None, (150, 150)),
        ("90 minutes", None, None, (1.5, 1.5)),
        ("15 credits (150 hours)", 15, None, (150, 150)),
        ("10 ECTS / 250 h", 10, "ECTS", (250, 250)),
        ("5 ECTS, 125-150 hours", None, None, None),
        ("250-300 hours", None, None, (250, 300)),
        ("1,500 hours", None, None, (1500, 1500)),
        ("1 500 hours", None, None, (1500, 1500)),
        ("5 ECTS over 6 weeks", None, None, None),
        ("5 ECTS (6 weeks)", 5, "ECTS", None),
    ],
)
def test_sizes_are_read(value: object, credits: float | None, system: str | None, hours: object) -> None:
    size = parse_size(value)
    assert (size.credits, size.system, size.hours) == (credits, system, hours)
    assert (size.message is None) == (credits is not None or hours is not None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("ten", "is not a number"),
        ("5-10", "is not one number"),
        ("5 – 10 credits", "is not one number"),
        ("15/20", "is not one number"),
        ("10 or 20", "is not one number"),
        ("-5", "is negative"),
        (-5, "is negative"),
        ("−5 credits", "is negative"),
        (0, "gives no credits"),
        ("0", "gives no credits"),
        ("0.0 ECTS", "gives no credits"),
        (1e9, "is too large for credits"),
        (float("inf"), "is too large for credits"),
        (10**400, "is too large for credits"),
        ("99999", "is too large for credits"),
        ("1,500", "could mean two numbers"),
        ("7,500 hp", "could mean two numbers"),
        ("2 days", "is a duration, not a size"),
        ("6 weeks", "is a duration, not a size"),
        ("2-3 days", "is a duration, not a size"),
        ("30 guided learning hours", "gives taught hours, not notional learning hours"),
        ("approx. 10", "is not a number"),
        ("10+", "is not a number"),
        ("~10", "is not a number"),
        ("1/2", "is not one number"),
        ("½", "is not a number"),
        ("10 apples", "is not a number"),
        ("10 credits 20 credits", "is not a number"),
        ("10 credits, 20 credits", "gives two numbers of credits"),
        (True, "is not a number"),
        (datetime.date(2024, 5, 7), "is a date, not a number"),
        ([5, 10], "is not one number"),
        ("1e3", "is not a number"),
    ],
)
def test_sizes_are_never_guessed(value: object, message: str) -> None:
    size = parse_size(value)
    assert size[:3] == (None, None, None)
    assert size.message == message
    assert size.hint


@pytest.mark.parametrize("value", [None, "", " ", "-", "–", "N/A", "tbc", float("nan"), [], "<br/>", "Not entered"])
def test_unknown_sizes_are_no_problem(value: object) -> None:
    assert parse_size(value) == (None, None, None, None, None)
    assert parse_size(value, is_hours=True) == (None, None, None, None, None)


@pytest.mark.parametrize(
    ("value", "hours"),
    [
        (150, (150, 150)),
        ("1,500", (1500, 1500)),
        ("1.500,0", (1500, 1500)),
        ("37,5", (37.5, 37.5)),
        ("250-300", (250, 300)),
        ("250 to 300", (250, 300)),
        ([250.0, 300.0], (250, 300)),
        ([100], (100, 100)),
        ("1'200", (1200, 1200)),
    ],
)
def test_hours(value: object, hours: tuple[float, float]) -> None:
    assert parse_size(value, is_hours=True).hours == hours


@pytest.mark.parametrize("value", ["1.500", "300-250", [300, 250], "100 or 200", "0", "3 days"])
def test_unclear_hours_are_reported(value: object) -> None:
    size = parse_size(value, is_hours=True)
    assert size.hours is None and size.message


def test_two_systems_say_so() -> None:
    size = parse_size("20 CATS (10 ECTS)")
    assert (size.credits, size.system) == (20, "CATS")
    assert size.message is not None and "two systems" in size.message


@given(st.text(max_size=60) | st.floats() | st.integers() | st.booleans())
def test_any_size_cell_is_read_or_reported(value: object) -> None:
    for is_hours in (False, True):
        size = parse_size(value, is_hours=is_hours)
        if size.credits is not None:
            assert 0 < size.credits <= 1000
        if size.hours is not None:
            assert 0 < size.hours[0] <= size.hours[1] <= 20_000


@given(st.integers(1, 1000), st.sampled_from(["", " credits", " ECTS", "hp", " CATS points"]))
def test_whole_credits_round_trip(n: int, unit: str) -> None:
    assert parse_size(f"{n}{unit}").credits == n


@pytest.mark.parametrize(
    ("value", "framework", "stated"),
    [
        ("7", None, "7"),
        (7, None, "7"),
        (7.0, None, "7"),
        ("Level 7", None, "7"),
        ("L6", None, "6"),
        ("FHEQ 7", "FHEQ", "7"),
        ("FHEQ Level 7", "FHEQ", "7"),
        ("Level 7 (FHEQ)", "FHEQ", "7"),
        ("EQF level 6", "EQF", "6"),
        ("EQF6", "EQF", "6"),
        ("SCQF Level 11", "SCQF", "11"),
        ("NFQ 8", "NFQ", "8"),
        ("NZQF 5", "NZQCF", "5"),
        ("European Qualifications Framework level 5", "EQF", "5"),
        ("Master's", None, "Master's"),
        ("Intermediate", None, "Intermediate"),
        ("6/7", None, "6/7"),
        ("NQF 5", None, "NQF 5"),
        (None, None, None),
        ("N/A", None, None),
    ],
)
def test_levels(value: object, framework: str | None, stated: str | None) -> None:
    assert parse_level(value) == (framework, stated, None, None)


def test_level_oddities_are_reported() -> None:
    assert parse_level("SCQF 7 (EQF 5)")[:3] == ("SCQF", "7", "names two frameworks; read as SCQF")
    assert parse_level("FHEQ")[:3] == ("FHEQ", None, "names a framework without a level")
    assert parse_level("??").message == "is not a level"
    assert parse_level("x" * 90).message == "is too long for a level"


@given(st.text(max_size=100))
def test_any_level_cell_is_read(text: str) -> None:
    level = parse_level(text)
    assert level.stated != ""


def test_systems_frameworks_languages() -> None:
    assert [parse_system(t) for t in ("ECTS (hp)", "scqf", "CATS points", "Credits", "hours", "n/a")] == [
        "ECTS", "SCQF", "CATS", None, "hours", None,
    ]  # fmt: skip
    assert parse_system("Blue points") == "Blue points"
    assert parse_framework("RQF/FHEQ") == "RQF/FHEQ"
    assert parse_framework("Scottish Credit and Qualifications Framework") == "SCQF"
    assert [parse_language(t) for t in ("Svenska", "en_GB", "fre", "")] == ["sv", "en-GB", "fr", None]


@given(st.text())
def test_text_is_itself(text: str) -> None:
    assert as_text(text) == text
    assert is_blank(text) in (True, False)
    parse_system(text)
    parse_framework(text)
    parse_language(text)
