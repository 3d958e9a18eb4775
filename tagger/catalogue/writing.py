"""What all writers share: temporary files put in place whole, rows spooled to disk, and text that files can hold."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from tagger.catalogue import flat
from tagger.catalogue.flat import Cell
from tagger.errors import CatalogueError
from tagger.records import TaggedCredential

__all__ = ["WideSpool", "Writer", "encodable", "has_surrogate", "printable"]


class Writer:
    """Base of the writers: opens in ``__enter__``, puts the files in place in ``__exit__``.

    Parameters
    ----------
    path : str or Path
        Target file; ``-`` is standard output where a format can stream.

    Raises
    ------
    CatalogueError
        When the target cannot be written, or the record cannot be expressed in the format.

    Examples
    --------
    >>> from tagger.catalogue.writers import JsonlWriter
    >>> from tagger.records import Credential
    >>> with JsonlWriter("-") as writer:  # doctest: +ELLIPSIS
    ...     writer.write(TaggedCredential(Credential("MC-1")))
    {"id":"MC-1","title":null,...
    """

    streams: bool = False
    """Whether the format can go to standard output."""
    is_text: bool = False
    """Whether the format is text, which is compressed where the name ends in ``.gz``."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        if self.path.lower().endswith(".gz") and not self.is_text:
            raise CatalogueError(
                f"`{self.path}`: {type(self).__name__.removesuffix('Writer').upper()} is not written as .gz, it is "
                "compressed already",
                hint=f"name it `{Path(self.path).name[:-3]}`",
            )
        if self.path == "-" and not self.streams:
            raise CatalogueError(
                f"{type(self).__name__.removesuffix('Writer').upper()} cannot be written to standard output",
                hint="name a file, or write JSONL",
            )
        self._stack: contextlib.ExitStack | None = None  # None outside of the `with` block
        self._targets: list[tuple[str, Path]] = []

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that it will put in place, known before ``__enter__``; none for standard output."""
        return () if self.path == "-" else (self.path,)

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        try:
            self._open(self._stack)
        except BaseException:
            self._close(sys.exc_info()[1])
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close(error)

    def write(self, tagged: TaggedCredential) -> None:
        """Write one credential.

        Raises
        ------
        CatalogueError
            When the disk is full, or a value cannot be expressed in the format.
        """
        if self._stack is None:
            raise ValueError(f"{type(self).__name__}.write needs `with {type(self).__name__}(path) as writer:`")
        with _named(self.path):
            self._write(tagged)

    # What a format fills in -------------------------------------------------------------------------------------------

    def _open(self, stack: contextlib.ExitStack) -> None:
        raise NotImplementedError

    def _write(self, tagged: TaggedCredential) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        """Write what comes last; called on a clean exit only, before the files are closed."""

    # Temporary files --------------------------------------------------------------------------------------------------

    def temporary(self, target: str) -> str:
        """Return the path to write to in place of `target`: a new file beside it, or itself if it is a device."""
        final = Path(os.path.realpath(target))
        if final.exists() and not final.is_file():
            if final.is_dir():
                raise CatalogueError(f"`{target}` is a folder, expected a file", hint="add a file name")
            return str(final)
        with _named(target):
            handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".tmp", dir=final.parent)
            os.close(handle)
            os.chmod(name, final.stat().st_mode & 0o777 if final.exists() else 0o666 & ~_umask())
        self._targets.append((name, final))
        return name

    def open_text(self, target: str, stack: contextlib.ExitStack, *, encoding: str, newline: str) -> IO[str]:
        """Open the temporary file of `target` as text, through gzip if its name ends in ``.gz``.

        The gzip header holds neither time nor name: the same text makes the same bytes.
        """
        name = self.temporary(target)
        if not target.lower().endswith(".gz"):
            return stack.enter_context(open(name, "w", encoding=encoding, newline=newline))
        raw = open(name, "wb")  # noqa: SIM115 - the stack closes it
        stack.callback(raw.close)
        packed = stack.enter_context(gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0))
        return stack.enter_context(io.TextIOWrapper(packed, encoding=encoding, newline=newline))

    def _close(self, error: BaseException | None) -> None:
        stack, self._stack = self._stack, None
        if stack is None:
            return
        try:
            with _named(self.path):
                try:
                    if error is None:
                        self._finish()
                finally:
                    stack.close()
                if error is None:
                    for name, _ in self._targets:
                        with open(name, "rb+") as written:
                            os.fsync(written.fileno())
                    for name, final in self._targets:
                        os.replace(name, final)
        finally:
            for name, _ in self._targets:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
            self._targets.clear()


class WideSpool:
    """Rows of the wide sheet, kept on disk until the last: only then are all of the user's columns known."""

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="tagger-wide-")
        self._extra: dict[str, None] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, tagged: TaggedCredential) -> None:
        """Keep one credential's row."""
        extra = dict(tagged.credential.extra)
        self._extra.update(dict.fromkeys(extra))
        self._file.write(json.dumps([flat.own_cells(tagged), extra, flat.tagger_cells(tagged)]) + "\n")

    def header(self) -> list[str]:
        """Return the headings: the user's standard fields, their further columns in file order, then ours."""
        return [*flat.OWN_COLUMNS, *flat.extra_columns(self._extra).values(), *flat.OUR_COLUMNS]

    def rows(self) -> Iterator[list[Cell]]:
        """Yield the rows, parallel to `header`."""
        self._file.seek(0)
        for line in self._file:
            own, extra, ours = json.loads(line)
            yield [*own, *(extra.get(name) for name in self._extra), *ours]


# Text ----------------------------------------------------------------------------------------------------------------

_CONTROL: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0x7F, 0xFFFE, 0xFFFF])


def printable(text: str) -> str:
    r"""Return `text` without control characters (line break and tab stay) and without lone surrogates.

    Examples
    --------
    >>> printable("a\x00b\r\nc")
    'ab\nc'
    """
    if text.isprintable():  # most cells; surrogates and control characters are not
        return text
    return _scalar(text).replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROL)


def _scalar(text: str) -> str:
    """Return `text` with lone surrogates, which no file encoding can hold, replaced by U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if has_surrogate(text) else text


def has_surrogate(text: str) -> bool:
    """Tell whether `text` holds half of a surrogate pair, as JSON input may."""
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)


def encodable(plain: Any) -> Any:
    """Return a JSON-like value with lone surrogates replaced in all its text."""
    if isinstance(plain, str):
        return _scalar(plain)
    if isinstance(plain, list):
        return [encodable(item) for item in plain]
    if isinstance(plain, dict):
        return {_scalar(key): encodable(value) for key, value in plain.items()}
    return plain


# Files ---------------------------------------------------------------------------------------------------------------


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Turn an error of the operating system into one that names the file; a closed pipe is the caller's affair."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = "check that the folder exists, is writable and has room"
        raise CatalogueError(f"`{path}`: cannot write, {error.strerror or error}", hint=hint) from error
