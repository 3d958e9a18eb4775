"""The report: one offline HTML page on a tagged catalogue."""

from __future__ import annotations

from tagger.report.builder import ReportBuilder

__all__ = ["ReportBuilder"]
