"""The table of characters is that of Unicode 14, and newer versions of Python agree with it on what it lets in."""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from itertools import groupby

from crm_domain.characters import EDGES, is_known

INVISIBLE = {
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159),
    *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
}
"""What is neither a space nor a control and format character, and is seen as nothing: joiners, fillers, selectors."""

QUOTES = "\u201a\u201e"
"""The quotation marks that Unicode takes for brackets."""

EVERY = [chr(n) for n in range(sys.maxunicode + 1)]
KNOWN = [c for c in EVERY if is_known(c)]


def may_stand(character: str) -> bool:
    """Tell by this Python's own tables what the table is made by."""
    return (
        unicodedata.category(character)[0] not in "CZ"
        and unicodedata.category(character) not in {"Pi", "Pf"}
        and character not in QUOTES
        and ord(character) not in INVISIBLE
        and unicodedata.normalize("NFKC", character) == unicodedata.normalize("NFC", character)
        and len(character.lower()) == 1
    )


def test_the_table_is_what_its_description_says() -> None:
    """Of Unicode 14 it is to the last character; of a newer one, what that has in addition stays out."""
    expected = [c for c in EVERY if may_stand(c)]
    assert set(KNOWN) <= set(expected)
    assert (expected == KNOWN) == (unicodedata.unidata_version == "14.0.0")
    assert len(KNOWN) == 140_487


def test_every_python_brings_known_characters_to_the_same_form() -> None:
    """Lower case, composition and decomposition are those of Unicode 14, whatever the version; so is what is trimmed."""
    digest = hashlib.sha256()
    for c in KNOWN:
        forms = (c.lower(), *(unicodedata.normalize(form, c) for form in ("NFC", "NFD")))
        digest.update("\0".join((c, *forms, str(unicodedata.combining(c)))).encode())
    digest.update("".join(c for c in EVERY if c.isspace()).encode())
    assert digest.hexdigest() == "e4c07783a5f4eef31c262801e6d0034eb8b4135e05394844f093c2d6358fcadb"


def test_no_form_of_a_known_character_is_unknown() -> None:
    """However an address is composed, and in whichever case, it is refused or taken alike."""
    forms = [(c, c.lower() + unicodedata.normalize("NFD", c) + unicodedata.normalize("NFC", c)) for c in KNOWN]
    assert [c for c, text in forms if not all(map(is_known, text))] == []


def test_edges_are_where_the_table_changes() -> None:
    """They rise, and each run between two of them is as long as it can be."""
    changes = [next(run)[0] for _, run in groupby(enumerate(map(is_known, EVERY)), key=lambda item: item[1])]
    assert list(EDGES) == changes[1:]
