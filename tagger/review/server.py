"""The review page as a local web service: no external assets, state in a `Store`, for this machine unless told otherwise.

Needs the extra ``[review]`` (fastapi, uvicorn). Requests are answered only when their ``Host`` is the one listened on, so that no
foreign name can be pointed here; changes only with the page's own header and an ``Origin`` of the same host, so that no foreign page
can make them. The page builds text as text, and its policy forbids any script, style or connection but its own.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

from tagger.errors import TaggerError
from tagger.report.tally import segments
from tagger.review.concepts import Concepts
from tagger.review.importing import to_corrections
from tagger.review.items import ReviewItem
from tagger.review.store import STATES, Store

__all__ = ["create_app", "run"]

_PAGE: Final = Path(__file__).parent / "page"
_ASSETS: Final = {
    "/": ("review.html", "text/html"),
    "/review.js": ("review.js", "text/javascript"),
    "/review.css": ("review.css", "text/css"),
}
_HEADER: Final = "x-tagger-review"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MAX_BODY: Final = 64 * 1024


class _Decision(BaseModel):
    """What the page sends."""

    item: str = Field(max_length=40)
    reviewer: str = Field(max_length=60)
    decision: str = Field(pattern="^(accept|reject|change)$")
    change_to: list[str] = Field(default=[], max_length=20)
    comment: str | None = Field(default=None, max_length=4000)


class _Undo(BaseModel):
    reviewer: str = Field(max_length=60)


def create_app(store: Store, *, hosts: frozenset[str], concepts: Concepts | None = None) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    store : Store
    hosts : frozenset of str
        Names, without port, under which requests are answered, such as ``127.0.0.1`` and ``localhost``.
    concepts : Concepts or None
        Taxonomies to choose from.
    """
    known = concepts or Concepts()
    # The generated documentation pages would load scripts from elsewhere.
    app = FastAPI(title="Review of tags", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = _refusal(request, hosts)
        response = refusal if refusal is not None else await go_on(request)
        response.headers.update(_HEADERS)
        return response

    for path, (name, media_type) in _ASSETS.items():
        app.add_api_route(path, _asset(name, media_type), methods=["GET"], include_in_schema=False)

    @app.get("/api/items")
    def items(
        reviewer: str = Query(max_length=60),
        state: str = "open",
        taxonomy: str | None = None,
        q: str = Query("", max_length=200),
        below: float | None = None,
        untagged: bool = False,
        after: int = -1,
        limit: int = Query(20, ge=1, le=200),
    ) -> dict[str, Any]:
        if state not in STATES:
            raise HTTPException(422, f"`{state}`: expected one of {', '.join(STATES)}")
        found, total = store.page(
            reviewer,
            state=state,
            taxonomy=taxonomy,
            query=q,
            below=below,
            only_untagged=untagged,
            after=after,
            limit=limit,
        )
        plain = [{"place": f["place"], **_plain(f["item"], f["said"], reviewer, known)} for f in found]
        return {"items": plain, "total": total}

    @app.post("/api/decide")
    def decide(body: _Decision) -> dict[str, Any]:
        name = _reviewer(body.reviewer)
        item = store.item(body.item)
        if item is None:
            raise HTTPException(404, f"`{body.item}`: no such question; load the page again")
        wanted = _checked(item, body, known)
        store.decide(item.id, name, body.decision, wanted, (body.comment or "").strip() or None)
        return {"item": _plain(item, store.said(item.id), name, known), "progress": store.progress()}

    @app.post("/api/undo")
    def undo(body: _Undo) -> dict[str, Any]:
        name = _reviewer(body.reviewer)
        found = store.undo(name)
        item = None if found is None else store.item(found)
        plain = None if item is None else _plain(item, store.said(item.id), name, known)
        return {"item": plain, "progress": store.progress()}

    @app.get("/api/progress")
    def progress() -> dict[str, Any]:
        return store.progress()

    @app.get("/api/concepts")
    def search(taxonomy: str = Query(max_length=400), q: str = Query("", max_length=200)) -> dict[str, Any]:
        found = []
        for name in taxonomy.split("; "):
            try:
                found += [(name, c) for c in known.search(name, q)]
            except TaggerError as error:
                raise HTTPException(404, error.message) from error
        return {
            "concepts": [
                {"taxonomy": t, "id": c.id, "code": c.notation, "label": c.label, "description": c.description}
                for t, c in found[:40]
            ]
        }

    @app.get("/api/agreement")
    def agreement() -> dict[str, Any]:
        imported = to_corrections(store.decided(), concepts=known)
        return {
            "agreement": imported.agreement.render(),
            "by_taxonomy": {t: a.render() for t, a in imported.by_taxonomy.items()},
            "conflicts": [c.render() for c in imported.conflicts],
        }

    @app.get("/api/corrections.jsonl")
    def corrections(reviewer: str | None = None) -> Response:
        imported = to_corrections(store.decided(reviewer), concepts=known)
        lines = "".join(json.dumps(c.to_dict(), ensure_ascii=False) + "\n" for c in imported.corrections)
        headers = {"Content-Disposition": 'attachment; filename="corrections.jsonl"'}
        return Response(lines, media_type="application/x-ndjson", headers=headers)

    return app


def run(store: Store, *, host: str = "127.0.0.1", port: int = 8765, concepts: Concepts | None = None) -> None:
    """Serve the page until interrupted, and print its address.

    Raises
    ------
    TaggerError
        If the address cannot be listened on.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise TaggerError(
            f"`{host}:{port}`: cannot listen there, {error.strerror or error}",
            hint="give another --port; 0 takes a free one",
        ) from error
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    hosts = {host.casefold()} | ({"localhost", "127.0.0.1", "::1"} if _is_local(host) else set())
    if not _is_local(host):
        print(f"warning: anybody who reaches {host} can read the catalogue and decide under any name", file=sys.stderr)
        if host in ("0.0.0.0", "::"):
            hosts |= {socket.gethostname().casefold(), socket.getfqdn().casefold(), "localhost", "127.0.0.1"}
    print(f"review page: http://{shown}:{port}/  (stop with Ctrl+C)", file=sys.stderr, flush=True)
    config = uvicorn.Config(
        create_app(store, hosts=frozenset(hosts), concepts=concepts),
        log_level="warning",
        access_log=False,
        server_header=False,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn has closed everything by then
        pass
    finally:
        listening.close()


def _is_local(host: str) -> bool:
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(request: Request, hosts: frozenset[str]) -> Response | None:
    """Return why a request is not answered; None if it is."""
    host = request.headers.get("host", "")
    if _name(f"//{host}") not in hosts:
        return PlainTextResponse("not the host that is listened on", 421)
    if request.method in ("GET", "HEAD"):
        return None
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return JSONResponse({"detail": "comes from another page"}, 403)
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return JSONResponse({"detail": "comes from another page"}, 403)
    if _HEADER not in request.headers:
        return JSONResponse({"detail": f"lacks the header {_HEADER}"}, 403)
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        return JSONResponse({"detail": "expected application/json"}, 415)
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > _MAX_BODY:
        return JSONResponse({"detail": f"expected at most {_MAX_BODY} bytes"}, 413)
    return None


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").casefold()
    except ValueError:
        return ""


def _asset(name: str, media_type: str) -> Callable[[], Response]:
    def send() -> Response:
        return Response((_PAGE / name).read_bytes(), media_type=f"{media_type}; charset=utf-8")

    return send


def _reviewer(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise HTTPException(422, "the reviewer's name is empty; expected one of 1 to 60 characters")
    return name


def _checked(item: ReviewItem, body: _Decision, concepts: Concepts) -> list[str]:
    """Return the IRIs to change to; refuse what `to_corrections` would refuse later."""
    if body.decision != "change":
        if body.change_to:
            raise HTTPException(422, f"a concept is given, but the decision is {body.decision}")
        if body.decision == "reject" and item.concept is None:
            raise HTTPException(422, "the outcome has no tag to reject; press c and choose the one that it needs")
        return []
    if not body.change_to:
        raise HTTPException(422, "no concept is chosen")
    try:
        wanted = list(dict.fromkeys(concepts.resolve(name, item.taxonomies)[1].id for name in body.change_to))
    except (ValueError, TaggerError) as error:
        raise HTTPException(422, str(error)) from error
    if wanted == [item.concept]:
        raise HTTPException(422, "that is the tag itself; press a to accept it")
    return wanted


def _plain(item: ReviewItem, said: dict[str, dict[str, Any]], reviewer: str, concepts: Concepts) -> dict[str, Any]:
    """Return what the page shows. What others decided is shown only after one's own decision, so that judgements are independent."""
    others = {name: d for name, d in said.items() if name != reviewer}
    mine = said.get(reviewer)

    def named(decision: dict[str, Any]) -> dict[str, Any]:
        return {**decision, "change_to": [_label(iri, item, concepts) for iri in decision["change_to"]]}

    return {
        "id": item.id,
        "taxonomies": list(item.taxonomies),
        "concept": item.concept,
        "label": item.label,
        "code": item.code,
        "segments": segments(item.text, item.evidence),
        "also": list(item.also),
        "n_outcomes": item.n_outcomes,
        "title": item.title,
        "credential": item.credential,
        "outcome": item.outcome,
        "score": item.score,
        "relation": item.relation,
        "model": item.model,
        "why": item.why,
        "mine": None if mine is None else named(mine),
        "n_others": len(others),
        "others": {} if mine is None else {name: named(d) for name, d in others.items()},
    }


def _label(iri: str, item: ReviewItem, concepts: Concepts) -> str:
    try:
        concept = concepts.resolve(iri, item.taxonomies)[1]
    except (ValueError, TaggerError):
        return iri
    return f"{concept.notation} {concept.label}" if concept.notation else concept.label
