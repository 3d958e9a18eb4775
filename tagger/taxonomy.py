"""Taxonomies: folders of concepts, with the size rules, awards and crosswalk of a level framework.

A taxonomy is a folder with two files, and for some a third:

``taxonomy.toml``
    `id`, `title`, `version`, `licence`, `source` (required); `attribution`, `ordered`, `language` (of the labels; English
    where it is not given), `sha256` (of ``concepts.csv`` with LF line ends), `broader_taxonomy` (id of the taxonomy, beside it or shipped, that holds the broader concepts);
    for a level framework `framework` (its id in `records.Level`), `aliases` (its other names), ``[crosswalk]``,
    ``[[size]]`` and ``[[award]]``. Further keys are for readers of the file.
``concepts.csv``
    UTF-8, header `id,label,alt_labels,description,broader,level` and, optionally, `type,notation,reuse_level`, in any
    order. `alt_labels` and `broader` hold several values separated by ``|``; an empty cell is unknown.
``groups.csv``
    Same columns: concepts that are never a tag but stand above those that are.

``taxonomies/jurisdictions.toml`` holds ``[[size]]`` rules of places that have no level framework here.
"""

from __future__ import annotations

import csv
import difflib
import functools
import hashlib
import io
import operator
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tagger.errors import TaxonomyError
from tagger.records import Problem
from tagger.shipped import shipped

__all__ = [
    "Award",
    "Concept",
    "Crosswalk",
    "SizeRule",
    "Taxonomy",
    "load_taxonomy",
    "resolve_credit_system",
    "resolve_framework",
    "resolve_jurisdiction",
    "shipped_taxonomies",
    "size_rules",
    "verify_taxonomy",
]

REQUIRED_COLUMNS = ("id", "label", "alt_labels", "description", "broader", "level")
OPTIONAL_COLUMNS = ("type", "notation", "reuse_level")
CONFIDENCES = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept, in the language of its taxonomy.

    Attributes
    ----------
    id : str
        IRI, the official one where an authority publishes one.
    label : str
    alt_labels : tuple of str
    description : str or None
    broader : tuple of str
        Ids of broader concepts: here, among the taxonomy's groups, or in the taxonomy that it names for that.
    level : str or None
        Rank in an ordered taxonomy: "1", "2", …
    type : str or None
        Kind of concept where the taxonomy has kinds.
    notation : str or None
        Official code, such as "6" or "6.4".
    reuse_level : str or None
        ESCO's reuse level, such as "cross-sector".
    """

    id: str
    label: str
    alt_labels: tuple[str, ...] = ()
    description: str | None = None
    broader: tuple[str, ...] = ()
    level: str | None = None
    type: str | None = None
    notation: str | None = None
    reuse_level: str | None = None


@dataclass(frozen=True, slots=True)
class SizeRule:
    """How a jurisdiction counts learning and how large a micro-credential may be there. None: no number is laid down.

    Attributes
    ----------
    id, jurisdiction : str
        Such as "nz" and "New Zealand".
    framework : str or None
        Id of the taxonomy whose awards and levels apply, such as "nzqcf".
    names, general_names : tuple of str
        What catalogues call the place, case aside. A general name ("UK") gives way to a specific one ("Scotland").
    system : str or None
        Credit system as in `records.Size.system`; None where there is none, and hours are the measure.
    system_names : tuple of str
        What catalogues call its credits.
    hours_per_credit : tuple of float or None
        Lowest and highest notional learning hours of one credit.
    min_credits, max_credits, min_hours, max_hours : float or None
        Limits, both ends included. Where both are given, the hours are those of the credits.
    exceptional_below : float or None
        Credits; a size below it is possible but exceptional. It takes the place of `min_credits` as a hard limit: where
        the two are equal, a smaller size is exceptional, not out of range.
    step : float or None
        Sizes are multiples of it, in credits.
    below_award : bool
        True where a micro-credential has to be smaller than an award in its own right: see `Taxonomy.awards`.
    levels : tuple of str
        Levels of `framework` at which micro-credentials are offered; empty for any.
    status : str
        Weight of the limits: ``binding`` (a regulator's or funder's rule), ``framework`` (of those who join it),
        ``pilot``, ``principle`` (a rule in words), ``assumption`` (ours; never more than a hint), ``none``.
    note, source : str or None
    confidence : str
        ``high``, ``medium`` or ``low`` (not seen in a primary source).
    """

    id: str
    jurisdiction: str
    source: str
    confidence: str
    status: str
    framework: str | None = None
    names: tuple[str, ...] = ()
    general_names: tuple[str, ...] = ()
    system: str | None = None
    system_names: tuple[str, ...] = ()
    hours_per_credit: tuple[float, float] | None = None
    min_credits: float | None = None
    max_credits: float | None = None
    min_hours: float | None = None
    max_hours: float | None = None
    exceptional_below: float | None = None
    step: float | None = None
    below_award: bool = False
    levels: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """A qualification that begins at some size, so that a micro-credential of that size and level comes near it.

    Attributes
    ----------
    award : str
    levels : tuple of str
        Levels of the framework at which a unit of this size would be the award.
    blocks : str
        ``yes``: at this size and level it is an award in its own right. ``warn``: such an award exists, and is worth a
        note, but a micro-credential of this size is accepted all the same.
    min_credits, min_at_level : float or None
        Credits in `system`, in all and at the level itself; None where the framework counts no credits.
    system : str or None
    min_hours : float or None
        Volume of learning where the framework counts hours.
    note : str or None
    source, confidence : str
    """

    award: str
    levels: tuple[str, ...]
    blocks: str
    source: str
    confidence: str
    min_credits: float | None = None
    min_at_level: float | None = None
    system: str | None = None
    min_hours: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """EQF levels that a framework's level is referenced to; several where it spans them.

    Attributes
    ----------
    eqf : tuple of int
    confidence, source : str
    note : str or None
    """

    eqf: tuple[int, ...]
    confidence: str
    source: str
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A loaded taxonomy; immutable, and equal only to itself.

    Attributes
    ----------
    id, title, version, licence, source : str
    attribution : str or None
        Sentence that has to be shown where the concepts are.
    ordered : bool
        True when the concepts are ranks, lowest first.
    path : Path
    sha256 : str
        Of ``concepts.csv`` followed by ``taxonomy.toml``, both with LF line ends.
    concepts, groups : tuple of Concept
        In file order.
    size_rules : tuple of SizeRule
        The first is the one that holds where nothing but the framework is known.
    awards : tuple of Award
    crosswalk : dict of str to Crosswalk
        By level, as in `Concept.level`.
    framework : str or None
        Id as in `records.Level.framework`; None unless this is a level framework.
    aliases : tuple of str
    language : str
        Of the labels and descriptions: a primary language tag, such as "en".
    """

    id: str
    title: str
    version: str
    licence: str
    attribution: str | None
    source: str
    ordered: bool
    path: Path
    sha256: str
    concepts: tuple[Concept, ...]
    groups: tuple[Concept, ...] = ()
    size_rules: tuple[SizeRule, ...] = ()
    awards: tuple[Award, ...] = ()
    crosswalk: Mapping[str, Crosswalk] = field(default_factory=dict)
    framework: str | None = None
    aliases: tuple[str, ...] = ()
    language: str = "en"

    def __len__(self) -> int:
        """Return the number of concepts."""
        return len(self.concepts)

    @functools.cached_property
    def _positions(self) -> dict[str, int]:
        return {c.id: i for i, c in enumerate(self.concepts)}

    @functools.cached_property
    def _names(self) -> dict[str, int | None]:
        """Labels and notations, case folded; None marks one that several concepts share."""
        names: dict[str, int | None] = {}
        for i, concept in enumerate(self.concepts):
            for name in {concept.label.casefold(), (concept.notation or concept.label).casefold()}:
                names[name] = None if name in names else i
        return names

    def index(self, iri: str) -> int:
        """Return the position of a concept in `concepts`.

        Raises
        ------
        TaxonomyError
            If no concept has this IRI.

        Examples
        --------
        >>> load_taxonomy("sdg").index("http://metadata.un.org/sdg/6")
        5
        """
        try:
            return self._positions[iri]
        except KeyError:
            raise TaxonomyError(
                f"taxonomy `{self.id}` {self.version}: `{iri}` is not the id of one of its {len(self)} concepts",
                hint=_close(iri, list(self._positions)) or "the tag may have been made with another version",
            ) from None

    def get(self, name: str) -> Concept | None:
        """Return the concept with this IRI, notation or label (case aside); None for no such, or for several.

        Examples
        --------
        >>> load_taxonomy("sdg").get("clean water and sanitation").notation
        '6'
        """
        position = self._positions.get(name)
        if position is None:
            position = self._names.get(name.strip().casefold())
        return None if position is None else self.concepts[position]


def shipped_taxonomies() -> list[str]:
    """Return the ids of the taxonomies that come with the program, sorted.

    Examples
    --------
    >>> "sdg-targets" in shipped_taxonomies()
    True
    """
    return sorted(p.parent.name for p in shipped("taxonomies").glob("*/taxonomy.toml"))


def load_taxonomy(name_or_path: str | Path) -> Taxonomy:
    """Load a shipped taxonomy by id, or any taxonomy by the path of its folder. Loaded once a process.

    Parameters
    ----------
    name_or_path : str or Path
        A text without a slash is an id first, and a path only if no shipped taxonomy has it.

    Raises
    ------
    TaxonomyError
        If there is no such taxonomy, or its folder is incomplete, altered or wrong: names the first problem by file,
        row and column. `verify_taxonomy` lists all.

    Examples
    --------
    >>> bloom = load_taxonomy("bloom")
    >>> [c.label for c in bloom.concepts][:3]
    ['Remember', 'Understand', 'Apply']
    """
    text = str(name_or_path)
    if isinstance(name_or_path, str) and not re.search(r"[/\\]", text):
        if not text.strip():
            raise TaxonomyError("taxonomy: the name is empty, expected an id or a path", hint=_known())
        if (shipped("taxonomies") / text / "taxonomy.toml").is_file() and text in shipped_taxonomies():
            return _load(shipped("taxonomies") / text)
        if not Path(text).exists():
            names = shipped_taxonomies()
            hint = _close(text.casefold(), names)
            raise TaxonomyError(
                f"taxonomy `{text}`: not shipped with this program, and no folder of that name here",
                hint=f"{hint}; {_known()}" if hint else _known(),
            )
    folder = Path(text)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise TaxonomyError(
            f"taxonomy `{text}`: {what}, expected a folder with taxonomy.toml and concepts.csv", hint=_known()
        )
    return _load(folder.resolve())


def verify_taxonomy(path: str | Path) -> list[str]:
    """Return everything that is wrong with a taxonomy folder, one line each; empty for a sound one.

    Checks form, ids, broader concepts, the checksum of ``concepts.csv`` (a folder without `sha256` is told so), that an
    ordered taxonomy's levels rise, and that awards and crosswalk speak of levels that exist.

    Examples
    --------
    >>> from tagger.shipped import shipped
    >>> verify_taxonomy(shipped("taxonomies") / "bloom")
    []
    """
    folder = Path(path)
    if not folder.is_dir():
        return [f"`{folder}`: no such folder"]
    taxonomy, problems = _read(folder)
    if taxonomy is None:
        return problems
    plain, _ = _toml(folder / "taxonomy.toml")
    if "sha256" not in plain:
        problems.append("`taxonomy.toml`, key `sha256`: is missing, expected the checksum of concepts.csv")
    levels = [c.level for c in taxonomy.concepts]
    ranks = [int(v or -1) for v in levels]
    if taxonomy.ordered and (None in levels or ranks != sorted(set(ranks))):
        problems.append("`concepts.csv`, column `level`: an ordered taxonomy needs levels that rise from row to row")
    for rule in taxonomy.size_rules:
        for low, high in ((rule.min_credits, rule.max_credits), (rule.min_hours, rule.max_hours)):
            if low is not None and high is not None and low > high:
                problems.append(f"`taxonomy.toml`, `[[size]]` `{rule.id}`: the lower limit {low:g} is above {high:g}")
    if taxonomy.framework is not None:
        levels += [c.notation for c in taxonomy.concepts]
        for level in [*taxonomy.crosswalk, *(v for a in taxonomy.awards for v in a.levels)]:
            if level not in levels:
                problems.append(f"`taxonomy.toml`: level `{level}` of crosswalk or award is no concept's level")
    return problems


def size_rules() -> dict[str, SizeRule]:
    """Return all shipped size rules by id, such as "nz"; a new dict each time.

    Examples
    --------
    >>> rule = size_rules()["nz"]
    >>> rule.min_credits, rule.max_credits, rule.hours_per_credit
    (5.0, 40.0, (10.0, 10.0))
    """
    return dict(_size_rules())


def resolve_jurisdiction(text: str) -> str | None:
    """Return the id of the size rule that a catalogue's own words mean; None if they name none, or several.

    Examples
    --------
    >>> resolve_jurisdiction("Aotearoa New Zealand"), resolve_jurisdiction("Scotland, UK"), resolve_jurisdiction("Mars")
    ('nz', 'uk-scotland', None)
    """
    specific, general, _ = _size_names()
    return _find(text, specific) or _find(text, general)


def resolve_framework(text: str) -> str | None:
    """Return the taxonomy id of the level framework that a text names; None if it names none, or several.

    Examples
    --------
    >>> [resolve_framework(text) for text in ("EQF level 7", "European Qualifications Framework", "level 7")]
    ['eqf', 'eqf', None]
    """
    return _find(text, _framework_names())


def resolve_credit_system(text: str) -> str | None:
    """Return the credit system, as in `records.Size.system`, that a unit of credit means; None if unclear.

    Examples
    --------
    >>> resolve_credit_system("ECTS credits"), resolve_credit_system("UK credits"), resolve_credit_system("credits")
    ('ECTS', 'CATS', None)
    """
    return _find(text, _size_names()[2])


# --- names in free text


def _fold(text: str) -> str:
    """Words of letters and digits in lower case, without "and" (nor "&"), a blank between."""
    return " ".join(word for word in re.findall(r"[^\W_]+", text.casefold()) if word != "and")


def _find(text: str, names: Mapping[str, str]) -> str | None:
    """Find which of `names` a text means: all of it, or the longest name in it as whole words, if that is clear."""
    folded = _fold(text)
    if folded in names:
        return names[folded]
    words, joined = folded.split(), _joined(tuple(names.items()))
    spans = [
        (start, stop, found_name)
        for start in range(len(words))
        for stop in range(start + 1, len(words) + 1)
        if len(phrase := " ".join(words[start:stop])) > 2
        and (found_name := names.get(phrase) or joined.get(phrase.replace(" ", ""))) is not None
    ]
    found = {
        name
        for start, stop, name in spans
        if not any(a <= start and stop <= b and (b - a) > (stop - start) for a, b, _ in spans)
    }
    return found.pop() if len(found) == 1 else None


@functools.lru_cache(maxsize=8)
def _joined(names: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Names of six characters and more without their blanks: "micro-credential" is "microcredential"."""
    return {short: name for phrase, name in names if len(short := phrase.replace(" ", "")) >= 6}


@functools.cache
def _size_rules() -> dict[str, SizeRule]:
    rules: dict[str, SizeRule] = {}
    root = shipped("taxonomies")
    for path in [*sorted(root.glob("*/taxonomy.toml")), root / "jurisdictions.toml"]:
        if not path.is_file():
            continue
        plain, problems = _toml(path)
        found = list(_rows(SizeRule, plain.get("size", []), "size", path.name, problems))
        for rule in found:
            if rule.id in rules:
                problems.append(f"`{path.parent.name}/{path.name}`, `[[size]]`, key `id`: `{rule.id}` is given twice")
            rules[rule.id] = rule
        if problems:
            raise TaxonomyError(problems[0], hint="the installation is damaged: install outcome-tagger again")
    return rules


@functools.cache
def _size_names() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Folded names of places, of wider places, and of credit systems.

    A rule's id is a name too, unless it has two letters: those may mean something else ("NA"), and are listed if meant.
    """
    rules = _size_rules().values()
    return (
        {_fold(n): r.id for r in rules for n in (r.id, r.jurisdiction, *r.names) if n != r.id or len(n) > 2},
        {_fold(n): r.id for r in rules for n in r.general_names},
        {_fold(n): r.system for r in rules if r.system for n in (r.system, *r.system_names)},
    )


@functools.cache
def _framework_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for path in sorted(shipped("taxonomies").glob("*/taxonomy.toml")):
        plain, _ = _toml(path)
        if "framework" in plain:
            for name in (plain["id"], plain["framework"], *plain.get("aliases", ())):
                names[_fold(name)] = plain["id"]
    return names


def _close(name: str, names: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def _known() -> str:
    return f"shipped taxonomies: {', '.join(shipped_taxonomies()) or 'none'}"


# --- reading a folder


@functools.lru_cache(maxsize=64)
def _load_as_of(folder: Path, _stamp: tuple[tuple[int, int], ...]) -> Taxonomy:
    taxonomy, problems = _read(folder)
    if problems or taxonomy is None:
        more = f"; {len(problems) - 1} more problems in this folder" if len(problems) > 1 else ""
        raise TaxonomyError(f"taxonomy `{folder.name}`: {problems[0]}", hint=f"mend the folder `{folder}`{more}")
    return taxonomy


def _load(folder: Path) -> Taxonomy:
    files = [folder / name for name in ("taxonomy.toml", "concepts.csv", "groups.csv")]
    stats = [f.stat() for f in files if f.is_file()]
    return _load_as_of(folder, tuple((s.st_mtime_ns, s.st_size) for s in stats))


def _lf(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def _toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        return tomllib.loads(_lf(path).decode("utf-8-sig")), []
    except FileNotFoundError:
        return {}, [f"`{path.name}`: no such file, expected it in `{path.parent.name}`"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [f"`{path.name}`: is not TOML in UTF-8 ({error})"]


def _read(folder: Path) -> tuple[Taxonomy | None, list[str]]:
    """Read a folder as far as it goes; the taxonomy is None when there is nothing to stand on."""
    plain, problems = _toml(folder / "taxonomy.toml")
    if problems:
        return None, problems
    texts: dict[str, str] = {}
    for key in ("id", "title", "version", "licence", "source"):
        value = plain.get(key)
        if not isinstance(value, str) or not value.strip():
            problems.append(_bad(key, value, "is missing" if value is None else "is not a text"))
        else:
            texts[key] = value
    if not isinstance(plain.get("ordered", False), bool):
        problems.append(_bad("ordered", plain["ordered"], "is neither true nor false"))
    language = plain.get("language", "en")
    if not isinstance(language, str) or not re.fullmatch(r"[a-z]{2,3}", language):
        problems.append(_bad("language", language, "is not a primary language tag such as `en`"))
    file = folder / "concepts.csv"
    if not file.is_file():
        return None, [*problems, f"`concepts.csv`: no such file, expected it in `{folder.name}`"]
    content = _lf(file)
    got, expected = hashlib.sha256(content).hexdigest(), plain.get("sha256")
    if expected is not None and expected != got:
        problems.append(
            f"`concepts.csv`: checksum is {got}, expected {expected}: the file was altered, or taxonomy.toml is stale"
        )
    concepts = _concepts(content, "concepts.csv", problems)
    groups: dict[int, Concept] = {}
    if (folder / "groups.csv").is_file():
        groups = _concepts(_lf(folder / "groups.csv"), "groups.csv", problems)
    _check_broader(folder, plain, concepts, groups, problems)
    awards = tuple(_rows(Award, plain.get("award", []), "award", "taxonomy.toml", problems))
    rules = tuple(_rows(SizeRule, plain.get("size", []), "size", "taxonomy.toml", problems))
    crosswalk: dict[str, Crosswalk] = {}
    for level, row in plain.get("crosswalk", {}).items():
        for reference in _rows(Crosswalk, [row], f"crosswalk.{level}", "taxonomy.toml", problems):
            crosswalk[level] = reference
    if len(texts) < 5:
        return None, problems
    digest = hashlib.sha256(content + _lf(folder / "taxonomy.toml")).hexdigest()
    taxonomy = Taxonomy(
        **texts,
        attribution=plain.get("attribution"),
        ordered=bool(plain.get("ordered", False)),
        path=folder,
        sha256=digest,
        concepts=tuple(concepts.values()),
        groups=tuple(groups.values()),
        size_rules=rules,
        awards=awards,
        crosswalk=crosswalk,
        framework=plain.get("framework"),
        aliases=tuple(plain.get("aliases", ())),
        language=str(language),
    )
    return taxonomy, problems


def _concepts(content: bytes, file: str, problems: list[str]) -> dict[int, Concept]:
    """Read a concept table, by row; what is wrong goes to `problems`, and a row that cannot stand is left out."""

    def bad(row: int | None, column: str | None, value: str | None, message: str) -> None:
        problems.append(Problem(file, row, column, None if value is None else value[:80], message).render())

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad(content.count(b"\n", 0, error.start) + 1, None, None, "is not UTF-8")
        return {}
    concepts: dict[int, Concept] = {}
    rows: dict[str, int] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in REQUIRED_COLUMNS if name not in header]
        unknown = [name for name in header if name not in REQUIRED_COLUMNS + OPTIONAL_COLUMNS]
        twice = sorted({name for name in header if header.count(name) > 1})
        for wrong, message in (
            (missing, f"is a column that is missing; expected {','.join(REQUIRED_COLUMNS)}"),
            (unknown, f"is not a known column; expected {','.join(REQUIRED_COLUMNS + OPTIONAL_COLUMNS)}"),
            (twice, "is the name of two columns"),
        ):
            for name in wrong:
                bad(1, name, name, message)
        if missing or twice:
            return {}
        names = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
        pick = operator.itemgetter(*(header.index(n) if n in header else -1 for n in names))  # -1: an empty cell
        width = len(header)
        for row, cells in enumerate(reader, start=2):
            if not cells:
                continue
            if len(cells) != width:
                bad(row, None, None, f"has {len(cells)} cells, expected {width}")
                continue
            cells.append("")
            iri, label, alts, description, broader, level, kind, notation, reuse = map(str.strip, pick(cells))
            if not iri or not label:
                bad(row, "label" if iri else "id", None, "is empty")
                continue
            if iri in rows:
                bad(row, "id", iri, f"is already the id of row {rows[iri]}")
                continue
            if level and not level.isdecimal():
                bad(row, "level", level, "is not a whole number")
                level = ""
            rows[iri] = row
            concepts[row] = Concept(
                iri,
                label,
                _split(alts),
                description or None,
                _split(broader),
                level or None,
                kind or None,
                notation or None,
                reuse or None,
            )
    except csv.Error as error:
        bad(reader.line_num, None, None, f"is not CSV ({error})")
        return {}
    if not concepts and not problems:
        bad(None, None, None, "has no concepts")
    return concepts


def _split(cell: str) -> tuple[str, ...]:
    if not cell:
        return ()
    if " |" in cell or "| " in cell or "||" in cell or cell[0] == "|" or cell[-1] == "|":
        return tuple([v for part in cell.split("|") if (v := part.strip())])
    return tuple(cell.split("|"))


def _check_broader(
    folder: Path,
    plain: Mapping[str, Any],
    concepts: Mapping[int, Concept],
    groups: Mapping[int, Concept],
    problems: list[str],
) -> None:
    ids = {c.id for c in (*concepts.values(), *groups.values())}
    other = plain.get("broader_taxonomy")
    if other is not None:
        beside = folder.parent / str(other)
        home = beside if (beside / "concepts.csv").is_file() else shipped("taxonomies") / str(other)
        if not (home / "concepts.csv").is_file():
            problems.append(_bad("broader_taxonomy", other, "is not the id of a taxonomy beside this one or shipped"))
            return
        ids |= {c.id for c in _concepts(_lf(home / "concepts.csv"), f"{other}/concepts.csv", problems).values()}
    for file, rows in (("concepts.csv", concepts), ("groups.csv", groups)):
        for row, concept in rows.items():
            for iri in concept.broader:
                if iri not in ids:
                    problems.append(Problem(file, row, "broader", iri, "is not the id of a known concept").render())
                elif iri == concept.id:
                    problems.append(Problem(file, row, "broader", iri, "is the concept itself").render())


# --- reading the tables of taxonomy.toml


def _bad(key: str, value: object, message: str, file: str = "taxonomy.toml", table: str = "") -> str:
    what = f"`{value}` {message}" if value is not None else message
    return f"`{file}`, {table}key `{key}`: {what}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


def _is_eqf(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(v) is int and 1 <= v <= 8 for v in value)


def _one_of(*choices: str) -> tuple[Callable[[Any], bool], Callable[[Any], Any], str]:
    return (lambda value: value in choices), str, f"is not one of {', '.join(choices)}"


_Check = tuple[Callable[[Any], bool], Callable[[Any], Any], str]
_TEXT: _Check = (lambda value: isinstance(value, str) and bool(value.strip())), str, "is not a text"
_NUMBER: _Check = _is_number, float, "is not a number of 0 or more"
_TEXTS: _Check = _is_texts, tuple, "is not a list of texts"
_CHECKS: dict[str, _Check] = {
    **dict.fromkeys(("id", "jurisdiction", "source", "framework", "system", "award", "note"), _TEXT),
    **dict.fromkeys(("names", "general_names", "system_names", "levels"), _TEXTS),
    **dict.fromkeys(("min_credits", "max_credits", "min_hours", "max_hours", "min_at_level"), _NUMBER),
    **dict.fromkeys(("exceptional_below", "step"), _NUMBER),
    "hours_per_credit": (_is_pair, lambda v: (float(v[0]), float(v[1])), "is not two numbers, the lower one first"),
    "eqf": (_is_eqf, tuple, "is not a list of EQF levels, 1 to 8"),
    "below_award": ((lambda value: isinstance(value, bool)), bool, "is neither true nor false"),
    "blocks": _one_of("yes", "warn"),
    "confidence": _one_of(*CONFIDENCES),
    "status": _one_of("binding", "framework", "pilot", "principle", "assumption", "none"),
}
_REQUIRED: dict[type, tuple[str, ...]] = {
    SizeRule: ("id", "jurisdiction", "source", "confidence", "status"),
    Award: ("award", "levels", "blocks", "source", "confidence"),
    Crosswalk: ("eqf", "confidence", "source"),
}


_Row = TypeVar("_Row", SizeRule, Award, Crosswalk)


def _rows(kind: type[_Row], tables: object, name: str, file: str, problems: list[str]) -> Iterator[_Row]:
    """Make one dataclass instance a table, checking each key by `_CHECKS`; a table with a problem is left out."""
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        problems.append(f"`{file}`: `{name}` is not a list of tables, expected [[{name}]]")
        return
    for number, table in enumerate(tables, start=1):
        where, found = f"`[[{name}]]` {number}, ", len(problems)
        known: Mapping[str, object] = kind.__dataclass_fields__
        problems += [_bad(k, None, "is missing", file, where) for k in _REQUIRED[kind] if k not in table]
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                problems.append(_bad(key, key, f"is not a known key; expected {', '.join(known)}", file, where))
                continue
            is_right, convert, message = _CHECKS[key]
            if not is_right(value):
                problems.append(_bad(key, value, message, file, where))
            else:
                values[key] = convert(value)
        if len(problems) == found:
            yield kind(**values)
