"""Where the folders that come with the program lie."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tagger.errors import TaggerError

__all__ = ["shipped"]


def shipped(kind: Literal["models", "taxonomies"]) -> Path:
    """Return the folder of the shipped models or taxonomies.

    An installed wheel carries them inside the package; a checkout has them beside it. The package is looked at first,
    so that an installed program never picks up a folder of the same name next to it.

    Parameters
    ----------
    kind : {"models", "taxonomies"}

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    TaggerError
        If neither place has it.

    Examples
    --------
    >>> (shipped("taxonomies") / "bloom" / "concepts.csv").is_file()
    True
    """
    package = Path(__file__).resolve().parent
    places = (package / kind, package.parent / kind)
    for place in places:
        if place.is_dir():
            return place
    raise TaggerError(
        f"shipped {kind}: no folder `{kind}` in `{places[0].parent}` or `{places[1].parent}`, expected one of them",
        hint="the installation is incomplete: install outcome-tagger again, or run from a complete checkout",
    )
