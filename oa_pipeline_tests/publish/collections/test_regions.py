from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path

import pytest

from oa_pipeline.publish.collections.regions import (
    AREAS,
    COUNTRIES,
    LICENCES,
    STATES,
    areas_of,
    file_name,
    home_of,
)
from oa_pipeline.sources.keys import source_of


def codes(text: str) -> list[str]:
    return text.split()


# ISO 3166-1 alpha-2, officially assigned: 249 codes.
ISO = codes(
    "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by "
    "bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk "
    "fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir "
    "is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk "
    "ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm "
    "pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf "
    "tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw "
)
POSTAL = codes(
    "ak al ar az ca co ct dc de fl ga hi ia id il in ks ky la ma md me mi mn mo ms mt nc nd ne nh nj nm nv ny oh "
    "ok or pa ri sc sd tn tx ut va vt wa wi wv wy pr vi as gu mp "
)
# The original's own lists, whose zips keep their place; what it had in asia and lies in Oceania has moved.
ORIGINAL = {
    "us_northeast": "ct me ma nh ri vt nj ny pa",
    "us_midwest": "il in mi oh wi ia ks mn mo ne nd sd",
    "us_south": "de fl ga md nc sc va dc wv al ky ms ar la ok tx tn",
    "us_west": "az co id mt nv nm ut wy ak ca hi or wa",
    "europe": "be bg cz dk de ee ie el es fr hr it cy lv lt lu hu mt nl at pl pt ro si sk fi se uk gr gb is",
    "asia": "af am az bh bd bt bn kh cn cx cc io ge hk in id ir iq il jp jo kz kp kr kw kg la lb mo my mv mn mm np om "
    "pk ph qa sa sg lk sy tw tj th tr tm ae uz vn ye ps",
    "oceania": "as au nz ck fj pf gu ki mp mh fm um nr nc nu nf pw pg sb tk to tv vu wf ws",
    "south_america": "ar bo br cl co ec gf gy pe py sr uy ve",
    "north_america": "ai ag aw bs bb bz bm bq vg ca ky cr cu cw dm do sv gl gd gp gt ht hn jm mq mx pm ms kn ni pa pr "
    "sx lc vc tt tc vi",
}


def test_there_are_eleven_areas_and_two_licences() -> None:
    names = [file_name(area, licence) for area in AREAS for licence in LICENCES]
    assert len(set(names)) == 22
    assert {"openaddr-collected-global.zip", "openaddr-collected-us_northeast-sa.zip"} < set(names)
    assert set(COUNTRIES) | set(STATES) < set(AREAS)


def test_every_country_has_one_home() -> None:
    assert len(ISO) == len(set(ISO)) == 249
    held = Counter(code for codes in COUNTRIES.values() for code in codes)
    assert set(held) == set(ISO) - {"us"} | {"uk", "el", "xk"}
    assert set(held.values()) == {1}
    for code in set(ISO) - {"us"}:
        assert home_of(f"{code}/countrywide") in set(AREAS) - {"global"}


def test_every_state_and_territory_has_one_home() -> None:
    held = Counter(code for codes in STATES.values() for code in codes)
    assert set(held) == set(POSTAL) | {"um"}
    assert set(held.values()) == {1}
    for code in ("pr", "vi", "as", "gu", "mp", "um"):
        assert home_of(f"us/{code}/x") == home_of(code)


@pytest.mark.parametrize("area", ORIGINAL)
def test_what_the_original_collected_is_where_it_was(area: str) -> None:
    prefix = "us/" if area.startswith("us_") else ""
    assert {home_of(f"{prefix}{code}/x") for code in ORIGINAL[area].split()} == {area}


@pytest.mark.parametrize(
    ("source", "home"),
    [
        ("fr", "europe"),
        ("fr.paris", "europe"),
        ("fr/paris", "europe"),
        ("fr-paris", "europe"),
        ("fra", None),
        ("fr_paris", None),
        ("FR/paris", None),
        ("france/paris", None),
        ("us/ca", "us_west"),
        ("us/ca/alameda", "us_west"),
        ("us/ca-alameda", "us_west"),
        ("us/ca.alameda", "us_west"),
        ("us-ca-alameda", "us_west"),
        ("us-ca/alameda", "us_west"),
        ("us/countrywide", None),
        ("us", None),
        ("us.ca", None),
        ("us/cab/x", None),
        ("us/pr/x", "north_america"),
        ("us/gu/x", "oceania"),
        ("ca/us/x", "north_america"),
        ("cy/x", "europe"),
        ("tr/x", "asia"),
        ("ge/x", "asia"),
        ("gl/x", "north_america"),
        ("is/x", "europe"),
        ("ru/x", "europe"),
        ("xk/x", "europe"),
        ("nz/x", "oceania"),
        ("za/x", "africa"),
        ("", None),
        ("x", None),
    ],
)
def test_a_source_is_of_the_area_that_its_path_begins_with(source: str, home: str | None) -> None:
    assert home_of(source) == home
    assert areas_of(source) == (("global",) if home is None else ("global", home))


def test_all_sources_of_the_repository_land_where_they_should(shared: Path) -> None:
    (packed,) = (shared / "corpus").glob("*.tar.gz")
    with tarfile.open(packed) as held:
        paths = [name.partition("/")[2] for name in held.getnames() if name.endswith(".json")]
    sources = sorted({source_of(path) for path in paths if path.startswith("sources/")})
    assert len(sources) == 2833
    homeless = [source for source in sources if home_of(source) is None]
    assert homeless == ["us/countrywide"]
    counts = Counter(home_of(source) for source in sources)
    by_country = Counter(source.split("/")[0] for source in sources)
    assert counts["africa"] == by_country["za"]
    assert counts["oceania"] == sum(by_country[code] for code in ("au", "nz", "nc", "pf"))
    american = sum(counts[area] for area in AREAS if area.startswith("us_"))
    assert american == by_country["us"] - 1 - sum(s.startswith(("us/pr/", "us/vi/", "us/gu/")) for s in sources)
