from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tagger.errors import TaggerError
from tagger.records import Credential, TaggedCredential
from tagger.review.importing import to_corrections
from tagger.review.items import gather
from tagger.review.priority import ranked
from tagger.review.store import Store
from tests.review_samples import EVIL, SDG, outcome, sample, tag

pytest.importorskip("fastapi", reason="needs the extra [review]")
from fastapi.testclient import TestClient

from tagger.review.server import create_app

HEADERS = {"X-Tagger-Review": "1", "Origin": "http://127.0.0.1:8765"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "review.sqlite")
    assert store.load(ranked(gather(sample()).items)) == (6, 0)
    return store


@pytest.fixture
def client(store: Store) -> TestClient:
    app = create_app(store, hosts=frozenset({"127.0.0.1", "localhost"}))
    return TestClient(app, base_url="http://127.0.0.1:8765", headers=HEADERS)


def items(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/items", params={"reviewer": "Ann", **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def decide(client: TestClient, item: str, decision: str, by: str = "Ann", **more: Any) -> Any:
    return client.post("/api/decide", json={"item": item, "reviewer": by, "decision": decision, **more})


def test_one_reviewer_works_through(client: TestClient, store: Store) -> None:
    [first, second, *_] = items(client)
    assert first["n_outcomes"] == 2 and ["wastewater", True] in first["segments"]
    done = decide(client, first["id"], "accept", comment=" fine ")
    assert done.json()["item"]["mine"]["comment"] == "fine"
    assert done.json()["progress"]["reviewers"] == [{"name": "Ann", "n_items": 1, "n_served": 2}]
    assert decide(client, second["id"], "change", change_to=["SDG 13"]).json()["item"]["mine"]["change_to"] == [
        "13 Climate action"
    ]
    assert len(items(client)) == 4 and len(items(client, state="done")) == 2 and len(items(client, state="all")) == 6
    assert client.post("/api/undo", json={"reviewer": "Ann"}).json()["item"]["id"] == second["id"]
    assert client.post("/api/undo", json={"reviewer": "Ben"}).json()["item"] is None
    assert len(items(client)) == 5
    lines = client.get("/api/corrections.jsonl").text.splitlines()
    assert len(lines) == 2 and '"reviewer": "Ann"' in lines[0]
    [kept] = store.decided()
    assert kept.when is not None and kept.when.endswith("+00:00")


def test_the_last_decision_counts_and_undo_brings_back_the_one_before(client: TestClient, store: Store) -> None:
    id_ = items(client)[0]["id"]
    decide(client, id_, "accept")
    decide(client, id_, "reject")
    assert [d.decision for d in store.decided()] == ["reject"]
    client.post("/api/undo", json={"reviewer": "Ann"})
    assert [d.decision for d in store.decided()] == ["accept"]


def test_reviewers_see_one_another_only_after_they_decided(client: TestClient) -> None:
    id_ = items(client)[0]["id"]
    decide(client, id_, "accept", by="Ann")
    before = items(client, reviewer="Ben")[0]
    assert before["n_others"] == 1 and before["others"] == {}
    after = decide(client, id_, "reject", by="Ben").json()["item"]
    assert after["others"]["Ann"]["decision"] == "accept"
    [conflict] = items(client, state="conflict")
    assert conflict["id"] == id_
    found = client.get("/api/agreement").json()
    assert "0% of pairs agree" in found["agreement"] and len(found["conflicts"]) == 1


def test_filters_and_paging(client: TestClient) -> None:
    assert {i["code"] for i in items(client, below=0.6)} == {"6", "3"}
    assert {i["concept"] for i in items(client, untagged=True)} == {None}
    assert len(items(client, q="climate RISK")) == 2 and not items(client, q="nowhere")
    assert len(items(client, taxonomy="sdg")) == 6 and not items(client, taxonomy="sd")
    seen, after = [], -1
    while page := items(client, after=after, limit=2):
        seen += [i["id"] for i in page]
        after = page[-1]["place"]
    assert len(seen) == len(set(seen)) == 6
    assert client.get("/api/items", params={"reviewer": "A", "state": "no"}).status_code == 422


def test_concepts_are_searched(client: TestClient) -> None:
    def search(q: str, taxonomy: str = "sdg") -> list[str]:
        found = client.get("/api/concepts", params={"taxonomy": taxonomy, "q": q}).json()["concepts"]
        return [c["id"].removeprefix(SDG) for c in found]

    assert search("6")[0] == "6" and search("SDG 13")[0] == "13" and search("sanitation")[0] == "6"
    assert search("groundwater") == ["6"]  # another name
    assert search("17.1", "sdg-targets")[0] == "17.1" and search("xyzzy") == [] and len(search("")) == 17
    assert client.get("/api/concepts", params={"taxonomy": "../x", "q": ""}).status_code == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"decision": "change"}, "no concept is chosen"),
        ({"decision": "change", "change_to": ["Watr"]}, "is no concept of"),
        ({"decision": "change", "change_to": ["6"]}, "is the tag itself"),
        ({"decision": "accept", "change_to": ["6"]}, "but the decision is accept"),
        ({"decision": "accept", "reviewer": "  "}, "name is empty"),
        ({"decision": "accept", "reviewer": "x" * 61}, "60"),
        ({"decision": "maybe"}, "pattern"),
    ],
)
def test_what_cannot_be_kept_is_refused(client: TestClient, store: Store, body: dict[str, Any], expected: str) -> None:
    id_ = items(client)[0]["id"]
    answer = client.post("/api/decide", json={"item": id_, "reviewer": "Ann", **body})
    assert answer.status_code == 422 and expected in answer.text
    assert not store.decided()


def test_an_untagged_outcome_cannot_be_rejected_without_saying_what_it_needs(client: TestClient) -> None:
    bare = next(i for i in items(client) if i["concept"] is None)
    assert "choose" in decide(client, bare["id"], "reject").json()["detail"]
    assert decide(client, bare["id"], "change", change_to=["4"]).status_code == 200
    assert decide(client, "nonesuch", "accept").status_code == 404


# Safety --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example:8765", "Origin": "http://evil.example:8765"}, 421),
        ({"Content-Type": "text/plain"}, 415),
        ({"X-Tagger-Review": None}, 403),
    ],
)
def test_another_page_cannot_decide(
    client: TestClient, store: Store, headers: dict[str, str | None], status: int
) -> None:
    sent = {**HEADERS, "Content-Type": "application/json", **headers}
    bare = TestClient(client.app, base_url="http://127.0.0.1:8765")
    body = f'{{"item": "{items(client)[0]["id"]}", "reviewer": "Ann", "decision": "accept"}}'
    answer = bare.post("/api/decide", content=body, headers={k: v for k, v in sent.items() if v is not None})
    assert answer.status_code == status
    assert not store.decided()


def test_only_the_names_that_are_listened_on_are_answered(client: TestClient) -> None:
    for path in ("/", "/api/items?reviewer=A", "/api/corrections.jsonl"):
        assert client.get(path, headers={"Host": "rebound.example"}).status_code == 421
        assert client.get(path, headers={"Host": "localhost:8765"}).status_code == 200


def test_the_page_allows_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    for path in ("/", "/review.js", "/review.css"):
        text = client.get(path).text
        assert "http://" not in text and "https://" not in text and "innerHTML" not in text
    for path in ("/docs", "/redoc", "/openapi.json", "/../store.py", "/review.html/../../store.py"):
        assert client.get(path).status_code == 404


def test_text_of_the_catalogue_is_data(client: TestClient) -> None:
    answer = client.get("/api/items", params={"reviewer": "<script>", "q": "onerror"})
    assert answer.headers["content-type"] == "application/json"
    [item] = answer.json()["items"]
    assert "".join(piece for piece, _ in item["segments"]) == EVIL
    assert (
        client.get("/api/items", params={"reviewer": "'; DROP TABLE items; --", "taxonomy": "' OR 1=1"}).json()["total"]
        == 0
    )


def test_too_much_is_refused(client: TestClient) -> None:
    id_ = items(client)[0]["id"]
    assert decide(client, id_, "accept", comment="x" * 70_000).status_code == 413
    assert decide(client, id_, "accept", comment="x" * 5_000).status_code == 422


# The file ------------------------------------------------------------------------------------------------------------


def test_decisions_outlive_a_new_export(store: Store, client: TestClient) -> None:
    first, second, *_ = items(client)
    decide(client, first["id"], "accept")
    decide(client, second["id"], "reject")
    text = "Plan for floods"
    new = [*sample(), TaggedCredential(Credential("C"), (outcome("C/1", text, tag("13", text, "floods", 0.8)),))]
    again = Store(store.path)
    kept = [i for i in ranked(gather(new).items) if i.id != second["id"]]
    assert again.load(kept) == (1, 1)
    assert again.progress()["n_items"] == 6 and len(again.decided()) == 2
    assert again.page("Ann", state="done")[1] == 1
    assert len(to_corrections(again.decided()).corrections) == 3


def test_a_crash_in_the_middle_loses_nothing_that_was_confirmed(store: Store) -> None:
    code = f"""
import os, sys
from tagger.review.store import Store
store = Store({str(store.path)!r})
ids = [row["item"].id for row in store.page("Ann")[0]]
store.decide(ids[0], "Ann", "accept")
with store._change() as db:
    db.execute("INSERT INTO decisions (item, reviewer, decision, change_to, made_at) VALUES (?, 'Ann', 'reject', '[]', '')", (ids[1],))
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    again = Store(store.path)
    assert [d.decision for d in again.decided()] == ["accept"]
    again.decide(again.page("Ann")[0][0]["item"].id, "Ann", "reject")
    assert len(again.decided()) == 2


def test_several_at_once(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ids = [row["item"].id for row in store.page("x")[0]]

    def work(name: str) -> None:
        for id_ in ids * 3:
            store.decide(id_, name, "accept")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, ("Ann", "Ben", "Cem", "Dee")))
    assert len(store.decided()) == 24


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("this is no database, but long enough to look at " * 100)
    with pytest.raises(TaggerError, match="cannot be opened as SQLite"):
        Store(tmp_path / "x.sqlite")
    with pytest.raises(TaggerError, match="cannot be opened as SQLite"):
        Store(tmp_path / "nowhere" / "x.sqlite")
    Store(tmp_path / "new.sqlite")
    db = sqlite3.connect(tmp_path / "new.sqlite")
    db.execute("UPDATE meta SET value = '99'")
    db.commit()
    db.close()
    with pytest.raises(TaggerError, match="format 99, expected at most 1"):
        Store(tmp_path / "new.sqlite")
