"""The page on sequences and near-duplicates, and its record for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tagger.errors import CatalogueError
from tagger.stacking import Duplicate, Stack

__all__ = ["render_stacks", "stacks_record", "write_stacks"]

_FOLDER = Path(__file__).parent


def stacks_record(
    name: str, n_credentials: int, n_left_out: int, stacks: Sequence[Stack], duplicates: Sequence[Duplicate]
) -> dict[str, Any]:
    """Return one record of everything that was proposed, ready for ``json.dumps``.

    Examples
    --------
    >>> stacks_record("x.csv", 0, 0, [], [])["sequences"]
    []
    """
    return {
        "catalogue": name,
        "n_credentials": n_credentials,
        "n_left_out": n_left_out,
        "sequences": [asdict(s) for s in stacks],
        "near_duplicates": [asdict(d) for d in duplicates],
    }


def render_stacks(record: dict[str, Any]) -> str:
    """Return the page as text; it loads nothing."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((_FOLDER / "report.css").read_text("utf-8"))  # ours, so not escaped
    return environment.get_template("stacks.html.j2").render(r=record, style=style)


def write_stacks(record: dict[str, Any], path: str | Path) -> None:
    """Write the page.

    Raises
    ------
    CatalogueError
        When the file cannot be written.
    """
    try:
        Path(path).write_text(render_stacks(record), encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        hint = "check that the folder exists, is writable and has room"
        raise CatalogueError(f"`{path}`: cannot write, {error.strerror or error}", hint=hint) from error
