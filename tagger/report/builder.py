"""Build the report: count while credentials stream past, then fill the page."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from tagger.errors import CatalogueError
from tagger.records import TaggedCredential
from tagger.report.tally import Tally
from tagger.report.views import FILTERS, page

__all__ = ["ReportBuilder"]

_FOLDER: Final = Path(__file__).parent


class ReportBuilder:
    """A report on a tagged catalogue as one HTML file that needs no network and nothing beside it.

    Memory holds sums and at most `max_listed` entries; the entries themselves wait on disk. The same credentials give
    the same bytes.

    Parameters
    ----------
    catalogue_name : str
        Heading of the report.
    language : str
        Language of the catalogue's own text (BCP 47), so that a screen reader pronounces it rightly; a credential's own
        language comes first. The report's words are English.
    max_listed : int
        Most credentials that are shown in detail; findings, untagged outcomes and problems have the same limit each.
        What is left out is counted, and the report says so.

    Examples
    --------
    >>> from tagger.records import Credential
    >>> report = ReportBuilder("Short courses 2026")
    >>> report.add(TaggedCredential(Credential("MC-1", title="Water at home")))
    >>> "Short courses 2026" in report.render()
    True
    """

    def __init__(self, catalogue_name: str, *, language: str = "en", max_listed: int = 2000) -> None:
        if max_listed < 1:
            raise ValueError(f"max_listed must be 1 or more. Got {max_listed}")
        self.catalogue_name = catalogue_name
        self.language = language
        self._tally = Tally(max_listed)

    def add(self, tagged: TaggedCredential) -> None:
        """Count one credential, and keep its details if there is room."""
        self._tally.add(tagged)

    def write(self, path: str | Path, *, date: str | None = None, full_list: str | None = None) -> None:
        """Write the report; in place only when it is whole.

        Parameters
        ----------
        path : str or Path
        date : str or None
            Shown as it is; None shows none.
        full_list : str or None
            Name of the file that holds every credential, for the note on what was left out.

        Raises
        ------
        CatalogueError
            When the file cannot be written.
        """
        target = Path(os.path.realpath(path))
        temporary = None
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=target.parent, prefix=f".{target.name}.", suffix=".tmp", delete=False,
                encoding="utf-8", errors="replace", newline="\n",
            ) as file:  # fmt: skip
                temporary = file.name
                for part in self._parts(date, full_list):
                    file.write(part)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            os.replace(temporary, target)
        except OSError as error:
            hint = "check that the folder exists, is writable and has room"
            raise CatalogueError(f"`{path}`: cannot write, {error.strerror or error}", hint=hint) from error
        finally:
            if temporary is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)

    def render(self, *, date: str | None = None, full_list: str | None = None) -> str:
        """Return the report as text; see `write`."""
        return "".join(self._parts(date, full_list))

    def _parts(self, date: str | None, full_list: str | None) -> Any:
        import jinja2
        from markupsafe import Markup

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= FILTERS
        script = (_FOLDER / "report.js").read_text("utf-8")
        frame: dict[str, Any] = {
            "name": self.catalogue_name,
            "language": self.language,
            "date": date,
            "full_list": full_list,
            "style": Markup((_FOLDER / "report.css").read_text("utf-8")),  # ours, so not escaped
            "script": Markup(script),
            # The page may run this script and load nothing at all.
            "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        }
        stream = environment.get_template("report.html.j2").stream(**frame, **page(self._tally))
        stream.enable_buffering(64)
        return stream
