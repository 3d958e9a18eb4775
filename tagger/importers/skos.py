"""SKOS in RDF: Turtle, RDF/XML, JSON-LD, N-Triples. Read by rdflib (extra ``[rdf]``), which never gets to fetch anything."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tagger.errors import TaxonomyError
from tagger.importers.source import File, Imported, clean, read_text, unique_concepts
from tagger.taxonomy import Concept

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

__all__ = ["detect", "read"]

_FORMATS = {
    ".ttl": "turtle",
    ".turtle": "turtle",
    ".n3": "turtle",
    ".rdf": "xml",
    ".owl": "xml",
    ".xml": "xml",
    ".skos": "xml",
    ".jsonld": "json-ld",
    ".json": "json-ld",
    ".nt": "nt",
}


def detect(files: Sequence[File]) -> bool:
    """Say whether one of the files is RDF: by its ending, and for ``.json`` and ``.xml`` by what is in it."""
    return any(_is_rdf(f) for f in files)


def _is_rdf(file: File) -> bool:
    if file.ending == ".json":
        return '"@context"' in read_text(file) or '"@id"' in read_text(file)
    if file.ending == ".xml":
        return "rdf:RDF" in read_text(file)
    return file.ending in _FORMATS


def read(files: Sequence[File], *, language: str | None = None) -> Imported:
    """Read the concepts of all RDF files together.

    Concepts are what is typed ``skos:Concept``. ``skos:broader`` and ``skos:narrower`` are followed both ways; collections
    become groups above their members. Concepts marked ``owl:deprecated`` are left out, and counted.

    Parameters
    ----------
    files : sequence of File
    language : str or None
        Of the labels. None: English if there is any, else the only one there is.

    Raises
    ------
    TaxonomyError
        If rdflib is not installed, a file is not RDF, refers to a context on the network, or has no labelled concept.
    """
    try:
        from rdflib import Graph
        from rdflib.namespace import OWL, RDF, SKOS
    except ImportError as error:
        raise TaxonomyError(
            "SKOS is read with rdflib, which is not installed", hint="pip install 'outcome-tagger[rdf]'"
        ) from error
    graph = Graph()
    for file in files:
        if _is_rdf(file):
            _parse(graph, file)
    _plain_labels(graph)
    concepts = sorted({str(s) for s in graph.subjects(RDF.type, SKOS.Concept)})
    if not concepts:
        raise TaxonomyError(f"`{files[0].name}`: no `skos:Concept` in it", hint="expected a SKOS concept scheme")
    tag = _language(graph, concepts, language, files[0].name)
    left_out: list[str] = []
    from rdflib import Literal, URIRef

    retired = {str(s) for s in graph.subjects(OWL.deprecated, None) if str(graph.value(s, OWL.deprecated)) == "true"}
    n_old, n_unlabelled, found = 0, 0, []
    broader = _broader(graph)
    for iri in concepts:
        node = URIRef(iri)
        labels = _texts(graph, node, SKOS.prefLabel, tag)
        if iri in retired:
            n_old += 1
        elif not labels:
            n_unlabelled += 1
        else:
            alts = _texts(graph, node, SKOS.altLabel, tag)
            described = [*_texts(graph, node, SKOS.definition, tag), *_texts(graph, node, SKOS.scopeNote, tag)]
            notation = next((str(o) for o in graph.objects(node, SKOS.notation) if isinstance(o, Literal)), None)
            over = tuple(sorted(broader.get(iri, ())))
            kept = tuple(a for a in dict.fromkeys(alts) if a != labels[0])
            found.append(
                (f"`{iri}`", Concept(iri, labels[0], kept, " ".join(described) or None, over, notation=notation))
            )
    for n, what in ((n_old, "marked as deprecated"), (n_unlabelled, f"without a label in `{tag}`")):
        if n:
            left_out.append(f"{n} concepts {what}")
    kept_concepts = unique_concepts(found, left_out)
    groups = _collections(graph, tag)
    members = _members(graph)
    ids = {c.id for c in kept_concepts} | {g.id for g in groups}

    def within(concept: Concept) -> Concept:
        over = dict.fromkeys((*concept.broader, *sorted(members.get(concept.id, ()))))
        return replace(concept, broader=tuple(b for b in over if b in ids and b != concept.id))

    return Imported(
        tuple(map(within, kept_concepts)),
        tuple(map(within, groups)),
        _facts(graph, tag) | {"source": f"SKOS, {files[0].name}", "language": tag},
        tuple(left_out),
    )


def _parse(graph: Graph, file: File) -> None:
    text = read_text(file)
    format_ = _FORMATS[file.ending]
    if format_ == "json-ld":
        try:
            remote = next(_remote_contexts(json.loads(text)), None)
        except (json.JSONDecodeError, RecursionError) as error:
            raise TaxonomyError(f"`{file.name}`: not JSON ({error})") from error
        if remote is not None:
            raise TaxonomyError(
                f"`{file.name}`: its context is `{remote}`, on the network, and nothing is fetched",
                hint="put the context itself into the file, or convert it to Turtle",
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # rdflib's parser for JSON-LD uses what rdflib deprecates
            graph.parse(data=text, format=format_, publicID="urn:outcome-tagger:import:")
    except Exception as error:  # rdflib's parsers raise many kinds
        what = " ".join(str(error).split())[:200]
        raise TaxonomyError(f"`{file.name}`: not RDF as {format_} ({what})", hint="check the file's ending") from error


def _remote_contexts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("@context", "@import"):
                for context in inner if isinstance(inner, list) else [inner]:
                    if isinstance(context, str):
                        yield context
            yield from _remote_contexts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _remote_contexts(inner)


def _plain_labels(graph: Graph) -> None:
    """Add plain labels where a scheme has labels with identities of their own (SKOS-XL)."""
    from rdflib import Namespace
    from rdflib.namespace import SKOS

    xl = Namespace("http://www.w3.org/2008/05/skos-xl#")
    for extended, plain in ((xl.prefLabel, SKOS.prefLabel), (xl.altLabel, SKOS.altLabel)):
        for concept, label in list(graph.subject_objects(extended)):
            for literal in graph.objects(label, xl.literalForm):
                graph.add((concept, plain, literal))


def _language(graph: Graph, concepts: Sequence[str], wanted: str | None, name: str) -> str:
    from rdflib import URIRef
    from rdflib.namespace import SKOS

    found: Counter[str] = Counter()
    for iri in concepts:
        found.update({_tag(o) for o in graph.objects(URIRef(iri), SKOS.prefLabel)})
    if not found:
        raise TaxonomyError(f"`{name}`: none of its {len(concepts)} concepts has a `skos:prefLabel`")
    languages = [t for t in found if t]
    if wanted:
        tag = wanted.lower().partition("-")[0]
        if tag not in found and languages:
            raise TaxonomyError(f"`{name}`: no labels in `{wanted}`; there are {', '.join(sorted(languages))}")
        return tag
    if "en" in found or not languages:
        return "en"
    if len(languages) > 1:
        raise TaxonomyError(
            f"`{name}`: the labels are in {', '.join(sorted(languages))}", hint="choose one with --language"
        )
    return languages[0]


def _tag(node: Node) -> str:
    return (getattr(node, "language", None) or "").lower().partition("-")[0]


def _texts(graph: Graph, node: Node, property_: Node, tag: str) -> list[str]:
    """Return the texts in the language, or those of no language, sorted."""
    found = list(graph.objects(node, property_))
    own = sorted(clean(str(o)) for o in found if _tag(o) == tag)
    return [t for t in own or sorted(clean(str(o)) for o in found if not _tag(o)) if t]


def _broader(graph: Graph) -> dict[str, set[str]]:
    from rdflib.namespace import SKOS

    above: dict[str, set[str]] = {}
    for property_, turned in (
        (SKOS.broader, False),
        (SKOS.broadMatch, False),
        (SKOS.narrower, True),
        (SKOS.broaderTransitive, False),
    ):
        if property_ == SKOS.broaderTransitive and above:
            continue  # it repeats the direct ones
        for s, o in graph.subject_objects(property_):
            below, over = (o, s) if turned else (s, o)
            above.setdefault(str(below), set()).add(str(over))
    return above


def _members(graph: Graph) -> dict[str, set[str]]:
    from rdflib.namespace import SKOS

    found: dict[str, set[str]] = {}
    for collection, member in graph.subject_objects(SKOS.member):
        found.setdefault(str(member), set()).add(str(collection))
    return found


def _collections(graph: Graph, tag: str) -> list[Concept]:
    from rdflib import URIRef
    from rdflib.namespace import RDF, RDFS, SKOS

    found = []
    for iri in sorted(
        {str(s) for kind in (SKOS.Collection, SKOS.OrderedCollection) for s in graph.subjects(RDF.type, kind)}
    ):
        node = URIRef(iri)
        labels = _texts(graph, node, SKOS.prefLabel, tag) or _texts(graph, node, RDFS.label, tag)
        if labels:
            found.append(Concept(iri, labels[0]))
    return found


def _facts(graph: Graph, tag: str) -> dict[str, str]:
    from rdflib.namespace import DC, DCTERMS, OWL, RDF, RDFS, SKOS

    scheme = next(iter(sorted(graph.subjects(RDF.type, SKOS.ConceptScheme), key=str)), None)
    if scheme is None:
        return {}
    facts = {}
    for key, properties in (
        ("title", (DCTERMS.title, DC.title, SKOS.prefLabel, RDFS.label)),
        ("version", (OWL.versionInfo, DCTERMS.hasVersion)),
        ("licence", (DCTERMS.license, DCTERMS.rights, DC.rights)),
    ):
        texts = [t for p in properties for t in _texts(graph, scheme, p, tag)]
        if texts:
            facts[key] = texts[0]
    return facts
