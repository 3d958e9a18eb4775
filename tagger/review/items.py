"""What is there to judge: the tags of a catalogue, and the outcomes without, each once for all outcomes that read the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tagger.catalogue.source import Lines, Source
from tagger.catalogue.writing import encodable
from tagger.derived import RELATION
from tagger.errors import CatalogueError, TaggerError
from tagger.overrides import is_human
from tagger.records import Tag, TaggedCredential
from tagger.text import strip_boilerplate, words

__all__ = ["Gathered", "ReviewItem", "gather", "item_id", "near_text", "read_tagged"]

_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One thing to judge: whether this concept holds for this outcome, or whether the outcome is rightly without one.

    Attributes
    ----------
    id : str
        16 hexadecimal digits, made of taxonomies, concept and text: the same in every export.
    taxonomies : tuple of str
        The tag's taxonomy; of an outcome without tags, those in which it has none.
    concept, label, code : str or None
        None for an outcome without tags; `code` also where the concept has none that people use.
    text : str
        The outcome, in its most frequent wording.
    also : tuple of str
        Its other wordings, which a decision serves as well: case, punctuation, articles, plural s or learner boilerplate differ.
    n_outcomes : int
        How many outcomes of the catalogue a decision serves.
    credential, outcome, title : str or None
        Where that wording stands first.
    evidence : tuple of (int, int)
        Start and end in `text` of the words that carry the tag.
    score : float or None
    relation, model, version : str or None
        Of the tag.
    is_read : bool
        False where no model read the text, because of its language.
    priority : float
        Larger comes first; 0 until `tagger.review.priority.ranked` has looked at it.
    why : str
        What makes it worth a look; empty where nothing does.
    """

    id: str
    taxonomies: tuple[str, ...]
    concept: str | None
    text: str
    also: tuple[str, ...] = ()
    n_outcomes: int = 1
    label: str | None = None
    code: str | None = None
    credential: str | None = None
    outcome: str | None = None
    title: str | None = None
    evidence: tuple[tuple[int, int], ...] = ()
    score: float | None = None
    relation: str | None = None
    model: str | None = None
    version: str | None = None
    is_read: bool = True
    priority: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All items of a catalogue, and the counts that account for its tags.

    Attributes
    ----------
    items : list of ReviewItem
        In the order of the file.
    n_tags, n_untagged : int
        Tags, and outcomes without any, that the items serve.
    n_decided : int
        Tags left out because a person has decided on them already.
    """

    items: list[ReviewItem]
    n_tags: int
    n_untagged: int
    n_decided: int


def near_text(text: str) -> str:
    """Return what near-duplicates have in common: the words, without learner boilerplate, case, articles and plural s.

    Examples
    --------
    >>> near_text("On completion, learners will be able to treat the wastewaters.") == near_text("Treat wastewater")
    True
    >>> near_text("Do not treat wastewater") == near_text("Treat wastewater")
    False
    """
    start, end = strip_boilerplate(text)
    core = text[start:end] if end > start else text
    found = [w.text.casefold() for w in words(core)] or core.casefold().split()
    kept = [w for w in found if w not in _ARTICLES] or found
    # Signs such as + and # tell C++ from C#; other punctuation is style.
    signs = "".join(re.findall(r"[^\w\s.,;:!?'\"()\[\]/–—‘’“”•*-]", core))
    return " ".join(w[:-1] if len(w) > 4 and w.endswith("s") and not w.endswith("ss") else w for w in kept) + signs


def item_id(taxonomies: Iterable[str], concept: str | None, text: str) -> str:
    """Return the id of an item; the order of the taxonomies does not matter.

    Examples
    --------
    >>> item_id(["sdg"], None, "Treat wastewater") == item_id(["sdg"], None, "treat the wastewater.")
    True
    """
    parts = (",".join(sorted(taxonomies)), concept or "", near_text(text))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def read_tagged(path: str | Path) -> Iterator[TaggedCredential]:
    """Read what ``tagger tag -o x.jsonl`` (or ``.json``, gzipped or not) wrote, as a stream.

    Raises
    ------
    CatalogueError
        If the file is missing, or a line of it is no record of this program: names file and line.
    """
    n_read = 0
    for n, line in enumerate(Lines(Source.of(path)), 1):
        bare = line.strip().removeprefix(",")
        if not bare or bare in ("[", "]"):
            continue
        try:
            record = json.loads(bare)
            if "\\ud" in bare.casefold():  # half of a surrogate pair can be written to no file
                record = encodable(record)
            if not isinstance(record, dict) or not isinstance(record.get("outcomes"), list):
                raise ValueError("is no record of a tagged credential")
            yield TaggedCredential.from_dict(record)
            n_read += 1
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            what = f"lacks `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
            raise CatalogueError(
                f"`{path}`, line {n}: {what}", hint="give a file that `tagger tag -o tagged.jsonl` wrote"
            ) from error
    if not n_read:
        raise CatalogueError(f"`{path}` holds no record", hint="give a file that `tagger tag -o tagged.jsonl` wrote")


@dataclass(slots=True)
class _Group:
    """An item under way."""

    tag: Tag | None
    is_read: bool
    texts: dict[str, int] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    places: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)
    n: int = 0


def gather(tagged: Iterable[TaggedCredential], taxonomies: Sequence[str] | None = None) -> Gathered:
    """Gather what is to be judged.

    Parameters
    ----------
    tagged : iterable of TaggedCredential
    taxonomies : sequence of str or None
        Those to review; None for all that occur. An outcome counts as untagged when it has no tag in any of them.

    Raises
    ------
    TaggerError
        If a taxonomy is named that does not occur among the tags and is not shipped; or if none is named, and there is no tag.
    """
    groups: dict[tuple[str, str | None, str], _Group] = {}
    seen: dict[str, None] = {}
    derived: set[str] = set()
    keys: dict[str, str] = {}
    n_tags = n_untagged = n_decided = 0

    def put(key: tuple[str, str | None, str], tag: Tag | None, text: str, place: tuple[str, str, str | None]) -> None:
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(tag, is_read)
        group.n += 1
        group.texts[text] = group.texts.get(text, 0) + 1
        group.places.setdefault(text, place)
        if tag is not None:
            group.tags.setdefault(text, tag)

    for credential in tagged:
        is_read = credential.is_read
        for o in credential.outcomes:
            text = " ".join(o.outcome.text.split())
            own = [t for t in o.tags if t.relation != RELATION]  # what follows from another tag is judged with that
            derived.update(t.taxonomy for t in o.tags if t.relation == RELATION)
            seen.update(dict.fromkeys(t.taxonomy for t in own))
            wanted = [t for t in own if taxonomies is None or t.taxonomy in taxonomies]
            near = keys.get(text)
            if near is None:
                near = keys[text] = near_text(text)
            place = (credential.credential.id, o.outcome.id, credential.credential.title)
            for tag in wanted:
                if is_human(tag):
                    n_decided += 1
                    continue
                n_tags += 1
                put((tag.taxonomy, tag.concept, near), tag, text, place)
            if not wanted:
                n_untagged += 1
                put(("", None, near), None, text, place)
    if taxonomies is None and not seen:
        raise TaggerError(
            "the file has no tag, so it does not say which taxonomies are under review", hint="name one: --taxonomy sdg"
        )
    _check_named(taxonomies, seen, derived - seen.keys())
    under_review = tuple(taxonomies or sorted(seen))
    items = [_item(group, under_review) for group in groups.values()]
    return Gathered(items, n_tags, n_untagged, n_decided)


def _check_named(taxonomies: Sequence[str] | None, seen: Iterable[str], derived: Iterable[str]) -> None:
    from tagger.taxonomy import shipped_taxonomies

    known = dict.fromkeys([*seen, *shipped_taxonomies()])
    for name in taxonomies or ():
        if name in derived:
            raise TaggerError(
                f"`--taxonomy {name}`: its tags follow from those of another taxonomy", hint="review that one instead"
            )
        if name not in known:
            raise TaggerError(
                f"`--taxonomy {name}`: no tag of the file is of it; expected one of {', '.join(seen) or 'those shipped'}",
                hint="`tagger taxonomies` lists those that are shipped",
            )


def _item(group: _Group, under_review: tuple[str, ...]) -> ReviewItem:
    text, *also = sorted(group.texts, key=lambda t: -group.texts[t])
    credential, outcome, title = group.places[text]
    tag = group.tags.get(text, group.tag)
    if tag is None:
        return ReviewItem(
            item_id(under_review, None, text), under_review, None, text, tuple(also), group.n,
            credential=credential, outcome=outcome, title=title, is_read=group.is_read,
        )  # fmt: skip
    spans = tuple((e.start, e.end) for e in tag.evidence if text[e.start : e.end] == e.text)
    return ReviewItem(
        item_id([tag.taxonomy], tag.concept, text), (tag.taxonomy,), tag.concept, text, tuple(also), group.n,
        tag.label, _code(tag), credential, outcome, title, spans,
        tag.score, tag.relation, tag.model, tag.version, group.is_read,
    )  # fmt: skip


def _code(tag: Tag) -> str | None:
    """Return the last segment of the IRI where that is a code which people use: 6.4, but no UUID and no word of the label."""
    code = re.split(r"[/#:]", tag.concept.rstrip("/#:"))[-1]
    return code if len(code) <= 12 and code.casefold() != tag.label.casefold() else None
