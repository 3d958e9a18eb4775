"""From a tagged catalogue to a file for reviewers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagger.errors import TaggerError
from tagger.review.concepts import Concepts
from tagger.review.items import Gathered, ReviewItem, gather, read_tagged
from tagger.review.priority import ranked

__all__ = ["FORMATS", "Exported", "export", "order", "select"]

FORMATS = ("xlsx", "csv", "label-studio")
_ENDINGS = {".xlsx": "xlsx", ".csv": "csv", ".json": "label-studio"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `n_rows` of the `n_items` that the catalogue gave, serving `n_outcomes` tags and untagged outcomes."""

    n_rows: int
    n_served: int
    gathered: Gathered


def order(
    path: str | Path,
    *,
    taxonomies: Sequence[str] | None = None,
    neighbours: bool = True,
    encoder: str | Path | None = None,
) -> tuple[Gathered, list[ReviewItem]]:
    """Gather the items of a tagged file and rank them; see `gather` and `ranked`."""
    gathered = gather(read_tagged(path), taxonomies)
    loaded = None
    if neighbours:
        from tagger.encoder import load_encoder

        loaded = load_encoder(encoder)
    return gathered, ranked(gathered.items, loaded)


def select(
    items: Iterable[ReviewItem],
    *,
    below: float | None = None,
    above: float | None = None,
    only_untagged: bool = False,
    limit: int | None = None,
) -> list[ReviewItem]:
    """Return the first `limit` items with a score below `below` and above `above`.

    Outcomes without tags have no score: they are left out when either is given, and are alone when `only_untagged`.
    """
    kept: list[ReviewItem] = []
    for item in items:
        if limit is not None and len(kept) >= limit:
            break
        if only_untagged and item.concept is not None:
            continue
        if item.score is None and not only_untagged and (below is not None or above is not None):
            continue
        if item.score is not None and (
            (below is not None and item.score >= below) or (above is not None and item.score <= above)
        ):
            continue
        kept.append(item)
    return kept


def export(
    path: str | Path,
    output: str | Path,
    *,
    format: str | None = None,
    taxonomies: Sequence[str] | None = None,
    below: float | None = None,
    above: float | None = None,
    only_untagged: bool = False,
    limit: int | None = None,
    neighbours: bool = True,
    encoder: str | Path | None = None,
    reviewer: str | None = None,
    concepts: Concepts | None = None,
) -> Exported:
    """Write a file for reviewers.

    Parameters
    ----------
    path : str or Path
        JSONL that `tagger tag` wrote.
    output : str or Path
        ``.xlsx``, ``.csv``, or ``.json`` for Label Studio.
    format : str or None
        One of `FORMATS`; None for what the ending says.
    taxonomies, below, above, only_untagged, limit
        What to review; see `gather` and `select`.
    neighbours : bool
        Whether to look for outcomes whose neighbours are tagged otherwise, which encodes every distinct text.
    encoder : str, Path or None
    reviewer : str or None
        Name to fill in beforehand.
    concepts : Concepts or None
        Taxonomies that the drop-downs offer.

    Raises
    ------
    TaggerError
        If the file cannot be read, or the other not be written.
    """
    from tagger.review.label_studio import write_tasks
    from tagger.review.sheet import write_csv, write_xlsx

    format = format or _ENDINGS.get(Path(output).suffix.lower())
    if format not in FORMATS:
        raise TaggerError(
            f"`{output}`: {f'format `{format}`' if format else 'this ending'} is not known, expected one of "
            f"{', '.join(_ENDINGS)}",
            hint="name the file .xlsx, .csv, or .json (Label Studio)",
        )
    if Path(output).exists() and Path(path).exists() and Path(output).samefile(path):
        raise TaggerError(f"`{output}` is the tagged file itself", hint="give another file to -o")
    if not Path(output).resolve().parent.is_dir():
        raise TaggerError(f"`{output}`: its folder does not exist", hint="make the folder first")
    gathered, found = order(path, taxonomies=taxonomies, neighbours=neighbours, encoder=encoder)
    items = select(found, below=below, above=above, only_untagged=only_untagged, limit=limit)
    if format == "xlsx":
        write_xlsx(output, items, concepts or Concepts(), reviewer=reviewer)
    elif format == "csv":
        write_csv(output, items, reviewer=reviewer)
    else:
        write_tasks(output, items)
    return Exported(len(items), sum(i.n_outcomes for i in items), gathered)
