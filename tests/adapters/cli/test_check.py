"""``crm-domain check``: a file or somebody's backend is searched for sequences that break a law."""

from __future__ import annotations

import importlib
import io
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from crm_adapters.cli.commands.check import _progress, _seconds
from crm_adapters.cli.targets import BadTarget, ended_by_signals, target_opened
from crm_domain.laws import LAWS

from ..missing import not_installed

Write = Callable[[str], None]

SHORT = ("--walks", 2, "--no-matrix")


@pytest.fixture
def db(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make a file under these rules in the current folder, in which Amy has recorded once."""
    monkeypatch.chdir(tmp_path)

    def made(rules: str) -> Path:
        path = Path(f"{rules}.db")
        log = (
            b'{"as": "service", "cmd": "sync_crm_user", "args": {"user": "amy", "email": "amy@x.test"}}\n'
            b'{"as": "amy", "cmd": "create_recording", "args": {"user": "amy", "email": "amy@x.test"}}\n'
        )
        called = call("run", "--db", path, "--rules", rules, stdin=log)
        assert called.exit_code == 0, called.stderr
        return path

    return made


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module ``somebodys`` into the current folder, which is not on the path of imports."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def written(text: str) -> None:
        (folder / "somebodys.py").write_text(dedent(text), encoding="utf-8")

    yield written
    sys.modules.pop("somebodys", None)


# --- files ------------------------------------------------------------------------------------


def test_a_hardened_file_keeps_every_law(call: Any, db: Any) -> None:
    """Its store does what the rules say; nothing else is printed than that, and the file stays as it is."""
    path = db("hardened")
    before = path.read_bytes()
    called = call("check", path, *SHORT)
    assert (called.exit_code, called.stderr) == (0, "")
    assert called.stdout.startswith(f"{path}, held to the rules: hardened\n")
    assert "no law is broken" in called.stdout
    assert "Sequence" not in called.stdout
    assert [law.name for law in LAWS if f"{law.name} " not in called.stdout] == []
    assert path.read_bytes() == before


def test_sequences_are_printed_as_python_too(call: Any, db: Any) -> None:
    """Each is a script that runs, and asks for what the log asks for."""
    path = db("hardened,-one_primary")
    shown = call("check", path, "--python", *SHORT).stdout
    script = dedent(shown.partition("\nSequence 1: ")[2].partition("\n\n")[2].partition("\n\nSequence 2: ")[0])
    assert "{" not in script.splitlines()[0]
    exec(compile(script, "sequence 1", "exec"), {})
    assert script.count("upload_resume(") == 2
    (told,) = call("check", path, "--json", *SHORT).objects
    assert told["findings"][0]["python"].strip() == script.strip()


def test_a_file_with_holes_breaks_laws(call: Any, db: Any) -> None:
    """Held to the hardened rules, each hole is told with its law, its safeguard and a log that runs."""
    called = call("check", db("hardened,-one_primary"), "--walks", 1, "--no-matrix")
    assert (called.exit_code, called.stderr) == (1, "")
    assert ": 1 law broken, in 1 way." in called.stdout
    assert "It does as the rules would without: one_primary" in called.stdout
    _, _, sequence = called.stdout.partition("\nSequence 1: ")
    assert sequence.startswith("at_most_one_primary_resume (as without one_primary)\n")
    log = "".join(f"{line}\n" for line in map(str.strip, sequence.splitlines()) if line.startswith("{"))
    outcomes = call("run", "--rules", "hardened", stdin=log.encode()).objects
    assert [outcome["result"] for outcome in outcomes] == ["ok", "ok", "unique_violation"]


def test_a_file_is_held_to_the_rules_that_are_named(call: Any, db: Any) -> None:
    """What its own rules let happen is no fault under these."""
    path = db("hardened,-one_primary")
    called = call("check", path, "--rules", "hardened,-one_primary", *SHORT)
    assert (called.exit_code, called.stderr) == (0, "")
    assert "held to the rules: hardened,-one_primary\n" in called.stdout


def test_a_file_that_is_not_there(call: Any, tmp_path: Path) -> None:
    """It is named, and so is the other form that a target has."""
    called = call("check", tmp_path / "none.db")
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr == (
        f"Error: {tmp_path / 'none.db'}: there is no such file; a backend of your own is named as module:factory.\n"
    )


@pytest.mark.parametrize("target", ["shop.py", "shop.py:Shop"])
def test_a_module_named_by_its_file(call: Any, target: str) -> None:
    """A backend that is named by the file it stands in is answered with how it is named."""
    called = call("check", target)
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr == f"Error: {target}: a backend of your own is named as module:factory, like shop:Shop.\n"


def test_a_file_of_somebody_else(call: Any, tmp_path: Path) -> None:
    """A file that is none of ours cannot be examined."""
    (tmp_path / "other.db").write_bytes(b"not a database at all, but quite long enough to be looked at" * 20)
    called = call("check", tmp_path / "other.db")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "other.db" in called.stderr


def test_a_file_whose_name_looks_like_a_factory(call: Any, db: Any) -> None:
    """What is there is taken for what it is."""
    db("hardened").rename("shop:db")
    assert call("check", "shop:db", *SHORT).exit_code == 0


# --- backends of somebody's own -----------------------------------------------------------------

GOOD = """
    from crm_domain import Crm, HARDENED
    from crm_domain.testing import CrmBackend

    def good():
        return CrmBackend()

    def sloppy():
        return CrmBackend(lambda: Crm(rules=HARDENED.without("one_primary")))

    class Made:
        class Inside(CrmBackend):
            pass
"""


@pytest.mark.parametrize(("factory", "exit_code"), [("good", 0), ("sloppy", 1), ("Made.Inside", 0)])
def test_a_factory_in_the_current_folder(call: Any, module: Write, factory: str, exit_code: int) -> None:
    """A function or a class, also inside of another, whose module need not be installed."""
    module(GOOD)
    called = call("check", f"somebodys:{factory}", *SHORT)
    assert (called.exit_code, called.stderr) == (exit_code, "")


def test_columns_that_are_not_there_are_told(call: Any, module: Write) -> None:
    """What was not asked for is said beside what was not compared."""
    module("""
        from crm_domain.testing import ColumnsNotThere, CrmBackend

        class Silent(CrmBackend):
            def execute(self, principal, command):
                if getattr(command, "transcription", None) is not None:
                    raise ColumnsNotThere("transcription")
                return super().execute(principal, command)
    """)
    called = call("check", "somebodys:Silent", "--walks", "150", "--no-matrix")
    assert called.exit_code == 0
    assert "Not taken, and so not asked for: CreateRecording.transcription" in called.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_asked_to_end_ends_as_by_an_interrupt(number: signal.Signals) -> None:
    """And who comes after has the handlers that there were."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_folder_that_is_on_the_path_stays_there_once(call: Any, module: Write) -> None:
    """The current folder is added to where modules are looked for, unless it is there."""
    module(GOOD)
    for _ in range(2):
        assert call("check", "somebodys:good", *SHORT).exit_code == 0
    assert sys.path.count(str(Path.cwd())) == 1


@pytest.mark.parametrize(
    ("text", "factory", "message"),
    [
        ("", "nothing", "somebodys has no nothing."),
        ("thing = 1", "thing", "thing is not callable: name what makes the backend."),
        ("thing = 1", "thing.real.part", "somebodys has no thing.real.part."),
        ("def make(): 1 / 0", "make", "calling it failed: ZeroDivisionError: division by zero"),
        (
            "def make(a): pass",
            "make",
            "calling it failed: TypeError: make() missing 1 required positional argument: 'a'",
        ),
        ("def make(): return 1", "make", "what it made is no backend, it has no reset, execute, select."),
        ("1 / 0", "make", "importing somebodys failed: ZeroDivisionError: division by zero"),
        ("import not_there", "make", "importing somebodys failed: ModuleNotFoundError: No module named 'not_there'"),
    ],
    ids=["no name", "no callable", "no name inside", "fails", "wants more", "no backend", "breaks", "imports nothing"],
)
def test_what_is_no_backend(call: Any, module: Write, text: str, factory: str, message: str) -> None:
    """Whatever is wrong is told in one line, without a traceback."""
    module(text)
    called = call("check", f"somebodys:{factory}")
    assert (called.exit_code, called.stdout) == (2, "")
    told = f"Error: somebodys:{factory}: {message}"
    assert called.stderr.startswith(told)
    assert called.stderr.count("\n") == 1


@pytest.mark.parametrize(("target", "missing"), [("nowhere:make", "nowhere"), ("crm_domain.nowhere:make", "nowhere")])
def test_a_module_that_is_not_there(call: Any, target: str, missing: str) -> None:
    """The part of its name that leads nowhere is told."""
    called = call("check", target)
    assert (called.exit_code, called.stdout) == (2, "")
    assert missing in called.stderr
    assert "neither installed nor in this folder" in called.stderr


FAILING = """
    from crm_domain.testing import CrmBackend

    class Failing(CrmBackend):
        left = 1

        def reset(self):
            if self.left == 0:
                raise OSError("the server went away")
            self.left -= 1
            super().reset()

    class Never(Failing):
        left = 0
"""


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("Never", "its reset() failed: OSError: the server went away"),
        ("Failing", "it broke down: OSError: the server went away"),
    ],
)
def test_a_backend_that_breaks_down(call: Any, module: Write, factory: str, message: str) -> None:
    """What cannot be begun anew cannot be examined; that is no finding."""
    module(FAILING)
    called = call("check", f"somebodys:{factory}", *SHORT)
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr.startswith(f"Error: somebodys:{factory}: {message}")
    assert called.stderr.count("\n") == 1


DYING = """
    from crm_domain import HARDENED, Crm
    from crm_domain.testing import CrmBackend

    class Dying(CrmBackend):
        left = 60
        error = {error}

        def __init__(self):
            super().__init__(lambda: Crm(rules=HARDENED.without({without})))

        def reset(self):
            if self.left == 0:
                raise self.error
            self.left -= 1
            super().reset()
"""


@pytest.mark.parametrize(
    ("error", "without", "exit_code"),
    [
        ("OSError('gone')", "'exact_price'", 1),
        ("OSError('gone')", "", 2),
        ("KeyboardInterrupt()", "'exact_price'", 130),
    ],
)
def test_what_was_found_so_far_is_printed(call: Any, module: Write, error: str, without: str, exit_code: int) -> None:
    """Whether a server dies, or somebody presses Ctrl-C: the table and the sequences are there."""
    module(DYING.format(error=error, without=without))
    called = call("check", "somebodys:Dying", *SHORT)
    assert called.exit_code == exit_code
    why = "it was interrupted" if exit_code == 130 else "it broke down: OSError: gone (in somebodys.py, line "
    assert called.stderr.startswith(f"Error: somebodys:Dying: {why}")
    assert f"It ended early, as {why[:20]}" in " ".join(called.stdout.split())
    assert ("Sequence 1: balance_equals_granted_minus_consumed" in called.stdout) == bool(without)


def test_a_backend_is_closed(module: Write, tmp_path: Path) -> None:
    """Whatever holds a connection gives it back, also when it breaks down."""
    module("""
        from pathlib import Path
        from crm_domain.testing import CrmBackend

        class Closing(CrmBackend):
            def close(self):
                Path("closed").touch()
    """)
    with pytest.raises(ZeroDivisionError), target_opened("somebodys:Closing"):
        raise ZeroDivisionError
    assert (tmp_path / "work" / "closed").exists()


# --- how it is asked for ------------------------------------------------------------------------


def test_json_tells_the_same_to_programs(call: Any, module: Write) -> None:
    """One object: every law with its verdict, and each sequence as lines of a log."""
    module(GOOD)
    called = call("check", "somebodys:sloppy", "--json", "--seed", 7, "--walks", 3, "--no-matrix")
    assert called.exit_code == 1
    (told,) = called.objects
    assert {"target": "somebodys:sloppy", "rules": "hardened", "seed": 7, "walks": 3}.items() <= told.items()
    assert told["lacking"] == ["one_primary"]
    assert told["unseen"] == []
    assert told["requests"] > 0
    assert told["seconds"] > 0
    verdicts = {law["name"]: law for law in told["laws"]}
    assert {law["name"]: law["number"] for law in told["laws"]}.items() >= {
        law.name: law.number for law in LAWS
    }.items()
    assert verdicts["mirror_equals_profile"]["verdict"] == "held"
    assert verdicts["mirror_equals_profile"]["finding"] is None
    broken = verdicts["at_most_one_primary_resume"]
    assert broken["verdict"] == "broken"
    finding = told["findings"][broken["finding"]]
    assert finding["laws"] == {"at_most_one_primary_resume": broken["reason"]}
    assert finding["missing"] == ["one_primary"]
    assert len(finding["log"]) == 3
    assert finding["sent"] == []
    assert finding["found_after"] > 0


def test_what_a_backend_sent_is_shown(call: Any, module: Write) -> None:
    """A backend that tells has its statements beside the sequence, and in JSON."""
    module("""
        from crm_domain import Crm, HARDENED
        from crm_domain.testing import CrmBackend

        class Telling(CrmBackend):
            def __init__(self):
                super().__init__(lambda: Crm(rules=HARDENED.without("one_primary")))

            def sent(self):
                return ["SELECT 1;", "SELECT 2;"]
    """)
    shown = call("check", "somebodys:Telling", *SHORT).stdout
    assert shown.endswith("What was sent:\n  SELECT 1;\n  SELECT 2;\n")
    (told,) = call("check", "somebodys:Telling", "--json", *SHORT).objects
    assert told["findings"][0]["sent"] == ["SELECT 1;", "SELECT 2;"]


def test_what_is_not_there_is_told(call: Any, module: Write) -> None:
    """Laws that need what a backend does not have, and columns that it does not show, are named."""
    module("""
        from crm_domain.testing import CrmBackend

        class Partial(CrmBackend):
            def select(self, principal, table, where):
                if table == "payments":
                    raise NotImplementedError("payments are kept elsewhere")
                rows = super().select(principal, table, where)
                return [{"email": row.email} for row in rows] if table == "auth.users" else rows

            def execute(self, principal, command):
                if type(command).__name__ == "RecordPayment":
                    raise NotImplementedError("payments are made elsewhere")
                return super().execute(principal, command)
    """)
    (told,) = call("check", "somebodys:Partial", "--json", *SHORT).objects
    (law,) = (law for law in told["laws"] if law["name"] == "payment_is_idempotent")
    assert (law["verdict"], law["reason"]) == ("not testable", "payments are made elsewhere")


def test_columns_that_are_not_shown_are_told(call: Any, module: Write) -> None:
    """What was not compared is said."""
    module("""
        import attrs
        from crm_domain.testing import CrmBackend

        class Partial(CrmBackend):
            def select(self, principal, table, where):
                rows = [attrs.asdict(row) for row in super().select(principal, table, where)]
                for row in rows:
                    row.pop("total_views", None)
                return rows
    """)
    called = call("check", "somebodys:Partial", *SHORT)
    assert called.exit_code == 0
    assert "Not shown, and so not compared: crm_dashboard_stats.total_views" in called.stdout


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("2m", 120), ("1h", 3600), ("250ms", 0.25), ("1.5m", 90), (" 3s ", 3)]
)
def test_budgets(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert _seconds(None, None, text) == seconds  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "90", "s", "-1s", "1 s", "1d", "1m30s", "1e3s", "infs"])
def test_what_is_no_budget(call: Any, text: str) -> None:
    """Anything else is told, and nothing is searched."""
    called = call("check", "somebodys:good", "--budget", text, "--no-matrix")
    assert (called.exit_code, called.stdout) == (2, "")
    assert "is no duration" in " ".join(called.stderr.split())


def test_a_budget_ends_the_search(call: Any, module: Write) -> None:
    """It is the whole search; a law that nothing put to the test is not said to have held, and is an error if wanted."""
    module(GOOD)
    for strict, exit_code in ((), 0), (("--strict",), 3):
        called = call("check", "somebodys:good", "--budget", "0s", *strict)
        assert called.exit_code == exit_code
        assert "nothing is broken that was tried; not exercised: balance_never_negative" in " ".join(
            called.stdout.split()
        )
    (told,) = call("check", "somebodys:sloppy", "--budget", "0s", "--json").objects
    assert (told["walks"], told["requests"], told["findings"]) == (0, 0, [])
    assert told["not_exercised"] == [law["name"] for law in told["laws"]]


def test_a_search_for_one_law(call: Any, module: Write) -> None:
    """Of the others nothing is said; a law that there is not is a mistake."""
    module(GOOD)
    law = "mirror_equals_profile"
    called = call("check", "somebodys:sloppy", *SHORT, "--only", law, "--plain-text-only", "--json")
    (told,) = called.objects
    assert (called.exit_code, [law["name"] for law in told["laws"]]) == (0, [law])
    assert told["laws"][0]["times"] > 0
    wrong = call("check", "somebodys:sloppy", "--only", "gravity")
    assert (wrong.exit_code, "there is no law 'gravity'" in wrong.stderr) == (2, True)


def test_a_search_that_stops_at_the_first_finding(call: Any, module: Write) -> None:
    """No walk is made then."""
    module(GOOD)
    (told,) = call("check", "somebodys:sloppy", "--stop-at-first", "--json", "--no-matrix").objects
    assert (told["walks"], len(told["findings"])) == (0, 1)


# --- while somebody waits -----------------------------------------------------------------------


class Terminal(io.StringIO):
    """What a terminal shows, kept."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes so long that a line of progress would be printed."""
    monkeypatch.setattr("crm_adapters.cli.commands.check._LINE_EVERY_SECONDS", 10_000.0)


def test_progress_is_a_line_now_and_then_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody waits at a terminal, a log has a line now and then."""
    monkeypatch.setattr("crm_adapters.cli.commands.check._LINE_EVERY_SECONDS", 20.0)
    times = iter([100.0, 103.0, 121.0, 125.0])
    monkeypatch.setattr("crm_adapters.cli.commands.check.time.monotonic", lambda: next(times))
    with _progress() as progress:
        for walks, findings in ((1, 0), (1200, 2), (1201, 2)):
            progress(walks, findings)
    assert capsys.readouterr().err == "21 s: 1,200 walks, 2 findings\n"


def test_progress_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal one line tells how far it is, no oftener than anybody reads, and is gone at the end."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    times = iter([100.0, 100.05, 103.0, 103.01])
    monkeypatch.setattr("crm_adapters.cli.commands.check.time.monotonic", lambda: next(times))
    with _progress() as progress:
        for walks, findings in ((1, 0), (1200, 2), (1201, 2)):
            progress(walks, findings)
    assert screen.getvalue() == "\r\033[K3 s: 1,200 walks, 2 findings\r\033[K"


# --- without hypothesis -------------------------------------------------------------------------


def no_hypothesis() -> AbstractContextManager[None]:
    """Return a world without hypothesis, in which the kit is imported again."""
    return not_installed("hypothesis", "crm_domain.testing", "crm_adapters.sqlite.backend")


def test_the_kit_that_is_not_installed(call: Any) -> None:
    """What is missing is named, with the line that installs it; other commands do without."""
    with no_hypothesis():
        called, other = call("check", "crm.db"), call("rules")
    assert (called.exit_code, called.stdout) == (2, "")
    assert called.stderr == "Error: crm_domain.testing needs hypothesis: pip install 'crm-domain[testing]'\n"
    assert other.exit_code == 0


def test_importing_the_kit_that_is_not_installed() -> None:
    """In Python, too, the line that installs it is named."""
    with (
        no_hypothesis(),
        pytest.raises(ModuleNotFoundError, match=r"needs hypothesis: pip install 'crm-domain\[testing\]'") as told,
    ):
        importlib.import_module("crm_domain.testing")
    assert told.value.name == "hypothesis"


def test_a_file_cannot_be_opened_without_the_kit(db: Any) -> None:
    """It is said in the same words, wherever a target is opened."""
    path = db("hardened")
    with (
        no_hypothesis(),
        pytest.raises(BadTarget, match="needs hypothesis") as told,
        target_opened(str(path)),
    ):
        pass
    assert told.value.exit_code == 2


# --- what a backend is held to --------------------------------------------------------------------

TOLERANT = """
import attrs
from decimal import Decimal
from crm_domain import Crm, HARDENED
from crm_domain.testing import CrmBackend

def priced(usual):
    return attrs.evolve(usual, price=Decimal("9.99"))

class Tolerant(CrmBackend):
    tolerated = ("other_refusal",)

    def credit_policy(self, usual):
        return priced(usual)

def held():
    rules = attrs.evolve(HARDENED, credit_policy=priced(HARDENED.credit_policy))
    return Tolerant(lambda: Crm(rules=rules))
"""


def test_a_backend_says_what_it_is_held_to(call: Any, module: Write) -> None:
    """Its credit policy, which single settings change, and what it may do otherwise; the report says what was tolerated."""
    module(TOLERANT)
    held = call("check", "somebodys:held", "--walks", "2", "--no-matrix")
    assert held.exit_code == 0, held.stdout
    assert "Tolerated, met 0 times: other_refusal. A request is refused as it should be" in held.stdout
    (plain,) = call("check", "somebodys:held", "--walks", "2", "--no-matrix", "--json").objects
    assert plain["tolerated"] == {"other_refusal": 0}
    other = call("check", "somebodys:held", "--walks", "2", "--no-matrix", "--set", "policy.price=8.99")
    assert other.exit_code == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("policy.cost=2", "there is no 'policy.cost'; there are policy.initial_credits, policy."),
        ("policy.price=much", "'much' is no value of it."),
        ("policy.price=-1", "price: expected a positive amount with at most two decimals, got -1."),
        ("initial_credits=-1", "initial_credits: expected a whole number from 0"),
        ("refund_failed_recordings=yes", "refund_failed_recordings: expected true or false, got 'yes'."),
    ],
)
def test_a_setting_that_cannot_be(call: Any, module: Write, setting: str, message: str) -> None:
    """It is one line that names the setting."""
    module(TOLERANT)
    refused = call("check", "somebodys:held", "--walks", "1", "--set", setting)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"--set {setting}: " in refused.stderr
    assert message in refused.stderr
