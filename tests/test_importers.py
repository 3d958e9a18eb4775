"""Importers: each kind of source becomes a sound folder; what is wrong is said by file, row and column."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from tagger.errors import TaxonomyError
from tagger.importers import import_taxonomy, read_source
from tagger.taxonomy import verify_taxonomy

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
ESCO = "http://data.europa.eu/esco/skill/"
SKILLS = (
    "conceptType,conceptUri,skillType,reuseLevel,preferredLabel,altLabels,hiddenLabels,status,description\n"
    f'KnowledgeSkillCompetence,{ESCO}1,skill/competence,sector-specific,poser des rails,"placer des rails\n'
    'installer la voie",,released,Poser la voie ferrée.\n'
    f"KnowledgeSkillCompetence,{ESCO}2,knowledge,cross-sector,électricité,,,released,\n"
    f"KnowledgeSkillCompetence,{ESCO}3,knowledge,cross-sector,chose passée,,,obsolete,\n"
    f"KnowledgeSkillCompetence,{ESCO}4,knowledge,cross-sector,,,,released,\n"
)
BROADER = (
    f"conceptType,conceptUri,broaderType,broaderUri\nK,{ESCO}1,SkillGroup,{ESCO}S1\nK,{ESCO}2,SkillGroup,{ESCO}gone\n"
)
GROUPS = f"conceptType,conceptUri,preferredLabel,code\nSkillGroup,{ESCO}S1,construire,S1\n"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def download(tmp_path: Path) -> Path:
    folder = tmp_path / "ESCO dataset - v1.2.1 - classification - fr - csv"
    return write(folder, skills_fr_csv=SKILLS, broaderRelationsSkillPillar_fr_csv=BROADER, skillGroups_fr_csv=GROUPS)


def test_the_esco_download_is_read_with_types_reuse_levels_and_groups(download: Path, tmp_path: Path) -> None:
    told: list[str] = []
    taxonomy = import_taxonomy(download, tmp_path / "fr", say=told.append)
    assert (taxonomy.id, taxonomy.version, taxonomy.language) == ("esco-fr", "1.2.1", "fr")
    assert verify_taxonomy(tmp_path / "fr") == []
    rails, power = taxonomy.concepts
    assert rails.alt_labels == ("placer des rails", "installer la voie")
    assert (rails.type, rails.reuse_level, rails.broader) == ("skill", "sector-specific", (f"{ESCO}S1",))
    assert rails.description == "Poser la voie ferrée."
    assert (power.type, power.broader) == ("knowledge", ())
    assert [(g.label, g.notation) for g in taxonomy.groups] == [("construire", "S1")]
    assert any("row 5, column `label`: is empty" in line for line in told)
    assert any("1 concepts whose status is obsolete" in line for line in told)
    assert taxonomy.attribution == "This service uses the ESCO classification of the European Commission."


def test_a_zip_is_read_like_its_folder(download: Path, tmp_path: Path) -> None:
    packed = tmp_path / "ESCO dataset - v1.2.1 - classification - fr - csv.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in download.iterdir():
            archive.write(path, f"inner/{path.name}")
    assert read_source(packed).concepts == read_source(download).concepts
    assert read_source(packed).facts["version"] == "1.2.1"


def test_of_several_languages_one_has_to_be_chosen(download: Path) -> None:
    (download / "skills_en.csv").write_text(SKILLS.replace("électricité", "electricity"), encoding="utf-8")
    with pytest.raises(TaxonomyError, match="2 languages: en, fr"):
        read_source(download)
    assert read_source(download, language="en").concepts[1].label == "electricity"
    with pytest.raises(TaxonomyError, match="no skills in `de`"):
        read_source(download, language="de")


def test_onet_tables_give_leaves_as_concepts_and_what_is_above_as_groups(tmp_path: Path) -> None:
    elements = (
        "Element ID\tElement Name\tDescription\n2\tWorker Requirements\t\n2.A\tBasic Skills\t\n2.A.1\tContent\t\n"
        '2.A.1.a\tReading\tOf "works\n2.A.1.b\tListening\t\n1.B.1\tInterests\tNot a skill\n'
    )
    activities = (
        "Element ID\tElement Name\tIWA ID\tIWA Title\tDWA ID\tDWA Title\n"
        "4.A.1.a.1\tGetting Information\t4.A.1.a.1.I01\tStudy art.\t4.A.1.a.1.I01.D01\tReview designs.\n"
    )
    folder = tmp_path / "db_29_3_text"
    folder.mkdir()
    (folder / "Content Model Reference.txt").write_text(elements, encoding="utf-8")
    (folder / "DWA Reference.txt").write_text(activities, encoding="utf-8")
    taxonomy = import_taxonomy(folder, tmp_path / "onet")
    assert [(c.label, c.type) for c in taxonomy.concepts] == [
        ("Reading", "skill"),
        ("Listening", "skill"),
        ("Review designs", "activity"),
    ]
    assert taxonomy.concepts[0].description == 'Of "works'
    assert taxonomy.version == "29.3"
    assert {"Content", "Basic Skills", "Study art", "Getting Information"} <= {g.label for g in taxonomy.groups}
    assert verify_taxonomy(tmp_path / "onet") == []


def test_onet_workbooks_are_read_too(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (("Element ID", "Element Name", "Description"), ("2.C.4.b", "Physics", "Matter")):
        book.active.append(row)
    book.save(tmp_path / "Content Model Reference.xlsx")
    [physics] = read_source(tmp_path / "Content Model Reference.xlsx").concepts
    assert (physics.label, physics.type) == ("Physics", "knowledge")


def package(**changes: object) -> str:
    def item(n: int, **more: object) -> dict[str, object]:
        return {"identifier": f"i{n}", "uri": f"https://x.org/i{n}", "fullStatement": f"Statement {n}", **more}

    links = [
        {
            "associationType": "isChildOf",
            "originNodeURI": {"identifier": "i2", "uri": "u"},
            "destinationNodeURI": {"identifier": "i1", "uri": "u"},
        },
        {
            "associationType": "isChildOf",
            "originNodeURI": {"identifier": "i1", "uri": "u"},
            "destinationNodeURI": {"identifier": "doc", "uri": "u"},
        },
    ]
    whole = {
        "CFDocument": {"identifier": "doc", "title": "Boats", "version": "2", "language": "en", "creator": "Yard"},
        "CFItems": [
            item(1),
            item(2, abbreviatedStatement="Sail", humanCodingScheme="B.1", conceptKeywords=["sailing"]),
        ],
        "CFAssociations": links,
    }
    return json.dumps(whole | changes)


def test_case_items_with_others_below_them_are_groups(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(package(), encoding="utf-8")
    taxonomy = import_taxonomy(tmp_path / "p.json", tmp_path / "boats", id="boats")
    [sail] = taxonomy.concepts
    assert (sail.id, sail.label, sail.description) == ("https://x.org/i2", "Sail", "Statement 2")
    assert (sail.notation, sail.alt_labels, sail.broader) == ("B.1", ("sailing",), ("https://x.org/i1",))
    assert [g.label for g in taxonomy.groups] == ["Statement 1"]
    assert (taxonomy.id, taxonomy.title, taxonomy.version) == ("boats", "Boats", "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"CFDocument": {', "not JSON"),
        (package(CFItems={}), "no list `CFItems`"),
        (package(CFItems=[3]), "`CFItems` 1: is not an object"),
        (package(CFItems=[]), "no concept in it"),
    ],
)
def test_a_broken_case_package_is_said_to_be_one(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.json").write_text(text, encoding="utf-8")
    with pytest.raises(TaxonomyError, match=message):
        read_source(tmp_path / "p.json")


@pytest.mark.parametrize("name", ["AdoptedTestFramework", "ItemTypeTestFramework", "MarkdownFramework", "Ordering"])
def test_case_samples_of_others_are_read(name: str) -> None:
    path = SHARED / "formats" / "case" / "samples" / f"{name}.json"
    if not path.is_file():
        pytest.skip("the samples are not part of the repository")
    assert read_source(path).concepts


TURTLE = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix : <http://x.org/> .
:s a skos:ConceptScheme ; dct:title "Boats"@en ; owl:versionInfo "3" .
:a a skos:Concept ; skos:prefLabel "Sail a boat"@en, "Naviguer"@fr ; skos:altLabel "sailing"@en ; skos:notation "A" .
:b a skos:Concept ; skos:prefLabel "Trim sails"@en ; skos:broader :a .
:d a skos:Concept ; skos:prefLabel "Read charts"@en . :a skos:narrower :d .
:c a skos:Concept ; skos:prefLabel "Old"@en ; owl:deprecated true .
:g a skos:Collection ; skos:prefLabel "Crew"@en ; skos:member :b .
"""


def test_skos_is_read_in_the_language_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("rdflib")
    (tmp_path / "boats.ttl").write_text(TURTLE, encoding="utf-8")
    taxonomy = import_taxonomy(tmp_path / "boats.ttl", tmp_path / "boats")
    assert {c.label: c.broader for c in taxonomy.concepts} == {
        "Sail a boat": (),
        "Trim sails": ("http://x.org/a", "http://x.org/g"),
        "Read charts": ("http://x.org/a",),
    }
    assert (taxonomy.title, taxonomy.version, taxonomy.get("A").alt_labels) == ("Boats", "3", ("sailing",))
    assert [c.label for c in read_source(tmp_path / "boats.ttl", language="fr").concepts] == ["Naviguer"]
    with pytest.raises(TaxonomyError, match="no labels in `de`; there are en, fr"):
        read_source(tmp_path / "boats.ttl", language="de")


def test_rdf_xml_and_json_ld_give_the_same(tmp_path: Path) -> None:
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph().parse(data=TURTLE, format="turtle")
    (tmp_path / "a.rdf").write_text(graph.serialize(format="xml"), encoding="utf-8")
    (tmp_path / "a.jsonld").write_text(graph.serialize(format="json-ld"), encoding="utf-8")
    (tmp_path / "a.ttl").write_text(TURTLE, encoding="utf-8")
    expected = read_source(tmp_path / "a.ttl").concepts
    assert read_source(tmp_path / "a.rdf").concepts == read_source(tmp_path / "a.jsonld").concepts == expected


def test_nothing_is_fetched_for_a_json_ld_context(tmp_path: Path) -> None:
    pytest.importorskip("rdflib")
    (tmp_path / "a.jsonld").write_text('{"@context": "https://x.org/context.json", "@id": "a"}', encoding="utf-8")
    with pytest.raises(TaxonomyError, match="on the network, and nothing is fetched"):
        read_source(tmp_path / "a.jsonld")


def test_bad_rdf_is_said_to_be_bad(tmp_path: Path) -> None:
    pytest.importorskip("rdflib")
    (tmp_path / "a.ttl").write_text("this is no turtle", encoding="utf-8")
    with pytest.raises(TaxonomyError, match="not RDF as turtle"):
        read_source(tmp_path / "a.ttl")


def test_a_plain_table_needs_no_more_than_names(tmp_path: Path) -> None:
    table = "code;name;definition;parent\nA1;Pilot a drone;Fly it;Aviation\nA2;Plan a flight;;a1\n;;;\n"
    (tmp_path / "skills.csv").write_text(table, encoding="utf-8")
    taxonomy = import_taxonomy(tmp_path / "skills.csv", tmp_path / "mine")
    pilot, plan = taxonomy.concepts
    assert (pilot.id, pilot.description, pilot.notation) == ("urn:outcome-tagger:skills:a1", "Fly it", "A1")
    assert plan.broader == (pilot.id,)
    assert [g.label for g in taxonomy.groups] == ["Aviation"]
    assert (taxonomy.id, taxonomy.language, verify_taxonomy(tmp_path / "mine")) == ("mine", "en", [])


def test_a_gzipped_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "skills.csv.gz").write_bytes(gzip.compress(b"label\nSail\n"))
    assert [c.label for c in read_source(tmp_path / "skills.csv.gz").concepts] == ["Sail"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x,y\n1,2\n", "not recognised"),
        (b"label,level\nA,high\n", r"row 2, column `level`: `high` is not a whole number"),
        (b"label\nA,B\n", "row 2: has 2 cells, expected 1"),
        (b"label\n\xff\n", "row 2: is not UTF-8"),
        (b'label\n"A', "is not CSV"),
        (b"label\n", "no concept in it"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_where_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(TaxonomyError, match=message):
        read_source(tmp_path / "t.csv")


def test_a_row_that_cannot_stand_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,label\n1,A\n1,B\n2,\n", encoding="utf-8")
    found = read_source(tmp_path / "t.csv")
    assert [c.label for c in found.concepts] == ["A"]
    assert found.left_out == (
        "`t.csv`, row 3, column `id`: `1` is already that of `t.csv`, row 2",
        "`t.csv`, row 4, column `label`: is empty",
    )


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label\nA\n", encoding="utf-8")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TaxonomyError, match="exists and is no taxonomy folder"):
        import_taxonomy(tmp_path / "t.csv", tmp_path / "other")


def test_no_source_and_an_unknown_kind_are_errors(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="no such file or folder"):
        read_source(tmp_path / "none.csv")
    with pytest.raises(TaxonomyError, match="expected one of esco, onet"):
        read_source(tmp_path, kind="sfia")
