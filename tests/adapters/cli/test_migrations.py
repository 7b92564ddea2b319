"""The document's migrations are printed, or saved as files in the order in which they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crm_adapters.postgres import migrations, shim
from crm_domain import HARDENED, SEED

from ..missing import not_installed

FIRST, SECOND = "add_digital_resume_crm_table", "add_crm_separate_tables"


def test_hardened_migrations_are_printed(call: Any) -> None:
    """Both, in the document's order, without what stands for Supabase."""
    called = call("migrations")
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout == "\n".join(migration.up for migration in migrations(HARDENED))


def test_other_rules(call: Any) -> None:
    """Of the seed, or of any mixture; what is no rule is refused."""
    first, second = migrations(SEED)
    assert call("migrations", "--rules", "seed").stdout == f"{first.up}\n{second.up}"
    assert "-- Rules: hardened,-one_primary." in call("migrations", "--rules", "hardened,-one_primary").stdout
    called = call("migrations", "--rules", "+nothing")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "there is no safeguard 'nothing'" in called.stderr


def test_plain_postgresql_gets_the_shim_first(call: Any) -> None:
    """What Supabase brings along comes before what needs it."""
    printed = call("migrations", "--plain").stdout
    assert printed.startswith(shim())
    assert printed.endswith(migrations(HARDENED)[1].up)


def test_way_back_is_in_the_other_order(call: Any) -> None:
    """The second migration is taken back first; what stands for Supabase stays."""
    first, second = migrations(HARDENED)
    assert call("migrations", "--down").stdout == f"{second.down}\n{first.down}"
    called = call("migrations", "--down", "--plain")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "Give either --plain or --down" in called.stderr


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), [f"{FIRST}.sql", f"{SECOND}.sql"]),
        (("--plain",), ["plain_postgresql_shim.sql", f"{FIRST}.sql", f"{SECOND}.sql"]),
        (("--down",), [f"{SECOND}.down.sql", f"{FIRST}.down.sql"]),
    ],
)
def test_files_are_saved_and_named_in_order(
    call: Any, tmp_path: Path, options: tuple[str, ...], names: list[str]
) -> None:
    """In a folder that is made if it is not there, under the document's names."""
    folder = tmp_path / "new" / "sql"
    called = call("migrations", *options, "--out", folder)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout.split()[-len(names) :] == [str(folder / name) for name in names]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert "\n".join((folder / name).read_text("utf-8") for name in names) == call("migrations", *options).stdout


def test_nothing_is_overwritten(call: Any, tmp_path: Path) -> None:
    """If one of the files is there already, none is saved."""
    (tmp_path / f"{SECOND}.sql").write_text("mine", encoding="utf-8")
    called = call("migrations", "--out", tmp_path)
    assert (called.exit_code, called.stdout) == (1, "")
    assert f"{SECOND}.sql exists already: delete it, or choose another folder." in " ".join(called.stderr.split())
    assert [path.read_text("utf-8") for path in tmp_path.iterdir()] == ["mine"]


def test_missing_extra_is_named(call: Any) -> None:
    """Without the packages of the extra it says what to install."""
    with not_installed("jinja2", "crm_adapters.postgres"):
        called = call("migrations")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "Error: jinja2 is not installed: pip install 'crm-domain[postgres]'" in called.stderr
