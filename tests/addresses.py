"""Which addresses are hostile? Texts of signs that are easily taken for others, or for nothing."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

_SIGNS: Final = (
    *("@", ".", "..", "a", "A", "i", "I", "_", "-", "+", "'", "`", "%", "?", "=", "é", "E", "x" * 62, "y" * 30),
    *("<", ">", '"', ",", ":", ";", "(", ")", "[", "]", "\\", " ", "\t", "\x7f", "\x1f", "\x85", "\xa0", "\xad"),
    *(
        "ß",
        "\u1e9e",
        "\u03c2",
        "\u03c3",
        "\u03a3",
        "\u0130",
        "\u0131",
        "\u01c5",
        "\u1fbc",
        "\u1fb4",
        "\u1f70",
        "\u13a0",
        "\uab70",
    ),
    *("\u0301", "\u0307", "\u0308", "\u0323", "\u0338", "\u0345", "\u1100", "\u1161", "\uac00", "\u0f71", "\u0f72"),
    *("\u037e", "\u1fef", "\u212a", "\u212b", "\u2126", "\ufb03", "\uff21", "\uff20", "\u2002", "\u3000", "\u3002"),
    *("\u200b", "\u200d", "\u202e", "\u2060", "\ufe0f", "\ufeff", "\u034f", "\u115f", "\u3164", "\u180e", "\u2800"),
    *(
        "\ua7cb",
        "\u0378",
        "\U0001e030",
        "\U00010efd",
        "\U0002fa1e",
        "\U000f0000",
        "\U0010ffff",
        "\U00010400",
        "\U0001e921",
    ),
)


def hostile_addresses() -> st.SearchStrategy[str]:
    """Return a strategy for texts in the place of an address, half of them with a domain that is one."""
    names = st.lists(
        st.sampled_from(_SIGNS) | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
    )
    return st.builds(lambda signs, domain: "".join(signs) + domain, names, st.sampled_from(("", "@x.test", "@X.TEST")))
