"""Bytes and text of a catalogue file: gzip, encodings, lines, and telling formats apart."""

from __future__ import annotations

import codecs
import functools
import gzip
import io
import sys
import threading
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tagger.errors import CatalogueError

__all__ = ["Lines", "Source", "format_of", "sniff_encoding"]

_CHUNK = 1 << 18
_MAX_LINE = 1 << 26
_EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_TEXT_FORMATS = frozenset({"csv", "tsv", "jsonl", "json"})


@dataclass(slots=True)
class Source:
    """A catalogue file or standard input, unzipped as it is read.

    Attributes
    ----------
    name : str
        As the user gave it.
    path : Path or None
        None for standard input.
    head : bytes
        The first bytes, unzipped.
    """

    name: str
    path: Path | None
    head: bytes = b""
    _stream: BinaryIO | None = field(default=None, repr=False)

    @classmethod
    def of(cls, path: str | Path, stream: BinaryIO | None = None) -> Source:
        """Look at a file, or at standard input for ``-``.

        Raises
        ------
        CatalogueError
            The file is missing, a folder, unreadable or empty.
        """
        name = str(path)
        if name == "-":
            raw = stream if stream is not None else sys.stdin.buffer
            source = cls(name, None, _stream=raw)
            source.head = source._stdin_head()
        else:
            source = cls(name, Path(path))
            try:
                chunks = source.chunks()
                source.head = next(chunks, b"")
                chunks.close()
            except FileNotFoundError as error:
                raise CatalogueError(f"`{name}`: no such file", hint=_neighbours(Path(path))) from error
            except IsADirectoryError as error:
                raise CatalogueError(f"`{name}` is a folder, expected a file", hint="name one file") from error
            except OSError as error:
                raise CatalogueError(f"`{name}` cannot be read: {error.strerror or error}") from error
        if not source.head.strip():
            raise CatalogueError(f"`{name}` is empty", hint="a catalogue has a header and a row for each course")
        return source

    def chunks(self) -> Generator[bytes, None, None]:
        """Yield the bytes from the start, unzipped; standard input can be read once.

        Raises
        ------
        CatalogueError
            The compressed file is damaged or cut short.
        """
        if self.path is None:
            yield from self._stdin_chunks()
            return
        with open(self.path, "rb") as raw:
            is_zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not is_zipped:
                while chunk := raw.read(_CHUNK):
                    yield chunk
                return
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield from self._unzip(unzipped)

    def _unzip(self, unzipped: gzip.GzipFile) -> Iterator[bytes]:
        try:
            while chunk := unzipped.read1(_CHUNK):
                yield chunk
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CatalogueError(
                f"`{self.name}`: the compressed file is cut short or damaged ({error})",
                hint="copy or download it again; the rows before the damage were read",
            ) from error

    def _stdin_head(self) -> bytes:
        assert self._stream is not None
        head = self._stream.read1(_CHUNK) if hasattr(self._stream, "read1") else self._stream.read(_CHUNK)
        if head[:2] == b"\x1f\x8b":
            self._stream = gzip.GzipFile(fileobj=_Joined(head, self._stream))  # type: ignore[assignment]
            head = next(self._unzip(self._stream), b"")  # type: ignore[arg-type]
        return head

    def _stdin_chunks(self) -> Iterator[bytes]:
        stream = self._stream
        if stream is None:
            raise CatalogueError("`-`: standard input can be read only once", hint="save it to a file first")
        self._stream = None
        yield self.head
        if isinstance(stream, gzip.GzipFile):
            yield from self._unzip(stream)
            return
        read = getattr(stream, "read1", stream.read)
        while chunk := read(_CHUNK):
            yield chunk


class _Joined(io.RawIOBase):
    """Bytes that were read ahead, followed by the stream that they came from."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._rest = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            if size < 0:
                size = len(self._head)
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._rest.read(size)


def _neighbours(path: Path) -> str | None:
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"is it `{close[0]}`?" if close else "check the path"


def sniff_encoding(head: bytes) -> tuple[str, int]:
    r"""Return the encoding of a text and the length of its byte order mark.

    Returns
    -------
    encoding : str
        ``utf-8`` also where some bytes may be Windows-1252: `Lines` falls back byte by byte.
    n_mark : int

    Examples
    --------
    >>> sniff_encoding(b"\xff\xfeh\x00i\x00")
    ('utf-16-le', 2)
    """
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return encoding, len(mark)
    sample = head[: 1 << 14]
    sample = sample[: len(sample) // 2 * 2]
    if sample:
        even, odd = sample[::2].count(0) / (len(sample) / 2), sample[1::2].count(0) / (len(sample) / 2)
        if odd > 0.3 and even < 0.05:
            return "utf-16-le", 0
        if even > 0.3 and odd < 0.05:
            return "utf-16-be", 0
    return "utf-8", 0


_replaced = threading.local()


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _replaced.n_bytes += error.end - error.start
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


@functools.cache
def _fallback_handler() -> str:
    codecs.register_error("tagger-windows-1252", _as_cp1252)
    return "tagger-windows-1252"


class Lines:
    r"""Lines of a text with their ends (``\n``, ``\r\n`` or ``\r``), decoded as they are read.

    Bytes that are not UTF-8 are read as Windows-1252 and counted; a line is never longer than 64 million characters.

    Parameters
    ----------
    source : Source

    Attributes
    ----------
    encoding : str
        What is known so far: ``windows-1252`` from the first byte that is not UTF-8.
    n_fallback : int
        Number of bytes that were not valid in the file's encoding.

    Raises
    ------
    CatalogueError
        While reading: a line without end.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.encoding, self._n_mark = sniff_encoding(source.head)
        self.n_fallback = 0

    def __iter__(self) -> Iterator[str]:
        carry: list[str] = []
        n_carried = 0
        for text in self._decoded():
            if text.endswith("\r"):
                # The line end may go on in the next piece.
                carry.append(text)
                n_carried += len(text)
                continue
            if carry:
                if n_carried + len(text) > _MAX_LINE:
                    self._refuse_long()
                if "\n" not in text and "\r" not in text and not carry[-1].endswith("\r"):
                    carry.append(text)
                    n_carried += len(text)
                    continue
                text = "".join(carry) + text
            lines = list(io.StringIO(text, newline=""))
            last = lines[-1] if lines else ""
            if last and last[-1] not in "\r\n":
                carry, n_carried = [last], len(last)
                del lines[-1]
            else:
                carry, n_carried = [], 0
            yield from lines
        if carry:
            yield from io.StringIO("".join(carry), newline="")

    def _decoded(self) -> Iterator[str]:
        is_utf8 = self.encoding == "utf-8"
        decoder = codecs.getincrementaldecoder(self.encoding)("strict" if is_utf8 else "replace")
        skip = self._n_mark
        pending = b""
        for chunk in self._source.chunks():
            if skip:
                chunk, skip = chunk[skip:], max(0, skip - len(chunk))
            if is_utf8:
                text, pending = self._utf8(pending + chunk, is_last=False)
            else:
                text = decoder.decode(chunk)
                self.n_fallback += text.count("\ufffd")
            if text:
                yield text
        tail = self._utf8(pending, is_last=True)[0] if is_utf8 else decoder.decode(b"", True)
        if tail:
            if not is_utf8:
                self.n_fallback += tail.count("\ufffd")
            yield tail

    def _utf8(self, data: bytes, *, is_last: bool) -> tuple[str, bytes]:
        _replaced.n_bytes = 0
        text, used = codecs.utf_8_decode(data, _fallback_handler(), is_last)
        if _replaced.n_bytes:
            self.n_fallback += _replaced.n_bytes
            self.encoding = "windows-1252"
        return text, data[used:]

    def _refuse_long(self) -> None:
        raise CatalogueError(
            f"`{self._source.name}` has a line of more than {_MAX_LINE:,} characters",
            hint="is this a text file with one row a line?",
        )


def format_of(source: Source, name: str | None = None) -> tuple[str, str | None]:
    """Tell the format of a file by its extension, checked against its first bytes.

    Returns
    -------
    format : str
        Key in `READERS`.
    remark : str or None
        Set where content and extension disagree; the content is believed.

    Raises
    ------
    CatalogueError
        The content is of a kind that cannot be read.
    """
    name = (name or source.name).lower()
    if name.endswith(".gz"):
        name = name[:-3]
    extension = Path(name).suffix
    named = _EXTENSIONS.get(extension)
    head = source.head
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        _refuse_ole(source)
    found: str | None = None
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        found = "xlsx"
    elif head.startswith(b"PAR1"):
        found = "parquet"
    elif head.startswith(b"%PDF"):
        raise CatalogueError(f"`{source.name}` is a PDF", hint="export the catalogue as CSV or XLSX")
    if found is not None:
        return found, None if named in (None, found) else f"is named {extension} but is {found.upper()}; read as that"
    if named == "xlsx" or named == "parquet":
        if named == "xlsx":
            hint = "open it in the spreadsheet program and save it as .xlsx, or rename it if it is CSV"
        else:
            hint = "write the file again; it may have been cut short"
        raise CatalogueError(f"`{source.name}` is named {extension} but is not {named.upper()}", hint=hint)
    encoding, n_mark = sniff_encoding(head)
    text = head[n_mark : 1 << 16].decode(encoding, "replace").lstrip()
    sample = text[: 1 << 12]
    n_odd = sum(1 for character in sample if character < " " and character not in "\t\n\r\f\v")
    if n_odd > 32 and n_odd * 5 > len(sample):
        raise CatalogueError(f"`{source.name}` is not a text file", hint=f"read are: {', '.join(_EXTENSIONS)}")
    if text[:1].isprintable() and text[:15].lower().startswith(("<!doctype html", "<html", "<?xml")):
        raise CatalogueError(
            f"`{source.name}` is a web page or XML", hint="open it in a spreadsheet program and save it as CSV or XLSX"
        )
    if named in ("csv", "tsv"):
        return named, None
    first = text.split("\n", 1)[0]
    if text.startswith("["):
        found = "json"
    elif text.startswith("{"):
        found = "jsonl" if _is_object(first) else "json"
        if named == "json" or (named == "jsonl" and not text[1:].lstrip().startswith(('"', "}"))):
            found = named
    elif source.path is None:
        found = "jsonl"
    else:
        found = "csv"
    if named is None:
        return found, None
    if named == "jsonl" and found == "json":
        return "json", "is named as JSON Lines but is one JSON document; read as that"
    return named, None


def _is_object(line: str) -> bool:
    import json

    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        # A line longer than what was looked at, or a bad one among good ones: an object that closes is not needed.
        return '":' in line.replace('" :', '":') and len(line) > 2


def _refuse_ole(source: Source) -> None:
    data = b"".join(part for part, _ in zip(source.chunks(), range(64), strict=False))
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise CatalogueError(
            f"`{source.name}` is password-protected",
            hint="open it in the spreadsheet program, remove the password and save it again",
        )
    raise CatalogueError(
        f"`{source.name}` is in the old .xls format, expected .xlsx",
        hint="open it in the spreadsheet program and save it as .xlsx or CSV",
    )
