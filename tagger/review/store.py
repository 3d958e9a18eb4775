"""The state of the review page: questions and decisions in one SQLite file, safe against a crash at any moment.

Decisions are only ever added; undoing one marks it. Every change is one transaction, in write-ahead mode with full
synchronisation: what the page was told is kept is on disk.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tagger.errors import TaggerError
from tagger.review.decisions import Decided
from tagger.review.items import ReviewItem

__all__ = ["STATES", "Store"]

FORMAT: Final = 1
STATES: Final = ("open", "done", "all", "conflict")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
  id TEXT PRIMARY KEY, place INTEGER, taxonomy TEXT NOT NULL, concept TEXT, score REAL, n_outcomes INTEGER NOT NULL,
  haystack TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS items_place ON items (place);
CREATE TABLE IF NOT EXISTS decisions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT NOT NULL REFERENCES items (id), reviewer TEXT NOT NULL, decision TEXT NOT NULL,
  change_to TEXT NOT NULL, comment TEXT, made_at TEXT NOT NULL, is_undone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS decisions_item ON decisions (item, reviewer, is_undone, seq);
CREATE INDEX IF NOT EXISTS decisions_reviewer ON decisions (reviewer, is_undone, seq);
CREATE VIEW IF NOT EXISTS current AS
  SELECT d.* FROM decisions d WHERE d.is_undone = 0 AND d.seq =
    (SELECT max(seq) FROM decisions e WHERE e.item = d.item AND e.reviewer = d.reviewer AND e.is_undone = 0);
"""


class Store:
    """Questions and decisions of a review.

    Parameters
    ----------
    path : str or Path
        The SQLite file; made if it is not there.

    Raises
    ------
    TaggerError
        If it is another kind of file, of a newer format, or cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with self._open() as db:
                db.executescript(_SCHEMA)
                db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
                [(found,)] = db.execute("SELECT value FROM meta WHERE key = 'format'")
        except sqlite3.Error as error:
            raise TaggerError(
                f"`{path}`: cannot be opened as SQLite, {error}",
                hint="give the file of a review, or a new one in a folder that exists",
            ) from error
        if int(found) > FORMAT:
            raise TaggerError(
                f"`{path}`: has format {found}, expected at most {FORMAT}",
                hint="it was made by a newer version; install that",
            )

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open a connection of one's own: requests come on several threads."""
        db = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            yield db
        finally:
            db.close()

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Open a connection for one transaction: all of it, or nothing."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def load(self, items: Sequence[ReviewItem]) -> tuple[int, int]:
        """Take the questions over, in their order, and return how many are new, and how many known ones are not among them.

        Those stay, with their decisions, but are not shown.
        """
        with self._change() as db:
            known = {id_ for (id_,) in db.execute("SELECT id FROM items")}
            db.execute("UPDATE items SET place = NULL")
            db.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET place = excluded.place, "
                "score = excluded.score, n_outcomes = excluded.n_outcomes, haystack = excluded.haystack, record = excluded.record",
                ((i.id, n, "; ".join(i.taxonomies), i.concept, i.score, i.n_outcomes, _haystack(i), _record(i)) for n, i in enumerate(items)),
            )  # fmt: skip
        ids = {i.id for i in items}
        return len(ids - known), len(known - ids)

    def decide(
        self, item: str, reviewer: str, decision: str, change_to: Sequence[str] = (), comment: str | None = None
    ) -> None:
        """Keep a decision; on disk when this returns.

        Raises
        ------
        KeyError
            If there is no such item.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._change() as db:
            if db.execute("SELECT 1 FROM items WHERE id = ?", (item,)).fetchone() is None:
                raise KeyError(item)
            db.execute(
                "INSERT INTO decisions (item, reviewer, decision, change_to, comment, made_at) VALUES (?, ?, ?, ?, ?, ?)",
                (item, reviewer, decision, json.dumps(list(change_to)), comment, now),
            )

    def undo(self, reviewer: str) -> str | None:
        """Take a reviewer's last decision back, and return its item; None if there is none."""
        with self._change() as db:
            row = db.execute(
                "SELECT seq, item FROM decisions WHERE reviewer = ? AND is_undone = 0 ORDER BY seq DESC LIMIT 1",
                (reviewer,),
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE decisions SET is_undone = 1 WHERE seq = ?", (row[0],))
        return str(row[1])

    def item(self, id_: str) -> ReviewItem | None:
        """Return a question by its id; None if there is none."""
        with self._open() as db:
            row = db.execute("SELECT record FROM items WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _item(row[0])

    def page(
        self,
        reviewer: str,
        *,
        state: str = "open",
        taxonomy: str | None = None,
        query: str = "",
        below: float | None = None,
        only_untagged: bool = False,
        after: int = -1,
        limit: int = 20,
    ) -> tuple[list[dict[str, Any]], int]:
        """Return questions in order, each with its place and the decisions on it, and how many there are in all.

        Parameters
        ----------
        reviewer : str
            For ``open`` and ``done``: whose decisions count.
        state : str
            One of `STATES`; ``conflict``: on which reviewers say different things.
        taxonomy : str or None
        query : str
            Words that occur in outcome, title or label.
        below : float or None
        only_untagged : bool
        after : int
            Place after which to begin.
        limit : int
        """
        mine = "EXISTS (SELECT 1 FROM current c WHERE c.item = items.id AND c.reviewer = :reviewer)"
        conflict = "(SELECT count(DISTINCT c.decision || c.change_to) FROM current c WHERE c.item = items.id) > 1"  # of any reviewers
        where = ["place IS NOT NULL"]
        where += {"open": [f"NOT {mine}"], "done": [mine], "conflict": [conflict]}.get(state, [])
        values: dict[str, Any] = {"reviewer": reviewer, "after": after, "limit": limit}
        if taxonomy:
            where.append("('; ' || taxonomy || '; ') LIKE '%; ' || :taxonomy || '; %'")
            values["taxonomy"] = taxonomy
        if below is not None:
            where.append("score < :below")
            values["below"] = below
        if only_untagged:
            where.append("concept IS NULL")
        for n, word in enumerate(query.casefold().split()[:10]):
            where.append(f"instr(haystack, :word{n}) > 0")
            values[f"word{n}"] = word
        condition = " AND ".join(where)
        with self._open() as db:
            [(total,)] = db.execute(f"SELECT count(*) FROM items WHERE {condition}", values)
            rows = db.execute(
                f"SELECT id, place, record FROM items WHERE {condition} AND place > :after ORDER BY place LIMIT :limit",
                values,
            ).fetchall()
            return [
                {"place": place, "item": _item(record), "said": _said(db, id_)} for id_, place, record in rows
            ], total

    def said(self, item: str) -> dict[str, dict[str, Any]]:
        """Return the decisions on an item that stand, by reviewer."""
        with self._open() as db:
            return _said(db, item)

    def progress(self) -> dict[str, Any]:
        """Return how many questions are shown, how many outcomes they serve, and how much each reviewer has decided."""
        with self._open() as db:
            [(n, served)] = db.execute(
                "SELECT count(*), coalesce(sum(n_outcomes), 0) FROM items WHERE place IS NOT NULL"
            )
            by = db.execute(
                "SELECT reviewer, count(*), sum(n_outcomes) FROM current JOIN items ON items.id = item "
                "WHERE place IS NOT NULL GROUP BY reviewer ORDER BY reviewer"
            ).fetchall()
            [(n_judged,)] = db.execute(
                "SELECT count(DISTINCT item) FROM current JOIN items ON items.id = item WHERE place IS NOT NULL"
            )
            taxonomies = db.execute("SELECT DISTINCT taxonomy FROM items WHERE place IS NOT NULL").fetchall()
        return {
            "n_items": n,
            "n_served": served,
            "n_judged": n_judged,
            "reviewers": [{"name": r, "n_items": k, "n_served": s} for r, k, s in by],
            "taxonomies": sorted({t for (joined,) in taxonomies for t in joined.split("; ")}),
        }

    def decided(self, reviewer: str | None = None) -> list[Decided]:
        """Return all decisions that stand, oldest first, as `to_corrections` takes them; of one reviewer, or of all."""
        with self._open() as db:
            rows = db.execute(
                "SELECT seq, reviewer, decision, change_to, comment, made_at, record FROM current JOIN items ON items.id = item "
                "WHERE ? IS NULL OR reviewer = ? ORDER BY seq",
                (reviewer, reviewer),
            ).fetchall()
        found = []
        for seq, name, decision, change_to, comment, made_at, record in rows:
            i = _item(record)
            found.append(
                Decided(
                    decision=decision,
                    id=i.id,
                    taxonomies=i.taxonomies,
                    text=i.text,
                    change_to="\n".join(json.loads(change_to)),
                    concept=i.concept,
                    tag=i.label,
                    also=i.also,
                    reviewer=name,
                    comment=comment,
                    when=made_at,
                    credential=i.credential,
                    outcome=i.outcome,
                    relation=i.relation,
                    model=i.model,
                    version=i.version,
                    source={"file": self.path.name, "row": seq, "id": i.id},
                )
            )
        return found


def _said(db: sqlite3.Connection, item: str) -> dict[str, dict[str, Any]]:
    rows = db.execute(
        "SELECT reviewer, decision, change_to, comment, made_at FROM current WHERE item = ? ORDER BY seq", (item,)
    )
    return {
        reviewer: {"decision": decision, "change_to": json.loads(change_to), "comment": comment, "when": made_at}
        for reviewer, decision, change_to, comment, made_at in rows
    }


def _haystack(item: ReviewItem) -> str:
    return "\n".join(
        filter(None, (item.text, item.title, item.label, item.code, item.credential, *item.also))
    ).casefold()


def _record(item: ReviewItem) -> str:
    return json.dumps({name: getattr(item, name) for name in item.__slots__}, ensure_ascii=True)


def _item(record: str) -> ReviewItem:
    plain: Mapping[str, Any] = json.loads(record)
    lists: Iterable[str] = ("taxonomies", "also")
    return ReviewItem(
        **{
            **plain,
            **{name: tuple(plain[name]) for name in lists},
            "evidence": tuple((start, end) for start, end in plain["evidence"]),
        }
    )
