"""The card of a model: what it is for, what it cannot do, what it was made from, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagger.model import Model

__all__ = ["card"]


def card(model: Model, facts: Mapping[str, Any]) -> str:
    """Return the card as Markdown, from the model and its manifest's facts."""
    taxonomy = model.taxonomy
    parents = facts.get("parents") or []
    lines = [
        f"# {model.id} {model.version}",
        "",
        f"Tags learning outcomes with {taxonomy.title} (`{taxonomy.id}` {taxonomy.version}, {len(taxonomy.concepts):,} concepts). "
        + (f"Encoder: {model.encoder_id}." if model.encoder_id else "It reads words alone, without an encoder."),
        "",
        "## Uses",
        "",
        f"`tagger tag --model {model.id}/ CATALOGUE` with this folder's path. Made for outcomes like those it was trained on. Its "
        "scores are calibrated probabilities; below a concept's threshold there is no tag.",
        "",
        "## Limits",
        "",
        "- It repeats the judgements of those who labelled the data, and their mistakes.",
        "- Concepts with few examples below are hardly learnt: their thresholds are drawn to the common one.",
        "- On other kinds of catalogue than its data it has not been measured, unless a figure below says so.",
    ]
    if not facts.get("data"):
        lines.append(
            "- It was made from labels and descriptions alone and has seen no example: its scores are a guess of how sure it is."
        )
    lines += ["", "## Made from", ""]
    lines += [f"- starts from {p['id']} {p['version']} (sha256 {p['sha256'][:12]}…)" for p in parents]
    for d in facts.get("data") or []:
        lines.append(f"- {d['name']}: {d['n']:,} {d['what']} (sha256 {d['sha256'][:12]}…); licence: {d['licence']}")
    lines += [f"- recipe: `{facts.get('recipe')}`, seed {facts.get('seed')}"]
    metrics = facts.get("metrics") or {}
    for name, figures in metrics.items():
        if isinstance(figures, Mapping) and "micro" in figures:
            lines += ["", *_measured(name, figures)]
    if (promotion := facts.get("promotion")) is not None:
        lines += ["", "## Promotion", "", f"{promotion['verdict']} on {promotion['gate']['name']}"]
        lines += [f"- {reason}" for reason in promotion["reasons"]]
    return "\n".join(lines) + "\n"


def _measured(name: str, figures: Mapping[str, Any]) -> list[str]:
    micro, macro = figures["micro"], figures["macro"]
    lines = [
        f"## Measured: {name.replace('_', ' ')}",
        "",
        f"{figures.get('what', '')} {figures['n']:,} texts in {figures['n_groups']:,} groups; intervals are 95%, by group.".strip(),
        "",
        "| class | n | precision | recall | F1 | 95% interval |",
        "|---|---:|---:|---:|---:|---|",
        _line("all (micro)", micro),
        _line(f"mean of {macro['classes']} classes (macro)", macro),
    ]
    classes = sorted(figures["classes"].items(), key=lambda x: -x[1]["n"])
    lines += [_line(label, row) for label, row in classes[:40]]
    if len(classes) > 40:
        lines.append(f"| … {len(classes) - 40} more in the manifest | | | | | |")
    lines += ["", f"Texts without a tag: {_number(figures['abstained'])}."]
    calibration = figures["calibration"]
    if calibration["bins"]:
        lines += [
            "",
            f"Calibration: expected error {_number(calibration['ece'])}, Brier score {_number(calibration['brier'])}.",
            "",
            "| said | n | mean said | came true |",
            "|---|---:|---:|---:|",
        ]
        lines += [
            f"| {b['from']:.1f} to {b['from'] + 0.1:.1f} | {b['n']:,} | {_number(b['said'])} | {_number(b['true'])} |"
            for b in calibration["bins"]
        ]
    lines += ["", "| threshold for all | texts with a tag | precision | recall |", "|---:|---:|---:|---:|"]
    lines += [
        f"| {r['threshold']:.1f} | {_number(r['coverage'])} | {_number(r['precision'])} | {_number(r['recall'])} |"
        for r in figures["coverage"]
    ]
    lines += ["", "| slice | texts | n | F1 | 95% interval |", "|---|---:|---:|---:|---|"]
    for kind, parts in figures["slices"].items():
        for value, row in parts.items():
            low, high = row["interval"]
            lines.append(
                f"| {kind}: {_cell(value)} | {row['texts']:,} | {row['n']:,} | {_number(row['f1'])} | {low:.2f} to {high:.2f} |"
            )
    if figures["confusion"]:
        lines += ["", "| missed | tagged instead | n |", "|---|---|---:|"]
        lines += [
            f"| {_cell(c['true'])} | {_cell(c['tagged'] or 'nothing')} | {c['n']} |" for c in figures["confusion"][:10]
        ]
    if (against := figures.get("against")) is not None:
        f1 = against["macro_f1"]
        lines += [
            "",
            f"Against {against['model']} on the same cases: macro-F1 {f1['new']:.3f}, the other {f1['old']:.3f}, difference "
            f"{f1['difference']:+.3f} ({f1['interval'][0]:+.3f} to {f1['interval'][1]:+.3f}).",
        ]
    return lines


def _line(label: str, row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    figures = " | ".join(_number(row[k]) for k in ("precision", "recall", "f1"))
    return f"| {_cell(label)} | {row['n']:,} | {figures} | {low:.2f} to {high:.2f} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
