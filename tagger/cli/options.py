"""What the commands share: their common options, and how they print."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tagger.catalogue import Catalogue

SEVERITIES = ("info", "amber", "red")
_MAP_HELP = "Use COLUMN for FIELD, as in `--map outcomes=aims`; several columns with commas. Overrules the guess."

File = Annotated[
    str, typer.Argument(help="CSV, TSV, XLSX, JSONL, JSON or Parquet file; `-` for JSONL on standard input.")
]
Map = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help=_MAP_HELP)]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="TOML", help="File with a [columns] and a [defaults] table.")
]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook. Default: the first with a header.")]
Format = Annotated[str | None, typer.Option("--format", help="Format of FILE when its ending does not tell.")]
ModelNames = Annotated[
    list[str] | None, typer.Option("--model", help="Model to run, by name or folder; repeatable. Default: all shipped.")
]
TaxonomyNames = Annotated[
    list[str] | None,
    typer.Option(
        "--taxonomy",
        metavar="NAME|FOLDER",
        help="Taxonomy to tag with, shipped or imported; repeatable. `default` stands for all that have a shipped model, "
        "which is what is used when this is left out.",
    ),
]
EncoderName = Annotated[
    str | None, typer.Option("--encoder", help="Encoder folder, or sentence-transformers:NAME_OR_PATH (extra [train]).")
]


def language_tag(language: str) -> str:
    """Return `language` if it is a language tag; raise TaggerError if not."""
    from tagger.errors import TaggerError
    from tagger.language import is_tag

    if not is_tag(language):
        raise TaggerError(f"`--language {language}`: expected a language tag, as in `en`")
    return language


def mapping_of(map_: list[str] | None, mapping: Path | None) -> dict[str, Any] | Path | None:
    """Return what `--map` and `--mapping` ask for, as `read_catalogue` takes it."""
    from tagger.errors import TaggerError

    if map_ and mapping:
        raise TaggerError("`--map` and `--mapping` are both given; expected one of them")
    if not map_:
        return mapping
    columns: dict[str, Any] = {}
    for item in map_:
        field, equals, names = item.partition("=")
        if not equals or not field.strip() or not names.strip():
            raise TaggerError(f"`--map {item}`: expected FIELD=COLUMN", hint="as in --map outcomes='Learning aims'")
        columns.setdefault(field.strip(), []).append(names.strip())
    return columns


class Lines:
    """Lines of a text file or of standard input, without their ends; blank lines are left out."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __enter__(self) -> Iterator[str]:
        from tagger.errors import TaggerError

        try:
            self._open = sys.stdin if self._file == "-" else Path(self._file).open(encoding="utf-8-sig")
        except OSError as error:
            raise TaggerError(f"`{self._file}`: {error.strerror}", hint="give a text file, or `-`") from error
        return self._read()

    def _read(self) -> Iterator[str]:
        from tagger.errors import TaggerError

        try:
            for line in self._open:
                if text := line.strip():
                    text.encode()  # standard input lets bytes through that are no text
                    yield text
        except UnicodeError as error:
            raise TaggerError(f"`{self._file}`: not UTF-8", hint="save it as UTF-8") from error

    def __exit__(self, *_: object) -> None:
        if self._file != "-":
            self._open.close()


def say(message: str) -> None:
    """Print a message to standard error."""
    print(message, file=sys.stderr)


class Share:
    """How much of a longer work is done, on standard error: in place on a terminal, else a line each fifth."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told = 0

    def __call__(self, done: int, of: int) -> None:
        """Show that `done` of `of` are done."""
        if sys.stderr.isatty():
            end = "\n" if done >= of else ""
            print(f"\r\033[K{self._what}: {done:,} of {of:,}", end=end, file=sys.stderr, flush=True)
        elif of >= 2_000 and done * 5 // of > self._told:
            self._told = done * 5 // of % 5
            print(f"{self._what}: {done:,} of {of:,}", file=sys.stderr, flush=True)


class Progress:
    """A counter on standard error, when that is a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr)

    def update(self, n: int) -> None:
        """Show that `n` credentials are tagged."""
        if self._shown and n % 10 == 0:
            print(f"\r{n:,} credentials tagged", end="", file=sys.stderr, flush=True)


def say_mapping(catalogue: Catalogue) -> None:
    """Print to standard error which columns were understood as what."""
    print(f"{catalogue.path} ({catalogue.format}): columns understood as", file=sys.stderr)
    for field, columns in catalogue.mapping.columns.items():
        reason = catalogue.mapping.reasons.get(field)
        print(f"  {field:<13} {', '.join(columns)}{f'  ({reason})' if reason else ''}", file=sys.stderr)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a head, in columns."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def fail_if(problems: list[str]) -> None:
    """Print the problems to standard error and exit with 2, if there are any."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if problems:
        print("hint: install outcome-tagger again", file=sys.stderr)
        raise typer.Exit(2)
