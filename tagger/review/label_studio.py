"""Label Studio: tasks out, and annotations in (its JSON and JSON-MIN exports)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tagger.errors import TaggerError
from tagger.review.items import ReviewItem
from tagger.review.sheet import cells, in_place

__all__ = ["CONFIG", "config_path", "tasks", "write_tasks"]

CONFIG: Final = """\
<View>
  <Header value="$title"/>
  <Labels name="evidence" toName="outcome"><Label value="evidence"/></Labels>
  <Text name="outcome" value="$outcome"/>
  <Header value="$question"/>
  <Text name="why" value="$why"/>
  <Choices name="decision" toName="outcome" choice="single" showInLine="true" required="true">
    <Choice value="accept" hotkey="a"/>
    <Choice value="reject" hotkey="r"/>
    <Choice value="change" hotkey="c"/>
  </Choices>
  <TextArea name="change_to" toName="outcome" maxSubmissions="5"
            placeholder="change to: code, label or IRI of the concept; one a line"/>
  <TextArea name="comment" toName="outcome" placeholder="comment"/>
</View>
"""
"""The labelling configuration that `import` expects: the names ``decision``, ``change_to`` and ``comment`` count."""


def config_path(path: str | Path) -> Path:
    """Return where the configuration goes: ``tasks.json`` has ``tasks-config.xml`` beside it."""
    target = Path(path)
    return target.with_name(f"{target.stem}-config.xml")


def write_tasks(path: str | Path, items: Sequence[ReviewItem]) -> None:
    """Write a file to import into Label Studio, and the labelling configuration beside it."""
    with in_place(config_path(path)) as name:
        Path(name).write_text(CONFIG, encoding="utf-8")
    with in_place(path) as name, open(name, "w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for n, item in enumerate(items):
            task = json.dumps(_task(item), ensure_ascii=True)
            file.write(f"{',' if n else ''}\n{task}")
        file.write("\n]\n")


def _task(item: ReviewItem) -> dict[str, Any]:
    row = cells(item)
    row["review_id"] = row.pop("id")  # Label Studio has an id of its own
    data = {name.replace(" ", "_"): "" if cell is None else cell for name, cell in row.items()}
    what = (
        f"{f'{item.code} ' if item.code else ''}{item.label} ({item.taxonomies[0]})"
        if item.concept
        else f"no tag in {row['taxonomy']}"
    )
    data["question"] = f"{what}, serves {item.n_outcomes}" if item.n_outcomes > 1 else what
    task: dict[str, Any] = {"data": data}
    if item.evidence:
        result = [
            {
                "from_name": "evidence",
                "to_name": "outcome",
                "type": "labels",
                "value": {"start": start, "end": end, "text": item.text[start:end], "labels": ["evidence"]},
            }
            for start, end in item.evidence
        ]
        task["predictions"] = [{"model_version": item.model, "score": item.score, "result": result}]
    return task


def tasks(path: str | Path) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Read an export of Label Studio.

    Yields
    ------
    n : int
        Number of the task in the file, from 1.
    data : dict
        What the task was made with.
    annotation : dict
        ``decision``, ``change_to`` (list), ``comment``, ``reviewer``, ``when``, ``annotation`` (its id); a task without
        annotations yields one with nothing in it.

    Raises
    ------
    TaggerError
        If the file is no such export.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TaggerError(f"`{path}`: {error.strerror}", hint="give a JSON export of Label Studio") from error
    except (ValueError, RecursionError) as error:
        raise TaggerError(f"`{path}`: is not JSON", hint="export as JSON or JSON-MIN from Label Studio") from error
    if not isinstance(document, list) or not all(isinstance(t, dict) for t in document):
        raise TaggerError(f"`{path}`: is no list of tasks", hint="export as JSON or JSON-MIN from Label Studio")
    for n, task in enumerate(document, 1):
        if isinstance(task.get("data"), dict):
            annotations = task.get("annotations", task.get("completions")) or []
            # Skipped tasks are kept by Label Studio as cancelled annotations, without a decision.
            found = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
            for annotation in found:
                yield n, task["data"], _full(annotation)
            if not found:
                yield n, task["data"], {}
        else:
            yield n, task, _minimal(task)


def _full(annotation: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"change_to": []}
    for result in annotation.get("result") or []:
        value = result.get("value") or {}
        name = result.get("from_name")
        if name == "decision":
            plain["decision"] = next(iter(value.get("choices") or []), None)
        elif name == "change_to":
            plain["change_to"] += _texts(value.get("text"))
        elif name == "comment":
            plain["comment"] = "\n".join(_texts(value.get("text")))
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("username") or by.get("id")
    plain["reviewer"] = _person(by)
    plain["when"] = annotation.get("updated_at") or annotation.get("created_at")
    plain["annotation"] = annotation.get("id")
    return plain


def _minimal(task: Mapping[str, Any]) -> dict[str, Any]:
    decision = task.get("decision")
    return {
        "decision": decision.get("choices", [None])[0] if isinstance(decision, dict) else decision,
        "change_to": _texts(task.get("change_to")),
        "comment": "\n".join(_texts(task.get("comment"))),
        "reviewer": _person(task.get("annotator")),
        "when": task.get("updated_at") or task.get("created_at"),
        "annotation": task.get("annotation_id"),
    }


def _person(by: object) -> str | None:
    if by is None or by == "":
        return None
    return f"Label Studio user {by}" if isinstance(by, int) else str(by)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        value = value.get("text")
    texts = value if isinstance(value, list) else [value]
    return [str(t) for t in texts if isinstance(t, str | int | float) and str(t).strip()]
