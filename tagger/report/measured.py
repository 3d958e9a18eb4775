"""The figures of an evaluation as one HTML file, with its plots inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["page", "plot"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } svg { max-width: 24rem; display: block }
"""
_SIZE, _EDGE = 300, 40


def page(model: str, facts: Mapping[str, Any]) -> str:
    """Return the page: figures by class, a reliability plot, a coverage plot, slices and confusions."""
    rows = [("all (micro)", facts["micro"]), ("macro", facts["macro"]), *facts["classes"].items()]
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(model)}</title><style>{_STYLE}</style></head><body>',
        f"<h1>{escape(model)}</h1>",
        f"<p>{escape(facts.get('what', ''))} {facts['n']:,} texts in {facts['n_groups']:,} groups. Intervals are 95%, from resamples of "
        "whole groups.</p>",
        _table(
            ("class", "n", "precision", "recall", "F1", "95% interval"),
            [
                (
                    name,
                    r["n"],
                    r["precision"],
                    r["recall"],
                    r["f1"],
                    f"{r['interval'][0]:.2f} to {r['interval'][1]:.2f}",
                )
                for name, r in rows
            ],
        ),
        "<h2>Calibration</h2>",
        "<p>How often tags come true that are given with some probability; on the diagonal, as often as said.</p>",
        plot(
            [(b["said"], b["true"]) for b in facts["calibration"]["bins"]],
            "probability said",
            "share that came true",
            True,
        ),
        _table(
            ("from", "n", "mean said", "came true"),
            [(b["from"], b["n"], b["said"], b["true"]) for b in facts["calibration"]["bins"]],
        ),
        "<h2>Coverage and precision</h2>",
        plot(
            [(r["coverage"], r["precision"]) for r in facts["coverage"] if r["precision"] is not None],
            "share of texts with a tag",
            "precision of the tags",
            False,
        ),
        _table(
            ("threshold", "texts with a tag", "precision", "recall"),
            [(r["threshold"], r["coverage"], r["precision"], r["recall"]) for r in facts["coverage"]],
        ),
        "<h2>Slices</h2>",
        _table(
            ("slice", "texts", "n", "F1"),
            [
                (f"{k}: {v}", r["texts"], r["n"], r["f1"])
                for k, parts_ in facts["slices"].items()
                for v, r in parts_.items()
            ],
        ),
        "<h2>What was tagged in place of what</h2>",
        _table(
            ("missed", "tagged instead", "n"),
            [(c["true"], c["tagged"] or "nothing", c["n"]) for c in facts["confusion"]],
        ),
    ]
    if (against := facts.get("against")) is not None:
        rows_ = [("macro-F1", against["macro_f1"]), ("micro-F1", against["micro_f1"]), *against["classes"].items()]
        parts += [
            f"<h2>Against {escape(str(against['model']))}, on the same cases</h2>",
            _table(
                ("F1", "this", "other", "difference", "95% interval"),
                [
                    (n, d["new"], d["old"], d["difference"], f"{d['interval'][0]:+.3f} to {d['interval'][1]:+.3f}")
                    for n, d in rows_
                ],
            ),
        ]
    return "\n".join([*parts, "</body></html>"]) + "\n"


def plot(points: Sequence[tuple[float, float]], x_label: str, y_label: str, diagonal: bool) -> str:
    """Return points in the unit square, joined by a line, as inline SVG with a text alternative."""
    side = _SIZE - 2 * _EDGE

    def at(x: float, y: float) -> str:
        return f"{_EDGE + x * side:.1f},{_SIZE - _EDGE - y * side:.1f}"

    described = "; ".join(f"{x:.2f}: {y:.2f}" for x, y in points)
    lines = [
        f'<svg viewBox="0 0 {_SIZE} {_SIZE}" role="img" aria-label="{escape(y_label)} by {escape(x_label)}: {described}">',
        f'<rect x="{_EDGE}" y="{_EDGE}" width="{side}" height="{side}" fill="none" stroke="#888"/>',
    ]
    if diagonal:
        lines.append(f'<polyline points="{at(0, 0)} {at(1, 1)}" fill="none" stroke="#888" stroke-dasharray="4"/>')
    lines.append(
        f'<polyline points="{" ".join(at(x, y) for x, y in points)}" fill="none" stroke="#0b5394" stroke-width="2"/>'
    )
    for x, y in points:
        cx, _, cy = at(x, y).partition(",")
        lines.append(f'<circle cx="{cx}" cy="{cy}" r="3" fill="#0b5394"/>')
    middle = _SIZE / 2
    lines += [
        f'<text x="{middle}" y="{_SIZE - 10}" font-size="12" text-anchor="middle">{escape(x_label)}</text>',
        f'<text x="14" y="{middle}" font-size="12" text-anchor="middle" transform="rotate(-90 14 {middle})">{escape(y_label)}</text>',
        "</svg>",
    ]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return f'<td class="n">{value:.3f}</td>'
        if isinstance(value, int):
            return f'<td class="n">{value:,}</td>'
        return f"<td>{'–' if value is None else escape(str(value))}</td>"

    lines = ["<table><thead><tr>", *(f'<th scope="col">{escape(h)}</th>' for h in head), "</tr></thead><tbody>"]
    lines += [f"<tr>{''.join(map(cell, row))}</tr>" for row in rows]
    return "".join([*lines, "</tbody></table>"])
