"""Run a tagger over a catalogue: read, tag, write and report as one stream, and account for every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tagger.catalogue import Catalogue, open_writer
from tagger.errors import CatalogueError
from tagger.records import Problem, TaggedCredential

if TYPE_CHECKING:
    from tagger.overrides import Overrides
    from tagger.report import ReportBuilder
    from tagger.tagging import Tagger

__all__ = ["Summary", "tag_catalogue"]

_MOST_KINDS = 30


@dataclass(slots=True)
class Summary:
    """What happened, in numbers that add up: `n_rows` = `n_credentials` + `n_empty_rows`.

    Attributes
    ----------
    n_rows, n_empty_rows, n_credentials, n_without_outcomes : int
    n_outcomes, n_untagged, n_unread : int
        `n_untagged` counts outcomes that were read and have no SDG or skill tag; `n_unread` those of credentials in a
        language that no model reads.
    findings : Counter of str
        By severity.
    n_problems : int
    problems : dict
        For each kind of problem (column and message), its first case and the number of cases.
    """

    n_rows: int = 0
    n_empty_rows: int = 0
    n_credentials: int = 0
    n_without_outcomes: int = 0
    n_outcomes: int = 0
    n_untagged: int = 0
    n_unread: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    n_problems: int = 0
    problems: dict[tuple[str | None, str], tuple[Problem, int]] = field(default_factory=dict)

    def add(self, tagged: TaggedCredential) -> None:
        """Count one credential."""
        self.n_credentials += 1
        self.n_outcomes += len(tagged.outcomes)
        self.n_without_outcomes += not tagged.outcomes
        if tagged.is_read:
            self.n_untagged += sum(
                all(t.taxonomy == "bloom" or t.relation == "derived" for t in outcome.tags)
                for outcome in tagged.outcomes
            )
        else:
            self.n_unread += len(tagged.outcomes)
        self.findings.update(f.severity for f in tagged.findings)
        self.note(tagged.credential.problems)

    def note(self, problems: Iterable[Problem]) -> None:
        """Count problems by kind; of a kind beyond the first `_MOST_KINDS` only the number is kept."""
        for problem in problems:
            self.n_problems += 1
            kind = (problem.column, problem.message)
            if kind in self.problems:
                first, n = self.problems[kind]
                self.problems[kind] = (first, n + 1)
            elif len(self.problems) < _MOST_KINDS:
                self.problems[kind] = (problem, 1)


def tag_catalogue(
    catalogue: Catalogue,
    tagger: Tagger,
    outputs: Sequence[str | Path],
    *,
    report: ReportBuilder | None = None,
    report_path: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
    overrides: Overrides | None = None,
) -> Summary:
    """Tag a catalogue into one or more files, as a stream.

    Parameters
    ----------
    catalogue : Catalogue
    tagger : Tagger
    outputs : sequence of str or Path
        ``-`` is JSONL on standard output; otherwise the ending decides the form.
    report : ReportBuilder or None
    report_path : str, Path or None
        Where the report goes; it is written only after every output is complete.
    progress : callable or None
        Called with the number of credentials done so far.
    overrides : Overrides or None
        People's decisions, which stand over the models'.

    Returns
    -------
    Summary

    Raises
    ------
    CatalogueError
        If the catalogue or an output cannot be read or written; outputs that were not complete are left as they were before.
    """
    opened = [open_writer(path) for path in outputs]
    _check_targets(catalogue, [p for writer in opened for p in writer.paths or ("-",)], report_path)
    summary = Summary()
    with ExitStack() as stack:
        writers = [stack.enter_context(writer) for writer in opened]
        for tagged in tagger.tag(catalogue):
            if overrides is not None:
                tagged = overrides.apply(tagged)
            for writer in writers:
                writer.write(tagged)
            if report is not None:
                report.add(tagged)
            summary.add(tagged)
            if progress is not None:
                progress(summary.n_credentials)
    summary.note(catalogue.problems)
    for writer in writers:  # a workbook knows what it had to cut when it is closed
        summary.note(getattr(writer, "problems", ()))
    summary.n_rows = catalogue.n_rows
    summary.n_empty_rows = catalogue.n_empty_rows
    if report is not None and report_path is not None:
        report.write(report_path)
    return summary


def _check_targets(catalogue: Catalogue, paths: Sequence[str], report_path: str | Path | None) -> None:
    """Refuse, before any work is done, to write over the catalogue, twice to one file, or where nothing can be written."""
    source = Path(str(catalogue.path))
    targets = [str(p) for p in paths] + ([str(report_path)] if report_path is not None else [])
    for n, target in enumerate(targets):
        if target in targets[:n] or (
            target != "-" and Path(target).resolve() in map(Path.resolve, map(Path, targets[:n]))
        ):
            raise CatalogueError(f"`{target}` is given twice to write to", hint="give each output its own file")
        if target != "-" and source.exists() and Path(target).exists() and source.samefile(target):
            raise CatalogueError(f"`{target}` is the catalogue itself", hint="give another file to -o")
    if report_path is None:
        return
    path = Path(report_path)
    if str(path) == "-" or path.is_dir() or not path.resolve().parent.is_dir():
        raise CatalogueError(
            f"`{path}`: cannot write the report there; expected a file in a folder that exists",
            hint="as in --report report.html",
        )
