"""What a catalogue holds and what could not be read of it, counted in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagger.catalogue import Catalogue, ColumnMapping
from tagger.records import Problem

__all__ = ["CatalogueSummary", "ProblemGroup", "inspect"]

_N_ROWS_SHOWN = 3
_MAX_GROUPS = 200


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """The same problem in the same column.

    Attributes
    ----------
    column : str or None
    message : str
    count : int
    first : tuple of Problem
        The first three.
    """

    column: str | None
    message: str
    count: int
    first: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class CatalogueSummary:
    """What a catalogue holds.

    Attributes
    ----------
    path, format : str
    encoding : str or None
        None where the format has its own.
    columns : tuple of str
    mapping : ColumnMapping
        Which column was taken for what, why, and which are not used.
    n_rows, n_empty_rows, n_credentials, n_unreadable_rows : int
        ``n_rows == n_credentials + n_empty_rows``; unreadable rows are among the credentials.
    n_with_outcomes, n_without_outcomes : int
        Credentials with stated outcomes, or sentences of the description standing in for them, and without.
    n_outcomes, n_stated_outcomes : int
    outcomes_per_credential : tuple of float or None
        Least, median and most, over the credentials that have any; None when none has.
    sizes : dict of str to int
        Credentials by credit system; under ``""`` those with credits of a system that is not named.
    n_with_hours, n_without_size : int
    levels : dict of str to dict of str to int
        Framework to level to number of credentials; under ``""`` levels of a framework that is not named.
    n_without_level : int
    languages : dict of str to int
    problems : tuple of ProblemGroup
        Most frequent first.
    n_problems : int
    """

    path: str
    format: str
    encoding: str | None
    columns: tuple[str, ...]
    mapping: ColumnMapping
    n_rows: int
    n_empty_rows: int
    n_credentials: int
    n_unreadable_rows: int
    n_with_outcomes: int
    n_without_outcomes: int
    n_outcomes: int
    n_stated_outcomes: int
    outcomes_per_credential: tuple[float, float, float] | None
    sizes: dict[str, int]
    n_with_hours: int
    n_without_size: int
    levels: dict[str, dict[str, int]]
    n_without_level: int
    languages: dict[str, int]
    problems: tuple[ProblemGroup, ...]
    n_problems: int

    def render(self) -> str:
        """Return the summary as text for a person to read."""

        def counted(counts: Mapping[str, int]) -> str:
            return ", ".join(
                f"{name or 'not named'} {n:,}" for name, n in sorted(counts.items(), key=lambda x: (-x[1], x[0]))
            )

        def levelled(counts: Mapping[str, int]) -> str:
            # A level is mostly a number itself, so that the two must be told apart.
            ordered = sorted(counts.items(), key=lambda x: (-x[1], x[0]))
            return ", ".join(f"{'level ' if name[:1].isdigit() else ''}{name} ×{n:,}" for name, n in ordered)

        encoding = f", {self.encoding}" if self.encoding else ""
        lines = [f"{self.path} ({self.format}{encoding})", "", "columns"]
        lines += [f"  {line}" for line in self.mapping.render().splitlines()]
        lines += [
            "",
            f"rows         {self.n_rows:,}: {self.n_credentials:,} credentials, {self.n_empty_rows:,} empty rows"
            + (f", {self.n_unreadable_rows:,} unreadable rows kept as credentials" if self.n_unreadable_rows else ""),
            f"outcomes     {self.n_outcomes:,} in {self.n_with_outcomes:,} credentials, {self.n_without_outcomes:,} without any",
        ]
        if self.outcomes_per_credential is not None:
            least, median, most = self.outcomes_per_credential
            lines.append(f"             {least:g} to {most:g} in a credential, median {median:g}")
        if self.n_stated_outcomes < self.n_outcomes:
            n = self.n_outcomes - self.n_stated_outcomes
            lines.append(f"             {n:,} are sentences of a description, not stated outcomes")
        sizes = counted(self.sizes) or "none with credits"
        lines += [
            f"sizes        {sizes}; {self.n_with_hours:,} with hours; {self.n_without_size:,} with neither",
            *(
                f"levels       {framework or 'framework not named'}: {levelled(found)}"
                for framework, found in sorted(self.levels.items())
            ),
            f"             {self.n_without_level:,} without a level",
        ]
        if self.languages:
            lines.append(f"languages    {counted(self.languages)}")
        lines += ["", f"problems     {self.n_problems:,}"]
        for group in self.problems:
            others = [str(p.row) for p in group.first[1:] if p.row is not None]
            if others and group.count > len(group.first):
                others.append(f"{group.count - len(group.first):,} more")
            also = f" (also row {', '.join(others)})" if others else ""
            lines.append(f"  {group.count:>6,}  {group.first[0].render()}{also}")
        return "\n".join(lines)


class _Problems:
    def __init__(self) -> None:
        self._counts: Counter[tuple[str | None, str]] = Counter()
        self._first: dict[tuple[str | None, str], list[Problem]] = {}

    def add(self, problem: Problem) -> None:
        key = (problem.column, problem.message)
        if key not in self._first and len(self._first) >= _MAX_GROUPS:
            key = (None, "other problems")
        self._counts[key] += 1
        first = self._first.setdefault(key, [])
        if len(first) < _N_ROWS_SHOWN:
            first.append(problem)

    def groups(self) -> tuple[ProblemGroup, ...]:
        return tuple(
            ProblemGroup(column, message, count, tuple(self._first[column, message]))
            for (column, message), count in self._counts.most_common()
        )

    def total(self) -> int:
        return self._counts.total()


def _spread(counts: Counter[int]) -> tuple[float, float, float] | None:
    """Return least, median and most of the values that are not 0.

    >>> _spread(Counter({0: 5, 2: 1, 4: 2, 6: 1}))
    (2.0, 4.0, 6.0)
    """
    values = sorted(value for value in counts if value)
    if not values:
        return None
    total = sum(counts[value] for value in values)
    middle: list[int] = []
    for place in ((total - 1) // 2, total // 2):
        seen = 0
        for value in values:
            seen += counts[value]
            if seen > place:
                middle.append(value)
                break
    return float(values[0]), sum(middle) / 2, float(values[-1])


def inspect(
    path: str | Path | Catalogue,
    mapping: Mapping[str, str | Sequence[str]] | str | Path | None = None,
    *,
    format: str | None = None,
    language: str = "en",
    sheet: str | None = None,
) -> CatalogueSummary:
    """Go through a catalogue once and count what it holds; memory does not grow with it.

    Parameters
    ----------
    path : str, Path or Catalogue
    mapping, format, language, sheet
        As for `read_catalogue`; not looked at when a `Catalogue` is given.

    Returns
    -------
    CatalogueSummary

    Raises
    ------
    CatalogueError
        The file cannot be read at all.
    """
    if isinstance(path, Catalogue):
        catalogue = path
    else:
        catalogue = Catalogue(path, mapping=mapping, format=format, language=language, sheet=sheet)
    problems = _Problems()
    per_credential: Counter[int] = Counter()
    sizes: Counter[str] = Counter()
    levels: dict[str, Counter[str]] = {}
    languages: Counter[str] = Counter()
    n_stated = n_with_hours = n_without_size = n_without_level = 0
    for credential in catalogue:
        per_credential[len(credential.outcomes)] += 1
        n_stated += sum(1 for outcome in credential.outcomes if outcome.is_stated)
        size, level = credential.size, credential.level
        if size.credits is not None:
            sizes[size.system or ""] += 1
        n_with_hours += size.notional_hours is not None
        n_without_size += size.credits is None and size.notional_hours is None
        if level.stated is None:
            n_without_level += 1
        else:
            levels.setdefault(level.framework or "", Counter())[level.stated] += 1
        if credential.language is not None:
            languages[credential.language] += 1
        for problem in credential.problems:
            problems.add(problem)
    for problem in catalogue.problems:
        problems.add(problem)
    return CatalogueSummary(
        path=catalogue.path,
        format=catalogue.format,
        encoding=catalogue.encoding,
        columns=tuple(catalogue.columns),
        mapping=catalogue.mapping,
        n_rows=catalogue.n_rows,
        n_empty_rows=catalogue.n_empty_rows,
        n_credentials=catalogue.n_credentials,
        n_unreadable_rows=catalogue.n_unreadable_rows,
        n_with_outcomes=per_credential.total() - per_credential[0],
        n_without_outcomes=per_credential[0],
        n_outcomes=sum(n * count for n, count in per_credential.items()),
        n_stated_outcomes=n_stated,
        outcomes_per_credential=_spread(per_credential),
        sizes=dict(sizes.most_common()),
        n_with_hours=n_with_hours,
        n_without_size=n_without_size,
        levels={framework: dict(counts.most_common()) for framework, counts in levels.items()},
        n_without_level=n_without_level,
        languages=dict(languages.most_common()),
        problems=problems.groups(),
        n_problems=problems.total(),
    )
