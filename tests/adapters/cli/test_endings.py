"""However the command ends, there is an exit code and no traceback."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from crm_adapters.cli import app, main
from crm_adapters.cli.app import SECTIONS

NAMES = [name for names in SECTIONS.values() for name in names]
COMMAND = Path(sysconfig.get_path("scripts")) / "crm-domain"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The installed command, running a log from a pipe."""
    with subprocess.Popen(
        [COMMAND, "run", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as running:
        yield running
        running.kill()


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None
    return end


def _ask(process: subprocess.Popen[bytes], line: bytes) -> None:
    _pipe(process.stdin).write(line)
    _pipe(process.stdin).flush()


def test_outcomes_come_while_the_pipe_is_open(process: Any, amy_comes: bytes) -> None:
    """A line's outcome comes before the next line is written; the end of the log ends the run."""
    for n in (1, 2):
        _ask(process, amy_comes)
        assert process.stdout.readline() == b'{"n": %d, "result": "ok", "user": "amy"}\n' % n
    assert process.communicate() == (b"", b"")
    assert process.returncode == 0


def test_interrupt(process: Any, amy_comes: bytes) -> None:
    """Ctrl-C ends the run quietly, as it ends other programs."""
    _ask(process, amy_comes)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate() == (b"", b"")
    assert process.returncode == 130


def test_interrupt_while_it_starts(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Its imports take a second, in which it may be regretted."""

    class Regretted:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == app.__name__:
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, app.__name__)
    monkeypatch.setattr(sys, "meta_path", [Regretted, *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capfd.readouterr()) == (130, ("", ""))


def test_closed_pipe(process: Any, amy_comes: bytes) -> None:
    """When nobody reads the outcomes any more, as behind ``head``, the run ends quietly."""
    _ask(process, amy_comes)
    process.stdout.readline()
    process.stdout.close()
    _ask(process, amy_comes)
    assert process.wait() == 141
    assert process.stderr.read() == b""


def test_installed_command_runs_the_sample_anywhere(tmp_path: Path) -> None:
    """The sample log is installed with the command; the terminal's encoding does not matter."""
    shown = subprocess.run(
        [COMMAND, "run", "--sample", "--summary"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    ).stdout
    assert b"372 accepted, 46 refused" in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_full_disk(amy_comes: bytes) -> None:
    """What the system refuses is told in one line."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([COMMAND, "run"], input=amy_comes, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"Error: [Errno 28] No space left on device\n")


def _raising(error: BaseException) -> Callable[..., None]:
    def broken(*_: object, **__: object) -> None:
        raise error

    return broken


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (OSError(errno.EIO, "Input/output error"), 1, "Error: [Errno 5] Input/output error\n"),
    ],
)
def test_exit_codes(
    error: BaseException, exit_code: int, message: str, call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each way to end has its code; after a broken pipe, what is left of the output goes nowhere."""
    with (tmp_path / "stdout").open("wb") as stdout:
        monkeypatch.setattr("crm_adapters.cli.app.sys", SimpleNamespace(stdout=stdout))
        monkeypatch.setattr("crm_adapters.cli.commands.run.print_json", _raising(error))
        called = call("run", "--sample")
        assert (called.exit_code, called.stdout, called.stderr) == (exit_code, "", message)
        stdout.write(b"left")
    assert ((tmp_path / "stdout").read_bytes() == b"") == (exit_code == 141)


def test_bug_is_reported_without_a_traceback(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours is told as such, with what we need to find it."""
    monkeypatch.setattr("crm_adapters.cli.commands.run.print_json", _raising(KeyError("amy")))
    called = call("run", "--sample")
    assert called.exit_code == 70
    assert "this is a bug in crm-domain" in called.stderr
    assert "KeyError: 'amy'\n  in test_endings.py, line " in called.stderr


def test_entry_point(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is called crm-domain, however it was started, and prints what a terminal cannot show as escapes."""
    monkeypatch.setattr("sys.argv", ["/usr/lib/python/main.py", "--version"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("crm-domain, version ")
    assert sys.stdout.errors == "backslashreplace"


def test_the_commands_are_listed_by_what_somebody_wants(call: Any) -> None:
    """Each of them once, under a title."""
    shown = call("--help").stdout
    assert [title for title in SECTIONS if f"\n{title}:\n" not in shown] == []
    listed = [line.split()[0] for line in shown.partition("\nExplore:\n")[2].splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(NAMES)


def test_help(call: Any) -> None:
    """Every command has help with examples."""
    for command in NAMES:
        called = call(command, "--help")
        assert called.exit_code == 0
        assert f"\n    crm-domain {command}" in called.stdout


def test_every_module_of_a_command_is_listed() -> None:
    """A command that is missing from the sections could not be called."""
    folder = Path(app.__file__).parent / "commands"
    defined = [
        path.stem for path in folder.glob("*.py") if re.search(r"^@click\.command", path.read_text(), re.MULTILINE)
    ]
    assert sorted(defined) == sorted(name.replace("-", "_") for name in NAMES)


@pytest.mark.parametrize("asked", [["--version"], ["-V"], ["completion", "zsh"]])
def test_what_needs_no_command_imports_none(asked: list[str]) -> None:
    """So that the version and a completion answer at once."""
    program = f"""
import sys
from crm_adapters.cli import main
sys.argv = ["crm-domain", *{asked!r}]
try:
    main()
except SystemExit:
    sys.exit("crm_domain" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0


def test_the_package_runs_as_the_command() -> None:
    """``python -m crm_domain`` is the same command line."""
    done = subprocess.run([sys.executable, "-m", "crm_domain", "-V"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("crm-domain, version ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, call: Any) -> None:
    """What is printed has the shell ask the command itself; then commands, and their options, are found."""
    script = call("completion", shell)
    assert script.exit_code == 0
    assert f"_CRM_DOMAIN_COMPLETE={shell}_complete" in script.stdout
    asked = {"COMP_WORDS": "crm-domain needs-credits --", "COMP_CWORD": "2", "_CRM_DOMAIN_COMPLETE": "bash_complete"}
    done = subprocess.run([COMMAND], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert "plain,--db" in done.stdout.splitlines()
