"""Loading, checking and naming of taxonomies, on small folders made here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tagger.errors import TaggerError, TaxonomyError
from tagger.shipped import shipped
from tagger.taxonomy import (
    load_taxonomy,
    resolve_credit_system,
    resolve_framework,
    resolve_jurisdiction,
    shipped_taxonomies,
    size_rules,
    verify_taxonomy,
)

HEADER = "id,label,alt_labels,description,broader,level\n"
TOML = 'id = "colours"\ntitle = "Colours"\nversion = "1"\nlicence = "CC0-1.0"\nsource = "a rainbow"\n'
ROWS = "urn:c:red,Red,,,,1\nurn:c:pink,Pink,rose| salmon ||,Pale red.,urn:c:red,2\n"


def folder(tmp_path: Path, csv: str = HEADER + ROWS, toml: str = TOML, **others: str) -> Path:
    made = tmp_path / "colours"
    made.mkdir(exist_ok=True)
    (made / "concepts.csv").write_text(csv, "utf-8", newline="")
    (made / "taxonomy.toml").write_text(toml, "utf-8", newline="")
    for name, text in others.items():
        (made / f"{name}.csv").write_text(text, "utf-8", newline="")
    return made


def test_a_folder_loads_with_its_cells_taken_apart(tmp_path):
    taxonomy = load_taxonomy(folder(tmp_path))
    pink = taxonomy.get("urn:c:pink")
    assert (taxonomy.id, taxonomy.version, taxonomy.ordered, len(taxonomy)) == ("colours", "1", False, 2)
    assert pink.alt_labels == ("rose", "salmon")
    assert pink.broader == ("urn:c:red",)
    assert (pink.description, pink.level, pink.type, pink.notation, pink.reuse_level) == (
        "Pale red.",
        "2",
        None,
        None,
        None,
    )
    assert taxonomy.get("PINK") is pink
    assert taxonomy.get("blue") is None
    assert taxonomy.index("urn:c:pink") == 1


def test_columns_may_come_in_any_order_with_line_ends_and_a_mark_of_any_kind(tmp_path):
    csv = "\ufefftype,level,label,broader,id,description,alt_labels,notation\r\nhue,,Red,,urn:c:red,,scarlet,R\r\n"
    taxonomy = load_taxonomy(folder(tmp_path, csv))
    assert taxonomy.get("r").label == "Red"
    assert taxonomy.concepts[0].type == "hue"
    assert taxonomy.concepts[0].alt_labels == ("scarlet",)


def test_a_label_that_two_concepts_share_names_neither(tmp_path):
    taxonomy = load_taxonomy(folder(tmp_path, HEADER + "urn:a,Orange,,,,\nurn:b,orange,,,,\n"))
    assert taxonomy.get("orange") is None
    assert taxonomy.get("urn:b").id == "urn:b"


def test_an_unknown_id_names_the_version_and_the_nearest(tmp_path):
    with pytest.raises(TaxonomyError, match=r"taxonomy `colours` 1: `urn:c:pinq`") as caught:
        load_taxonomy(folder(tmp_path)).index("urn:c:pinq")
    assert "urn:c:pink" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("sgd", "not shipped", "did you mean `sdg`"),
        ("SDG", "not shipped", "did you mean `sdg`"),
        ("no/such/folder", "no such folder", "shipped taxonomies: "),
        ("", "empty", "shipped taxonomies: "),
        ("../sdg", "no such folder", "shipped taxonomies: "),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name, says, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaxonomyError, match=says) as caught:
        load_taxonomy(name)
    assert hint in caught.value.hint


def test_a_bare_name_may_be_a_folder_here_but_never_hides_a_shipped_one(tmp_path, monkeypatch):
    folder(tmp_path).rename(tmp_path / "bloom")
    folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert load_taxonomy("colours").id == "colours"
    assert load_taxonomy("bloom").id == "bloom"
    assert load_taxonomy("./bloom").id == "colours"


def test_a_file_in_place_of_a_folder(tmp_path):
    with pytest.raises(TaxonomyError, match="is a file, expected a folder"):
        load_taxonomy(folder(tmp_path) / "concepts.csv")


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        ("id,label\nurn:a,A\n", "`concepts.csv`, row 1, column `alt_labels`"),
        (HEADER.replace("level", "levle"), "row 1, column `level`: `level` is a column that is missing"),
        (HEADER.replace("level", "level,hue"), "row 1, column `hue`: `hue` is not a known column"),
        (HEADER.replace("level", "level,id") + "urn:a,A,,,,,urn:b\n", "column `id`: `id` is the name of two columns"),
        (HEADER + ROWS + "urn:c:red,Crimson,,,,\n", "row 4, column `id`: `urn:c:red` is already the id of row 2"),
        (
            HEADER + ROWS + "urn:c:sky,Sky,,,urn:c:blue,\n",
            "row 4, column `broader`: `urn:c:blue` is not the id of a known",
        ),
        (HEADER + "urn:a,A,,,urn:a,\n", "row 2, column `broader`: `urn:a` is the concept itself"),
        (HEADER + "urn:a,,,,,\n", "row 2, column `label`: is empty"),
        (HEADER + ",A,,,,\n", "row 2, column `id`: is empty"),
        (HEADER + "urn:a,A,,,,high\n", "row 2, column `level`: `high` is not a whole number"),
        (HEADER + "urn:a,A,,,\n", "row 2: has 5 cells, expected 6"),
        (HEADER + 'urn:a,"A,,,,\n', "is not CSV"),
        (HEADER, "has no concepts"),
        ("", "column `id`"),
    ],
)
def test_what_is_wrong_with_the_table_is_named_by_row_and_column(csv, says, tmp_path):
    made = folder(tmp_path, csv)
    with pytest.raises(TaxonomyError) as caught:
        load_taxonomy(made)
    assert says in caught.value.message
    assert str(made) in caught.value.hint
    assert any(says in problem for problem in verify_taxonomy(made))


def test_a_row_after_a_bad_one_keeps_its_number(tmp_path):
    problems = verify_taxonomy(folder(tmp_path, HEADER + "urn:a,,,,,\n\nurn:b,B,,,urn:x,\n"))
    assert any(p.startswith("`concepts.csv`, row 2, column `label`") for p in problems)
    assert any(p.startswith("`concepts.csv`, row 4, column `broader`") for p in problems)


def test_text_that_is_not_utf8_is_placed(tmp_path):
    made = folder(tmp_path)
    (made / "concepts.csv").write_bytes(HEADER.encode() + "urn:a,Café,,,,\n".encode("latin-1"))
    with pytest.raises(TaxonomyError, match=r"`concepts.csv`, row 2: is not UTF-8"):
        load_taxonomy(made)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("id = ", "`taxonomy.toml`: is not TOML"),
        (TOML.replace('version = "1"', ""), "key `version`: is missing"),
        (TOML.replace('"1"', "1"), "key `version`: `1` is not a text"),
        (TOML + 'ordered = "yes"\n', "key `ordered`: `yes` is neither true nor false"),
        (TOML + 'broader_taxonomy = "hues"\n', "key `broader_taxonomy`: `hues`"),
        (TOML + "size = 3\n", "expected [[size]]"),
        (TOML + '[[size]]\nid = "x"\n', "`[[size]]` 1, key `jurisdiction`: is missing"),
        (TOML + "[[size]]\nmax_credit = 4\n", "`max_credit` is not a known key"),
        (TOML + '[[size]]\nmax_credits = "ten"\n', "key `max_credits`: `ten` is not a number"),
        (TOML + "[[size]]\nhours_per_credit = [30, 25]\n", "is not two numbers, the lower one first"),
        (TOML + '[[award]]\nblocks = "maybe"\n', "key `blocks`: `maybe` is not one of yes, warn"),
        (TOML + '[crosswalk]\n6 = { eqf = [9], confidence = "high", source = "s" }\n', "is not a list of EQF levels"),
    ],
)
def test_what_is_wrong_with_the_toml_is_named_by_key(toml, says, tmp_path):
    made = folder(tmp_path, toml=toml)
    with pytest.raises(TaxonomyError):
        load_taxonomy(made)
    assert any(says in problem for problem in verify_taxonomy(made)), verify_taxonomy(made)


def test_a_missing_file_is_named(tmp_path):
    made = folder(tmp_path)
    (made / "concepts.csv").unlink()
    with pytest.raises(TaxonomyError, match=r"`concepts.csv`: no such file"):
        load_taxonomy(made)
    (made / "taxonomy.toml").unlink()
    with pytest.raises(TaxonomyError, match=r"`taxonomy.toml`: no such file"):
        load_taxonomy(made)
    assert verify_taxonomy(tmp_path / "nowhere") == [f"`{tmp_path / 'nowhere'}`: no such folder"]


def test_an_altered_table_is_refused(tmp_path):
    digest = hashlib.sha256((HEADER + ROWS).encode()).hexdigest()
    made = folder(tmp_path, toml=TOML + f'sha256 = "{digest}"\n')
    assert verify_taxonomy(made) == []
    windows = folder(tmp_path, (HEADER + ROWS).replace("\n", "\r\n"), TOML + f'sha256 = "{digest}"\n')
    assert verify_taxonomy(windows) == []
    folder(tmp_path, HEADER + ROWS.replace("Pale", "Dark"), TOML + f'sha256 = "{digest}"\n')
    with pytest.raises(TaxonomyError, match=f"expected {digest}"):
        load_taxonomy(made)


def test_a_folder_without_checksum_loads_but_does_not_verify(tmp_path):
    made = folder(tmp_path)
    assert load_taxonomy(made).id == "colours"
    assert verify_taxonomy(made) == ["`taxonomy.toml`, key `sha256`: is missing, expected the checksum of concepts.csv"]


def test_loading_twice_gives_the_same_and_a_changed_folder_is_read_again(tmp_path):
    made = folder(tmp_path)
    first = load_taxonomy(made)
    assert load_taxonomy(made) is first
    folder(tmp_path, HEADER + ROWS + "urn:c:blue,Blue,,,,\n")
    second = load_taxonomy(made)
    assert (len(first), len(second)) == (2, 3)
    assert first.sha256 != second.sha256


def test_groups_and_a_taxonomy_beside_it_may_hold_the_broader_concepts(tmp_path):
    made = folder(tmp_path, HEADER + "urn:a,A,,,urn:g,\n", groups=HEADER + "urn:g,Group,,,,\n")
    assert load_taxonomy(made).groups[0].label == "Group"
    folder(tmp_path).rename(tmp_path / "hues")
    made = folder(tmp_path, HEADER + "urn:a,A,,,urn:c:red,\n", TOML + 'broader_taxonomy = "hues"\n')
    assert load_taxonomy(made).concepts[0].broader == ("urn:c:red",)
    made = folder(tmp_path, HEADER + "urn:a,A,,,http://metadata.un.org/sdg/6,\n", TOML + 'broader_taxonomy = "sdg"\n')
    assert len(load_taxonomy(made)) == 1


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ("ordered = true\n", ""),
        (
            '[[size]]\nid="x"\njurisdiction="X"\nsource="s"\nconfidence="low"\nstatus="none"\nmin_hours=5\nmax_hours=4\n',
            "5 is above 4",
        ),
        ('framework = "C"\n[crosswalk]\n7 = { eqf = [7], confidence = "low", source = "s" }\n', "level `7`"),
    ],
)
def test_verify_sees_what_loading_lets_pass(addition, says, tmp_path):
    digest = hashlib.sha256((HEADER + ROWS).encode()).hexdigest()
    toml = TOML + f'sha256 = "{digest}"\n' + addition
    problems = verify_taxonomy(folder(tmp_path, toml=toml))
    assert [says in p for p in problems] == ([True] if says else [])


def test_ordered_levels_have_to_rise(tmp_path):
    made = folder(tmp_path, HEADER + "urn:a,A,,,,2\nurn:b,B,,,,1\n", TOML + "ordered = true\n")
    assert any("levels that rise" in p for p in verify_taxonomy(made))


def test_shipped_says_where_it_looked(monkeypatch, tmp_path):
    assert shipped("taxonomies").is_dir()
    import tagger.shipped

    installed = tmp_path / "site-packages" / "tagger"
    (installed / "taxonomies").mkdir(parents=True)
    (installed.parent / "taxonomies").mkdir()
    monkeypatch.setattr(tagger.shipped, "__file__", str(installed / "shipped.py"))
    assert shipped("taxonomies") == installed / "taxonomies"
    with pytest.raises(TaggerError, match="no folder `models`") as caught:
        shipped("models")
    assert "install" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Scotland", "uk-scotland"),
        ("scotland, UK", "uk-scotland"),
        ("UK", "uk-qaa"),
        ("United Kingdom", "uk-qaa"),
        ("England", "uk-qaa"),
        ("Northern Ireland", "uk-qaa"),
        ("England & Wales", "uk-qaa"),
        ("Wales (United Kingdom)", "uk-wales"),
        ("Ireland", "ie"),
        ("Republic of Ireland", "ie"),
        ("IE", "ie"),
        ("New Zealand", "nz"),
        ("nz", "nz"),
        ("Aotearoa", "nz"),
        ("Aotearoa New Zealand", "nz"),
        ("Australia", "au"),
        ("Malaysia", "my"),
        ("South Africa", "za"),
        ("Kenya", "ke"),
        ("Namibia", "na"),
        ("Netherlands, EU", "nl"),
        ("the Netherlands", "nl"),
        ("EU", "eu-rec2022"),
        ("Sweden", "eu-rec2022"),
        ("Common Microcredential Framework (CMF)", "eu-cmf"),
        ("Ontario, Canada", "ca-on"),
        ("India", "in"),
        ("USA", "us"),
        ("African Union", "acqf"),
        ("England (OfS short course trial)", "uk-ofs-hesc"),
        ("", None),
        ("N/A", None),
        ("NA", None),
        ("Canada", None),
        ("Mars", None),
        ("England and Scotland", None),
        ("New Zealand or Australia", None),
        ("Irelandic", None),
    ],
)
def test_jurisdictions_as_catalogues_write_them(text, rule):
    assert resolve_jurisdiction(text) == rule


@pytest.mark.parametrize(
    ("text", "framework"),
    [
        ("FHEQ level 7", "fheq"),
        ("fheq", "fheq"),
        ("RQF 3", "fheq"),
        ("Regulated Qualifications Framework level 5", "fheq"),
        ("SCQF", "scqf"),
        ("FQHEIS level 10", "scqf"),
        ("NFQ level 8 (QQI)", "nfq"),
        ("EQF 6", "eqf"),
        ("European Qualifications Framework", "eqf"),
        ("NZQF", "nzqcf"),
        ("NZQCF-5", "nzqcf"),
        ("AQF 8", "aqf"),
        ("South African NQF level 6", "sanqf"),
        ("SANQF", "sanqf"),
        ("ACQF", "acqf"),
        ("MQF", "mqf"),
        ("KNQF level 7", "knqf"),
        ("FHEQ level 6/FQHEIS level 10", None),
        ("NQF", None),
        ("level 7", None),
        ("7", None),
        ("", None),
        ("bloom", None),
    ],
)
def test_frameworks_as_catalogues_write_them(text, framework):
    assert resolve_framework(text) == framework


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("ECTS", "ECTS"),
        ("ects credits", "ECTS"),
        ("30 ECTS", "ECTS"),
        ("UK credits", "CATS"),
        ("CATS points", "CATS"),
        ("CQFW credits", "CATS"),
        ("SCQF points", "SCQF"),
        ("NZ credits", "NZQCF"),
        ("SAQA", "SAQA"),
        ("MQF credits", "MQF"),
        ("KNQF", "KNQF"),
        ("semester credit hours", "US"),
        ("credits", None),
        ("hours", None),
        ("ECTS or UK credits", None),
        ("", None),
    ],
)
def test_units_of_credit_as_catalogues_write_them(text, system):
    assert resolve_credit_system(text) == system


def test_size_rules_are_given_by_id_and_cannot_be_changed_from_outside():
    rules = size_rules()
    assert all(rule.id == key for key, rule in rules.items())
    rules.clear()
    assert "nz" in size_rules()


def test_the_list_of_shipped_taxonomies_is_sorted():
    names = shipped_taxonomies()
    assert names == sorted(names)
    assert {"sdg", "sdg-targets", "bloom", "esco", "eqf"} <= set(names)


def write(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n", "utf-8")


def test_a_taxonomy_of_skills_can_be_built_from_the_official_csv(tmp_path):
    build_esco = pytest.importorskip("training.build_esco")
    build_checksums = pytest.importorskip("training.build_checksums")
    skill, know = (f"http://data.europa.eu/esco/skill/{d * 8}-0000-0000-0000-000000000000" for d in "ab")
    group = "http://data.europa.eu/esco/skill/S1.1.1"
    write(
        tmp_path / "skills_en.csv",
        "conceptUri,preferredLabel,altLabels,skillType,reuseLevel,description",
        f'{skill},bake bread,"bake loaves\nbake bread\nbake | sell",skill/competence,cross-sector,Do it. Sell it.',
        f"{know},baking,,knowledge,,",
    )
    write(
        tmp_path / "broaderRelationsSkillPillar_en.csv",
        "conceptUri,broaderUri",
        f"{skill},{group}",
        f"{know},http://data.europa.eu/esco/skill/unknown",
    )
    write(tmp_path / "skillGroups_en.csv", "conceptUri,preferredLabel,code", f"{group},making food,S1.1.1")
    rows = list(build_esco.read_esco_official(tmp_path))
    assert rows[0].alt_labels == ("bake loaves", "bake / sell")
    assert rows[0].description == "Do it. Sell it."
    made = folder(tmp_path, toml=TOML + 'sha256 = ""\n')
    assert build_esco.write_taxonomy(rows, build_esco._groups_of_csv(tmp_path), made) == 2
    assert build_checksums.stamp(made)
    assert not build_checksums.stamp(made)
    assert verify_taxonomy(made) == []
    bread, baking = load_taxonomy(made).concepts
    assert (bread.type, bread.reuse_level, bread.broader) == ("skill", "cross-sector", (group,))
    assert (baking.type, baking.broader, baking.description) == ("knowledge", (), None)
    assert "Sell it" not in (made / "concepts.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "known", "labels"),
    [
        ("", (), ()),
        ("bake bread", (), ("bake bread",)),
        ("bake bread bake rolls", ("bake bread", "bake rolls"), ("bake bread", "bake rolls")),
        ("bake bread bake bread rolls", ("bake bread", "bake bread rolls"), ("bake bread", "bake bread rolls")),
        ("make fine dough bake rolls", ("bake rolls",), ("make fine dough", "bake rolls")),
        ("one two three four five six bake rolls", ("bake rolls",), ("bake rolls",)),
        ("bake rolls bake rolls", ("bake rolls",), ("bake rolls",)),
    ],
)
def test_joined_labels_are_cut_where_a_label_is_known(text, known, labels):
    build_esco = pytest.importorskip("training.build_esco")
    assert build_esco._segment(text, known) == labels


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Common Micro-credential Framework", "eu-cmf"),
        ("the Common Micro Credential Framework of 2019", "eu-cmf"),
        ("Office for Students", "uk-ofs-hesc"),
        ("New-Zealand", "nz"),
        ("NewZealand", "nz"),
        ("n-a", None),
    ],
)
def test_hyphens_and_blanks_do_not_matter(text: str, rule: str | None) -> None:
    assert resolve_jurisdiction(text) == rule
