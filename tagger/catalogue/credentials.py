"""From a row to a credential: every cell is either understood, kept in `extra`, or named in a problem."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tagger.catalogue.cells import (
    as_text,
    is_blank,
    is_spreadsheet_error,
    parse_framework,
    parse_language,
    parse_level,
)
from tagger.catalogue.columns import ColumnMapping, in_other_languages
from tagger.catalogue.names import by_name
from tagger.catalogue.quantities import parse_size, parse_system
from tagger.catalogue.table import Row, shorten
from tagger.language import is_tag
from tagger.records import Credential, LearningOutcome, Level, Problem, Size, Source, TaggedCredential

__all__ = ["CredentialBuilder"]

_Found = tuple[str, Source]
_ITEM_KEYS = ("text", "outcome", "statement", "fullStatement", "description", "name", "title", "label", "value")


class CredentialBuilder:
    """Makes credentials of rows, keeping ids unique.

    Parameters
    ----------
    name : str
        The file, for problems.
    columns : list of str
        Of the whole table; their order is kept in `extra`.
    mapping : ColumnMapping
    language : str
        Of the outcomes where neither the row nor the column says.
    is_open_ended : bool
        True where a row has only the columns that it needs.
    """

    def __init__(
        self, name: str, columns: list[str], mapping: ColumnMapping, language: str, *, is_open_ended: bool
    ) -> None:
        from tagger.text import split_outcomes, split_sentences

        self._split_outcomes: Callable[..., Any] = split_outcomes
        self._split_sentences: Callable[..., Any] = split_sentences
        self._name = name
        self._language = language
        self._is_open_ended = is_open_ended
        self._ids: dict[str, int] = {}
        self.remap(columns, mapping)

    def remap(self, columns: list[str], mapping: ColumnMapping) -> None:
        """Go on with another mapping, after a column has come late."""
        self._mapping = mapping
        held = [name for key, names in mapping.columns.items() if key != "description" for name in names]
        self._held = frozenset(held)
        self._extra = () if self._is_open_ended else tuple(name for name in columns if name not in self._held)
        self._other_languages = in_other_languages(mapping)

    def build(self, row: Row) -> Credential:
        """Return the credential of a row; never raises for what is in the row."""
        problems = list(row.problems)
        if not row.cells:
            return Credential(
                self._unique(f"row-{row.number}", row, problems), row=row.number, problems=tuple(problems)
            )
        if row.record is not None:
            again = self._read_back(row, problems)
            if again is not None:
                return again
        identifier = self._identify(row, problems)
        language_text = self._text(row, "language", problems)
        mapping = self._mapping
        language = parse_language(language_text) if language_text else None
        if language is None:
            language = mapping.implied.get("language") or mapping.defaults.get("language")
        # "Swedish/English" is kept as written, but names no rules to split by.
        rules = language if language is not None and is_tag(language) else self._language
        outcomes = self._outcomes(row, identifier, rules, problems)
        return Credential(
            id=identifier,
            title=self._text(row, "title", problems),
            outcomes=outcomes,
            provider=self._text(row, "provider", problems),
            faculty=self._text(row, "faculty", problems),
            language=language,
            jurisdiction=self._text(row, "jurisdiction", problems),
            size=self._size(row, problems),
            level=self._level(row, problems),
            row=row.number,
            problems=tuple(problems),
            extra=self._rest(row),
        )

    def _read_back(self, row: Row, problems: list[Problem]) -> Credential | None:
        """Take a record that this program wrote as it is."""
        assert row.record is not None
        try:
            credential = TaggedCredential.from_dict(row.record).credential
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None
        if not isinstance(credential.id, str) or not credential.id.strip():
            return None
        identifier = self._unique(credential.id, row, problems)
        if identifier != credential.id:
            outcomes = tuple(
                replace(outcome, id=f"{identifier}/{n}") for n, outcome in enumerate(credential.outcomes, start=1)
            )
            credential = replace(credential, id=identifier, outcomes=outcomes)
        number = credential.row if isinstance(credential.row, int) else row.number
        return replace(credential, row=number, problems=(*credential.problems, *problems))

    def _rest(self, row: Row) -> dict[str, str]:
        cells = row.cells
        extra = {name: as_text(cells.get(name)) for name in self._extra}
        held = self._held
        if self._is_open_ended and not held <= cells.keys():
            held = held | {self._own_name(row, name) for name in held}
        for name, value in cells.items():
            if name not in extra and name not in held and value is not None:
                extra[name] = as_text(value)
        return extra

    def _problem(self, row: Row, column: str | None, value: object, message: str, hint: str | None = None) -> Problem:
        return Problem(
            self._name, row.number, column, None if value is None else shorten(as_text(value)), message, hint
        )

    def _cell(self, row: Row, key: str, problems: list[Problem]) -> tuple[str | None, object]:
        names = self._mapping.columns.get(key)
        if not names:
            return None, None
        name = self._own_name(row, names[0])
        value = row.cells.get(name)
        if is_spreadsheet_error(value):
            problems.append(self._problem(row, name, value, "is a spreadsheet error", "mend the formula"))
            return name, None
        return name, value

    def _own_name(self, row: Row, name: str) -> str:
        """Return what the row calls a column: ``title`` or ``title.sv`` for ``title.en`` where it has only that."""
        if not self._is_open_ended or name in row.cells:
            return name
        base = name.rpartition(".")[0]
        if base and _is_by_language(name):
            if base in row.cells:
                return base
            columns = self._mapping.columns
            if name in (*columns.get("outcomes", ()), *columns.get("description", ())):
                return name  # text in a language that is not asked for is not tagged
            others = [key for key in row.cells if key.rpartition(".")[0] == base and _is_by_language(key)]
            return others[0] if len(others) == 1 else name
        inner = [key for key in row.cells if key.rpartition(".")[0] == name and _is_by_language(key)]
        asked = f"{name}.{self._language}"
        return asked if asked in inner else inner[0] if len(inner) == 1 else name

    def _text(self, row: Row, key: str, problems: list[Problem]) -> str | None:
        _, value = self._cell(row, key, problems)
        text = _folded(as_text(value)) if value is not None else ""
        # NA is Namibia where a country is meant.
        if not text or (is_blank(text) and not (key == "jurisdiction" and text == "NA")):
            return self._mapping.defaults.get(key)
        return text

    def _identify(self, row: Row, problems: list[Problem]) -> str:
        column, value = self._cell(row, "id", problems)
        text = " ".join(as_text(value).split())
        if column is not None and (not text or is_blank(text)):
            problems.append(self._problem(row, column, text or None, f"gives no id; called row-{row.number}"))
            text = ""
        return self._unique(text or f"row-{row.number}", row, problems, column)

    def _unique(self, wanted: str, row: Row, problems: list[Problem], column: str | None = None) -> str:
        identifier, n = wanted, self._ids.get(wanted, 0) + 1
        while n > 1 and (identifier := f"{wanted}#{n}") in self._ids:
            n += 1
        if n > 1:
            hint = f"this one is called {identifier}; give each credential an id of its own"
            problems.append(self._problem(row, column, wanted, "is the id of an earlier row as well", hint))
        self._ids[wanted] = n
        self._ids.setdefault(identifier, 1)
        return identifier

    def _size(self, row: Row, problems: list[Problem]) -> Size:
        mapping = self._mapping
        unit_column, unit_value = self._cell(row, "credit_system", problems)
        unit = parse_system(as_text(unit_value)) if unit_value is not None else None
        credits_column, credits_value = self._cell(row, "credits", problems)
        hours_column, hours_value = self._cell(row, "hours", problems)
        size = parse_size(credits_value, is_hours=unit == "hours")
        if size.message:
            problems.append(self._problem(row, credits_column, credits_value, size.message, size.hint))
        if len(ends := mapping.columns.get("hours", ())) == 2:
            values = [row.cells.get(name) for name in ends]
            hours_value = [value for value in values if not is_blank(as_text(value))]
        stated = parse_size(hours_value, is_hours=True)
        if stated.message:
            problems.append(self._problem(row, hours_column, hours_value, stated.message, stated.hint))
        credits, system, hours = size.credits, size.system, stated.hours
        if credits is None:
            credits, system = stated.credits, stated.system
        if hours is None:
            hours = size.hours
        elif size.hours is not None and size.hours != hours:
            message = f"disagrees with the hours in `{hours_column}`, which are taken"
            problems.append(self._problem(row, credits_column, credits_value, message, "give the hours once"))
        if unit == "hours":
            unit = None
        if system is not None and unit is not None and unit != system:
            message = f"names another credit system than `{unit_column}`; read as {system}"
            problems.append(self._problem(row, credits_column, credits_value, message, "make the two agree"))
        if credits is None:
            return Size(None, None, hours)
        system = system or unit or mapping.implied.get("credit_system") or mapping.defaults.get("credit_system")
        return Size(credits, system, hours)

    def _level(self, row: Row, problems: list[Problem]) -> Level:
        mapping = self._mapping
        framework_column, framework_value = self._cell(row, "framework", problems)
        named = parse_framework(as_text(framework_value)) if framework_value is not None else None
        column, value = self._cell(row, "level", problems)
        level = parse_level(value)
        if level.message:
            problems.append(self._problem(row, column, value, level.message, level.hint))
        framework = level.framework or named
        if level.framework is not None and named is not None and level.framework != named:
            message = f"names another framework than `{framework_column}`; read as {level.framework}"
            problems.append(self._problem(row, column, value, message, "make the two agree"))
        if framework is None and level.stated is not None:
            framework = mapping.implied.get("framework") or mapping.defaults.get("framework")
        return Level(framework, level.stated)

    def _outcomes(
        self, row: Row, identifier: str, language: str, problems: list[Problem]
    ) -> tuple[LearningOutcome, ...]:
        columns = self._mapping.columns
        found: list[_Found] = []
        is_stated = True
        if names := columns.get("outcomes"):
            for name in (self._own_name(row, column) for column in names):
                found.extend(self._split(row, name, row.cells.get(name), self._split_outcomes, language, problems))
            if not found:
                self._report_none(row, names, problems)
        if not found and (names := columns.get("description")):
            is_stated = False
            for name in (self._own_name(row, column) for column in names):
                found = list(self._split(row, name, row.cells.get(name), self._split_sentences, language, problems))
                if found:
                    break
            if not found:
                value = row.cells.get(names[0])
                problems.append(
                    self._problem(
                        row, names[0], value or None, "gives neither outcomes nor a description", "write them"
                    )
                )
        return tuple(
            LearningOutcome(f"{identifier}/{n}", text, source, is_stated)
            for n, (text, source) in enumerate(found, start=1)
        )

    def _report_none(self, row: Row, names: tuple[str, ...], problems: list[Problem]) -> None:
        values = [row.cells.get(name) for name in names]
        value = next((value for value in values if value not in (None, "", [])), None)
        hint = "write the learning outcomes; without them the row cannot be tagged"
        for other, language in self._other_languages:
            if not is_blank(as_text(row.cells.get(other) or "")):
                hint = f"`{other}` has some: read the catalogue with language `{language}`"
                break
        problems.append(self._problem(row, names[0], value, "gives no learning outcomes", hint))

    def _split(
        self,
        row: Row,
        name: str,
        value: object,
        split: Callable[..., Any],
        language: str,
        problems: list[Problem],
    ) -> Iterator[_Found]:
        if value is None:
            return
        if isinstance(value, str):
            yield from self._spans(row, name, value, None, split, language, problems)
            return
        if isinstance(value, list | tuple):
            for place, item in enumerate(value):
                text = _item_text(item)
                if text is None:
                    if item is not None:
                        problems.append(self._problem(row, name, item, "is not text", "give each outcome as text"))
                    continue
                yield from self._spans(row, name, text, place, split, language, problems)
            return
        problems.append(self._problem(row, name, value, "is not text", "give outcomes as text or as a list of texts"))

    def _spans(
        self,
        row: Row,
        name: str,
        text: str,
        item: int | None,
        split: Callable[..., Any],
        language: str,
        problems: list[Problem],
    ) -> Iterator[_Found]:
        if is_blank(text):
            return
        if is_spreadsheet_error(text):
            problems.append(self._problem(row, name, text, "is a spreadsheet error", "mend the formula"))
            return
        is_found = False
        for span in split(text, language):
            cleaned = span.text.strip()
            if cleaned and not is_blank(cleaned):
                is_found = True
                yield cleaned, Source(name, span.start, span.end, item)
        if not is_found:
            problems.append(self._problem(row, name, text, "holds no sentence that could be an outcome"))


@functools.lru_cache(maxsize=1024)
def _is_by_language(column: str) -> bool:
    """Return True for a column such as ``title.en``."""
    return any(candidate.language for candidate in by_name(column))


def _folded(text: str) -> str:
    if "<" in text:
        text = re.sub(r"<[a-zA-Z/][^<>]*>", " ", text)
    return " ".join(text.split())


def _item_text(item: object) -> str | None:
    """Return the text of a list item, which may be an object with its text under a usual key."""
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        for key in _ITEM_KEYS:
            if isinstance(item.get(key), str) and item[key].strip():
                return str(item[key])
    return None
