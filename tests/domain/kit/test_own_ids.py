"""Ids that a system chooses: which of them stand for which of the kit's."""

from __future__ import annotations

import pytest

from crm_domain.clocks import label_uuid
from crm_domain.ids import uuid_text
from crm_domain.testing.comparing.own_ids import OwnIds

AMY, BOB, ROW = map(label_uuid, ("amy", "bob", "row"))


def test_what_came_back_is_found_again() -> None:
    """In both directions, each table by itself; what is not known stands for itself."""
    ids = OwnIds()
    assert ids.learn("recordings", ROW, 17)
    assert ids.theirs("recordings", ROW) == 17
    assert ids.ours("recordings", 17) == ROW
    assert ids.theirs("resumes", ROW) == ROW
    assert ids.ours("resumes", ROW) == ROW
    assert ids.ours("resumes", None) is None
    assert uuid_text(ids.ours("resumes", 17), "id") == ids.ours("resumes", 17)


@pytest.mark.parametrize(
    ("ours", "theirs", "can_be"),
    [(AMY, 1, True), (AMY, 2, False), (BOB, 1, True), (BOB, 2, True)],
    ids=["the same again", "a name that is taken", "found again under another name", "another"],
)
def test_one_name_stands_for_one_id(ours: str, theirs: int, *, can_be: bool) -> None:
    """A second id for one name cannot be; a known id for another name is that person, found again."""
    ids = OwnIds()
    ids.learn("auth.users", AMY, 1)
    assert ids.learn("auth.users", ours, theirs) is can_be
    assert ids.ours("auth.users", 1) == AMY


def test_forgetting() -> None:
    """One name, or all of them, may stand for others again."""
    ids = OwnIds()
    ids.learn("recordings", ROW, 17)
    ids.forget("recordings", ROW)
    assert not ids.knows("recordings", ROW)
    assert ids.learn("recordings", ROW, 18)
    ids.clear()
    assert ids.learn("recordings", ROW, 19)
