"""Areas and their members: the one table.

Every country has one home, and the United States have four by state, so that the areas below `global` are disjoint.
The names are the original's, whose addresses people have bookmarked; `africa` and `oceania` are new. What a continent
is was settled by what the names have always held: Cyprus is in europe, Turkey and the Caucasus in asia, Greenland and
the Caribbean in north_america, Christmas Island and the Indian Ocean's British territory in asia. Places without
people go to the nearest.
"""

from __future__ import annotations

from collections.abc import Mapping

GLOBAL = "global"
LICENCES = ("", "sa")  # freely shareable; share-alike required


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ISO 3166-1 alpha-2 in lower case, and what the source repository uses besides: uk, el, xk.
COUNTRIES: Mapping[str, frozenset[str]] = {
    "europe": _codes(
        "ad al at ax ba be bg by ch cy cz de dk ee el es fi fo fr gb gg gi gr hr hu ie im is it je li lt "
        "lu lv mc md me mk mt nl no pl pt ro rs ru se si sj sk sm ua uk va xk"
    ),
    "asia": _codes(
        "ae af am az bd bh bn bt cc cn cx ge hk id il in io iq ir jo jp kg kh kp kr kw kz la lb lk mm mn "
        "mo mv my np om ph pk ps qa sa sg sy th tj tl tm tr tw uz vn ye"
    ),
    "south_america": _codes("aq ar bo br bv cl co ec fk gf gs gy pe py sr uy ve"),
    "north_america": _codes(
        "ag ai aw bb bl bm bq bs bz ca cr cu cw dm do gd gl gp gt hn ht jm kn ky lc mf mq ms mx ni pa pm "
        "pr sv sx tc tt vc vg vi"
    ),
    "africa": _codes(
        "ao bf bi bj bw cd cf cg ci cm cv dj dz eg eh er et ga gh gm gn gq gw ke km lr ls ly ma mg ml mr "
        "mu mw mz na ne ng re rw sc sd sh sl sn so ss st sz td tf tg tn tz ug yt za zm zw"
    ),
    "oceania": _codes("as au ck fj fm gu hm ki mh mp nc nf nr nu nz pf pg pn pw sb tk to tv um vu wf ws"),
}
STATES: Mapping[str, frozenset[str]] = {
    "us_northeast": _codes("ct ma me nh nj ny pa ri vt"),
    "us_midwest": _codes("ia il in ks mi mn mo nd ne oh sd wi"),
    "us_south": _codes("al ar dc de fl ga ky la md ms nc ok sc tn tx va wv"),
    "us_west": _codes("ak az ca co hi id mt nm nv or ut wa wy"),
    # Territories have country codes, too, and are where those are.
    "north_america": _codes("pr vi"),
    "oceania": _codes("as gu mp um"),
}
AREAS = (
    GLOBAL, "us_northeast", "us_midwest", "us_south", "us_west", "europe", "asia", "south_america", "north_america",
    "africa", "oceania",
)  # fmt: skip

_BY_COUNTRY = {code: area for area, codes in COUNTRIES.items() for code in codes}
_BY_STATE = {code: area for area, codes in STATES.items() for code in codes}
_ENDS = frozenset(("", ".", "/", "-"))  # what may follow a code


def home_of(source: str) -> str | None:
    """The area below `global` that a source is of: `us_west` for us/ca/alameda, `europe` for fr-paris.

    None for what spans several (us/countrywide), and for what has no code of a country.
    """
    code, rest = _code(source)
    if code != "us":
        return _BY_COUNTRY.get(code)
    return _BY_STATE.get(_code(rest[1:])[0]) if rest[:1] in {"/", "-"} else None


def areas_of(source: str) -> tuple[str, ...]:
    """All areas whose files hold the source."""
    home = home_of(source)
    return (GLOBAL,) if home is None else (GLOBAL, home)


def file_name(area: str, licence: str, suffix: str = ".zip") -> str:
    """`openaddr-collected-europe-sa.zip`."""
    return f"openaddr-collected-{area}{'-sa' if licence else ''}{suffix}"


def _code(text: str) -> tuple[str, str]:
    """The code of two letters that the text is or begins with, and the rest; an empty code where there is none."""
    return (text[:2], text[2:]) if text[2:3] in _ENDS else ("", text)
