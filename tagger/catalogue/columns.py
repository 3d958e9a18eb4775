"""Which column is which: by its name, checked against its values, and overruled by the user's own mapping."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tagger.catalogue.cells import as_text, is_blank, parse_framework
from tagger.catalogue.names import Candidate, by_name, found_column, plain_name
from tagger.catalogue.quantities import parse_size, parse_system
from tagger.errors import CatalogueError

__all__ = ["DEFAULTS", "FIELDS", "ColumnMapping", "UserMapping", "extended", "in_other_languages", "recognise"]

FIELDS = (
    "id", "title", "outcomes", "description", "credits", "credit_system", "hours", "level", "framework", "jurisdiction",
    "provider", "faculty", "language",
)  # fmt: skip
DEFAULTS = ("credit_system", "framework", "jurisdiction", "provider", "faculty", "language")
_SEVERAL = frozenset({"outcomes", "description"})


_HOUR_ENDS = (
    frozenset({"notional hours min", "min notional hours", "minimum hours", "hours min", "min hours"}),
    frozenset({"notional hours max", "max notional hours", "maximum hours", "hours max", "max hours"}),
)
_NOT_NOTIONAL = re.compile(r"contact|guided|taught|teaching|lecture|class|tutorial|lab\b")
_KNOWLEDGE_SKILLS = re.compile(
    r"(?:learning outcomes? )?(knowledge|skills?|competenc(?:e|es|y|ies)|responsibility(?: and autonomy)?)"
)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which columns of the file hold what.

    Attributes
    ----------
    columns : dict of str to tuple of str
        Field to column names. Several for `outcomes` (all are read) and `description` (the first that is not empty is);
        two for `hours` are the lowest and the highest.
    reasons : dict of str to str
        Field to why.
    unused : tuple of str
        Columns that are kept as they are in `Credential.extra`.
    implied : dict of str to str
        What a column's name says of every row: `credit_system`, `framework`, `language`.
    defaults : dict of str to str
        What the user says of every row that says nothing itself.
    """

    columns: dict[str, tuple[str, ...]]
    reasons: dict[str, str]
    unused: tuple[str, ...] = ()
    implied: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """Return the mapping as lines of text, one for each field.

        Examples
        --------
        >>> print(ColumnMapping({"title": ("Name",)}, {"title": "by its name"}, ("Room",)).render())
        title: `Name` (by its name)
        not used: `Room`
        """
        lines = [
            f"{name}: {', '.join(f'`{column}`' for column in self.columns[name])} ({self.reasons.get(name, '')})"
            for name in FIELDS
            if name in self.columns
        ]
        lines.extend(f"{name}: {value} for every row that does not say" for name, value in self.defaults.items())
        if self.unused:
            lines.append("not used: " + ", ".join(f"`{column}`" for column in self.unused))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class UserMapping:
    """The mapping as the user gives it: field to columns (an empty tuple: no column), and defaults."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, mapping: Mapping[str, str | Sequence[str]] | str | Path | None) -> UserMapping:
        """Take a dict, or a TOML file with a table ``[columns]`` and optionally ``[defaults]``.

        Raises
        ------
        CatalogueError
            The file cannot be read, or names a field that does not exist.
        """
        if mapping is None:
            return cls()
        where = "mapping"
        plain: Mapping[str, object]
        defaults: object = {}
        if isinstance(mapping, str | Path):
            where = f"`{mapping}`"
            try:
                document = tomllib.loads(Path(mapping).read_text(encoding="utf-8-sig"))
            except OSError as error:
                raise CatalogueError(f"{where} cannot be read: {error.strerror or error}") from error
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise CatalogueError(f"{where} is not TOML: {error}") from error
            unknown = sorted(document.keys() - {"columns", "defaults"})
            if unknown:
                raise CatalogueError(
                    f"{where}: `{unknown[0]}` is not a table of a mapping, expected [columns] and [defaults]"
                )
            columns, defaults = document.get("columns", {}), document.get("defaults", {})
            if not isinstance(columns, dict) or not isinstance(defaults, dict):
                raise CatalogueError(f"{where}: [columns] and [defaults] must be tables")
            plain = columns
        else:
            plain = mapping
        chosen: dict[str, tuple[str, ...]] = {}
        for name, value in plain.items():
            _check_field(name, FIELDS, where)
            names = (value,) if isinstance(value, str) else value
            if not isinstance(names, Sequence) or not all(isinstance(column, str) for column in names):
                raise CatalogueError(f"{where}: `{name}` must be a column name or a list of them, got {value!r}")
            chosen[name] = tuple(column for column in names if column)
            if len(chosen[name]) > 1 and name not in _SEVERAL:
                raise CatalogueError(
                    f"{where}: `{name}` has {len(chosen[name])} columns, expected one",
                    hint="only outcomes and description may have several",
                )
        fixed: dict[str, str] = {}
        assert isinstance(defaults, dict)
        for name, value in defaults.items():
            _check_field(name, DEFAULTS, where)
            fixed[name] = str(value)
        if system := fixed.get("credit_system"):
            fixed["credit_system"] = parse_system(system) or system
        if framework := fixed.get("framework"):
            fixed["framework"] = parse_framework(framework) or framework
        return cls(chosen, fixed)

    def missing(self, columns: Sequence[str]) -> list[str]:
        """Return the columns that the user names and the file does not have."""
        return [name for names in self.columns.values() for name in names if found_column(name, columns) is None]

    def wanted(self) -> frozenset[str]:
        """Return the column names that the user gives."""
        return frozenset(name for names in self.columns.values() for name in names)


def _check_field(name: str, fields: Sequence[str], where: str) -> None:
    if name not in fields:
        close = difflib.get_close_matches(name, fields, n=1)
        raise CatalogueError(
            f"{where}: `{name}` is not a field, expected one of {', '.join(fields)}",
            hint=f"did you mean `{close[0]}`?" if close else None,
        )


def recognise(
    columns: Sequence[str],
    sample: Sequence[Mapping[str, object]],
    user: UserMapping,
    *,
    language: str = "en",
    name: str = "catalogue",
) -> ColumnMapping:
    """Guess which column holds what, from names and the first values; the user's mapping goes first.

    Parameters
    ----------
    columns : sequence of str
    sample : sequence of mappings
        The first rows.
    user : UserMapping
    language : str
        Preferred where columns differ by language.
    name : str
        The file, for errors.

    Raises
    ------
    CatalogueError
        A column that the user names is not there, or nothing is recognised as outcomes or description.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    implied: dict[str, str] = {}
    values = {column: [row[column] for row in sample if not _is_empty(row.get(column))] for column in columns}
    taken: set[str] = set()
    for user_field, names in user.columns.items():
        found = [_required(column, columns, user_field, name) for column in names]
        if found:
            chosen[user_field], reasons[user_field] = tuple(found), "as you said"
            taken.update(found)
            for candidate in (c for column in found for c in by_name(column) if c.field == user_field):
                _note_implied(candidate, implied)
    candidates: dict[str, list[Candidate]] = {}
    for column in columns:
        if column in taken:
            continue
        for candidate in by_name(column):
            weight = candidate.weight + _by_values(candidate, values[column], len(sample))
            if weight > 0:
                adjusted = _in_language(candidate, weight, language)
                candidates.setdefault(candidate.field, []).append(adjusted)
    if "outcomes" not in user.columns and not any(c.weight > 70 for c in candidates.get("outcomes", ())):
        parts = [
            column
            for column in columns
            if column not in taken and _KNOWLEDGE_SKILLS.fullmatch(plain_name(column)) and _is_prose(values[column])
        ]
        if len(parts) > 1:
            chosen["outcomes"], reasons["outcomes"] = tuple(parts), "knowledge, skills and competence are outcomes"
            taken.update(parts)
    for one_field in FIELDS:
        if one_field in user.columns or one_field in chosen or one_field == "description":
            continue
        ranked = sorted(
            (c for c in candidates.get(one_field, ()) if c.column not in taken), key=lambda c: c.weight, reverse=True
        )
        if not ranked:
            continue
        best = ranked[0]
        group = [best]
        if one_field == "outcomes":
            group = [c for c in ranked if c.group == best.group and c.language == best.language]
            group.sort(key=lambda c: c.number)
        chosen[one_field] = tuple(c.column for c in group)
        taken.update(chosen[one_field])
        reasons[one_field] = _reason(best, group, ranked, language)
        _note_implied(best, implied)
    if "hours" not in chosen and "hours" not in user.columns:
        ends = {plain_name(column): column for column in columns if column not in taken}
        if low := set(_HOUR_ENDS[0]) & ends.keys():
            high = set(_HOUR_ENDS[1]) & ends.keys()
            if len(low) == len(high) == 1:
                chosen["hours"] = (ends[low.pop()], ends[high.pop()])
                reasons["hours"] = "lowest and highest, by their names"
                taken.update(chosen["hours"])
    if "outcomes" not in chosen and "description" not in user.columns:
        ranked = sorted(
            (c for c in candidates.get("description", ()) if c.column not in taken),
            key=lambda c: c.weight,
            reverse=True,
        )
        ranked = [c for c in ranked if c.language == ranked[0].language]
        if ranked:
            chosen["description"] = tuple(c.column for c in ranked[:2])
            reasons["description"] = (
                "there is no column of outcomes: sentences of the description stand in for them"
                + (f", of `{ranked[1].column}` where `{ranked[0].column}` is empty" if len(ranked) > 1 else "")
            )
            taken.update(chosen["description"])
            _note_implied(ranked[0], implied)
    if "outcomes" not in chosen and "description" not in chosen:
        raise CatalogueError(
            f"`{name}`: no column of learning outcomes or descriptions is recognised; found {_listed(columns)}",
            hint='say which column holds the outcomes with a mapping such as outcomes = "COLUMN"',
        )
    unused = tuple(column for column in columns if column not in taken)
    return ColumnMapping(chosen, reasons, unused, implied, dict(user.defaults))


def _listed(columns: Sequence[str]) -> str:
    listed = ", ".join(f"`{column}`" for column in columns[:30])
    return listed + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")


def _required(column: str, columns: Sequence[str], for_field: str, name: str) -> str:
    found = found_column(column, columns)
    if found is None:
        plain = {plain_name(other): other for other in columns}
        close = difflib.get_close_matches(plain_name(column), list(plain), n=1, cutoff=0.7)
        raise CatalogueError(
            f"`{name}` has no column `{column}`, which the mapping names for {for_field}; found {_listed(columns)}",
            hint=f"did you mean `{plain[close[0]]}`?" if close else "name one of these columns",
        )
    return found


def _note_implied(candidate: Candidate, implied: dict[str, str]) -> None:
    if candidate.implied and candidate.field == "credits":
        implied["credit_system"] = candidate.implied
    elif candidate.implied and candidate.field == "level":
        implied["framework"] = candidate.implied
    elif candidate.language and candidate.field in _SEVERAL:
        implied["language"] = candidate.language


def _in_language(candidate: Candidate, weight: float, language: str) -> Candidate:
    if candidate.language is None:
        bonus = 0.0
    else:
        bonus = 45.0 if candidate.language.split("-")[0] == language.split("-")[0].lower() else -20.0
    return Candidate(
        candidate.column,
        candidate.field,
        weight + bonus,
        candidate.reason,
        candidate.group,
        candidate.number,
        candidate.language,
        candidate.implied,
    )


def _reason(best: Candidate, group: list[Candidate], ranked: list[Candidate], language: str) -> str:
    if len(group) > 1:
        reason = f"{len(group)} numbered columns of the same name"
    elif best.implied:
        reason = best.reason
    else:
        reason = "by its name"
    if best.language is not None:
        others = sorted({c.language for c in ranked if c.language and c.language != best.language})
        if best.language.split("-")[0] == language.split("-")[0].lower():
            reason += f", in the language asked for ({best.language}" + (
                f"; also there: {', '.join(others)})" if others else ")"
            )
        else:
            reason += f", in {best.language}: there is no column in {language}"
    rivals = [c.column for c in ranked if c not in group and c.language == best.language]
    if rivals:
        reason += f", before `{rivals[0]}`"
    return reason


def _is_empty(value: object) -> bool:
    if value is None or value == []:
        return True
    return isinstance(value, str) and is_blank(value)


def _by_values(candidate: Candidate, values: list[object], n_rows: int) -> float:
    """Return what the values add to (or take from) a candidate; -1000 rules it out."""
    name = candidate.field
    if not values:
        return 0.0 if candidate.language or not n_rows else -35.0
    texts = [as_text(value) for value in values]
    n = len(texts)
    if name == "outcomes":
        return _outcome_values(candidate, values, texts)
    if name == "description":
        return 0.0 if _is_prose(values) else -1000.0
    if name == "credits":
        sizes = [parse_size(value) for value in values]
        n_read = sum(1 for size in sizes if size.credits is not None or size.hours is not None)
        n_numbers = sum(1 for text in texts if re.search(r"\d", text))
        return 0.0 if n_read * 2 >= n else (-30.0 if n_numbers * 2 >= n or candidate.weight >= 95 else -1000.0)
    if name == "hours":
        if _NOT_NOTIONAL.search(plain_name(candidate.column)):
            return -1000.0
        sizes = [parse_size(value, is_hours=candidate.weight > 40) for value in values]
        n_read = sum(1 for size in sizes if size.hours is not None)
        return 0.0 if n_read * 2 >= n else (-1000.0 if candidate.weight <= 40 else -30.0)
    if name in ("level", "framework", "language", "jurisdiction", "credit_system"):
        if sum(map(len, texts)) / n > 60:
            return -1000.0
        if (
            name == "level"
            and candidate.weight == 60
            and not all(re.fullmatch(r"\D{0,8}\d{1,2}\D?", text) for text in texts)
        ):
            return -1000.0
        return 0.0
    if name == "title":
        return -60.0 if sum(1 for text in texts if _is_code(text)) * 5 > 4 * n and candidate.weight < 95 else 0.0
    if name == "id":
        if candidate.weight == 40 and sum(1 for text in texts if _is_code(text)) * 5 <= 4 * n:
            return -1000.0
        return -50.0 if n >= 5 and len(set(texts)) * 2 < n else 0.0
    return 0.0


def _outcome_values(candidate: Candidate, values: list[object], texts: list[str]) -> float:
    if any(isinstance(value, list) for value in values):
        return 5.0 if candidate.weight > 50 else 0.0
    n = len(texts)
    if sum(1 for text in texts if re.fullmatch(r"[\d\s.,;/+-]+", text)) * 2 > n:
        return -1000.0
    is_plural = re.search(r"\boutcomes\b", plain_name(candidate.column)) is not None
    if (
        candidate.weight == 97
        and not is_plural
        and n >= 10
        and len(set(texts)) * 4 < n
        and sum(map(len, texts)) < 14 * n
    ):
        # "Outcome", and a few words that come again and again: a status, not an outcome.
        return -1000.0
    if candidate.weight <= 50:
        n_lists = sum(1 for text in texts if len(re.findall(r"(?:\n|<li|[•▪●]|;\s)", text)) >= 2)
        return 0.0 if n_lists * 2 >= n else -1000.0
    return 0.0


def _is_prose(values: list[object]) -> bool:
    if not values:
        return False
    if any(isinstance(value, list) for value in values):
        return True
    return sum(1 for value in values if isinstance(value, str) and len(value.split()) >= 3) * 2 >= len(values)


def _is_code(text: str) -> bool:
    return bool(re.fullmatch(r"(?=.*\d)[\w./-]{1,20}", text)) and " " not in text


def in_other_languages(mapping: ColumnMapping) -> tuple[tuple[str, str], ...]:
    """Return the unused columns of outcomes that are in a language of their own, with that language."""
    return tuple(
        (candidate.column, candidate.language)
        for column in mapping.unused
        for candidate in by_name(column)
        if candidate.field == "outcomes" and candidate.language is not None and candidate.weight >= 90
    )


def extended(
    mapping: ColumnMapping,
    new: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[str, object],
    user: UserMapping,
    language: str,
    row: int,
) -> tuple[ColumnMapping, list[str]]:
    """Take up columns that come late: for fields that have none yet, and further numbered columns of outcomes.

    Returns
    -------
    mapping : ColumnMapping
        The same object where nothing changes.
    taken : list of str
        The columns taken up.
    """
    again = recognise(columns, [cells], user, language=language)
    chosen, reasons, implied = dict(mapping.columns), dict(mapping.reasons), dict(mapping.implied)
    taken: list[str] = []
    for name, found in again.columns.items():
        before = chosen.get(name, ())
        late = [column for column in found if column in new]
        if name == "description" and "outcomes" in chosen:
            continue
        if not late or (before and not set(before) < set(found)):
            continue
        chosen[name] = found if before else tuple(late)
        reasons[name] = again.reasons[name] + f", first seen in row {row}"
        taken.extend(late)
        for key, value in again.implied.items():
            implied.setdefault(key, value)
    if "outcomes" in chosen and "outcomes" not in mapping.columns and "description" not in user.columns:
        chosen.pop("description", None)
        reasons.pop("description", None)
    held = {column for names in chosen.values() for column in names}
    unused = tuple(column for column in columns if column not in held)
    if not taken:
        return mapping, []
    return ColumnMapping(chosen, reasons, unused, implied, mapping.defaults), taken
