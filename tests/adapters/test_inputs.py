"""Of what has no end, no more is read than the limit says."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crm_adapters.cli.app import cli
from crm_adapters.command_log import LogError, read_line, read_log
from crm_adapters.command_log.reading import GROUP_MAX
from crm_adapters.inputs import LINE_MAX, TooLong, bounded_content, bounded_lines

MIB = 2**20


def test_lines_up_to_the_limit_are_lines() -> None:
    """Those of a file as those of a list; the last one needs no end."""
    for lines in ([b"ab\n", b"abc"], BytesIO(b"ab\nabc")):
        assert list(bounded_lines(lines, 3)) == [b"ab\n", b"abc"]


def test_a_longer_line_is_named() -> None:
    """The lines before it are there, and its rest is not read."""
    for lines in ([b"ab\n", b"abcdef"], file := BytesIO(b"ab\nabcdef")):
        found = bounded_lines(lines, 3)
        assert next(found) == b"ab\n"
        with pytest.raises(TooLong, match="line 2: the line is longer than 3 bytes, the most that is read"):
            next(found)
    assert file.tell() == len(b"ab\nabcd")


def test_a_whole_input_has_a_limit() -> None:
    """So may its lines have."""
    for line_max in (None, 3):
        assert bounded_content(BytesIO(b"a\nb\n"), 4, line_max=line_max) == b"a\nb\n"
        assert bounded_content(BytesIO(b""), 4, line_max=line_max) == b""
        with pytest.raises(TooLong, match=r"^the input is longer than 4 bytes"):
            bounded_content(BytesIO(b"a\nb\nc"), 4, line_max=line_max)
    with pytest.raises(TooLong, match=r"^line 2: the line is longer than 2 KiB"):
        bounded_content(BytesIO(b"a\n" + b"b" * 3_000), 4_000, line_max=2_048)


def test_the_lines_of_a_group_have_a_limit_together() -> None:
    """They are held until the last of them is there."""
    line = b'{"as": "service", "cmd": "track_view", "args": {"email": "a"}, "concurrent": "g"}'.ljust(LINE_MAX)
    entries = read_log((line for _ in range(GROUP_MAX // LINE_MAX + 1)), "log")
    for _ in range(GROUP_MAX // LINE_MAX):
        next(entries)
    with pytest.raises(LogError, match=r"^log:9: concurrent: the lines of a group are longer than 8,388,608 bytes"):
        next(entries)


def test_one_line_alone_has_the_limit_too() -> None:
    """Such as that of --then."""
    with pytest.raises(LogError, match=r"^--then:7: the line is longer than 1 MiB, the most that is read$"):
        read_line(b" " * (LINE_MAX + 1), name="--then", number=7)


# --- what has no end ------------------------------------------------------------------------------


@contextmanager
def endless(path: Path, chunk: bytes) -> Iterator[list[int]]:
    """Feed a named pipe without end; yield how many bytes were taken from it."""
    os.mkfifo(path)
    taken = [0]

    def feed() -> None:
        with suppress(BrokenPipeError):
            while True:
                with path.open("wb", buffering=0) as pipe:
                    while True:
                        taken[0] += pipe.write(chunk)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    yield taken
    thread.join(10)
    assert not thread.is_alive()


READERS: list[tuple[str, tuple[str, ...]]] = [
    ("run", ("run", "{}")),
    ("run --db", ("run", "{}", "--db", "crm.db")),
    ("run --batch", ("run", "{}", "--db", "crm.db", "--batch", "1000")),
    ("explain", ("explain", "{}")),
    ("explain --line", ("explain", "{}", "--line", "3")),
    ("simulate", ("simulate", "{}")),
    ("fit", ("fit", "{}")),
    ("fit --base", ("fit", "a.csv", "--base", "{}")),
    ("fit two", ("fit", "{}", "a.csv")),
    ("check --config", ("check", "postgresql://127.0.0.1:1/db", "--config", "{}")),
]


@pytest.mark.parametrize("chunk", [b"\0" * 65_536, b"a" * 65_536], ids=["zeros", "letters"])
@pytest.mark.parametrize("arguments", [reader[1] for reader in READERS], ids=[reader[0] for reader in READERS])
def test_an_endless_line_is_refused(
    arguments: tuple[str, ...], chunk: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that names the file and the limit, and without reading much more than that."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("user,time\namy,2026-01-01\n")
    with endless(tmp_path / "pipe", chunk) as taken:
        done = CliRunner().invoke(cli, [part.format("pipe") for part in arguments], prog_name="crm-domain")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "pipe" in done.stderr
    assert "is longer than" in done.stderr
    assert "MiB, the most that is read" in done.stderr
    assert taken[0] <= 34 * MIB


def test_endless_lines_of_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are held until all of them are there, up to a limit."""
    monkeypatch.setattr("crm_adapters.scenarios.csvfiles.DATA_MAX", 4 * MIB)
    with endless(tmp_path / "pipe", b"amy,2026-01-01\n" * 4_096):
        done = CliRunner().invoke(cli, ["fit", str(tmp_path / "pipe")], prog_name="crm-domain")
    assert done.exit_code == 2
    assert done.stderr == f"Error: {tmp_path / 'pipe'}: the input is longer than 4 MiB, the most that is read\n"


def test_what_a_pipe_hands_over_is_read_once(tmp_path: Path) -> None:
    """Such as what another program unpacks for `fit`: there is no second time."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    rows = "".join(f"u{n % 40},2026-01-{n % 28 + 1:02}\n" for n in range(120))
    thread = threading.Thread(target=path.write_text, args=(f"user,time\n{rows}",), daemon=True)
    thread.start()
    done = CliRunner().invoke(cli, ["fit", str(path)], prog_name="crm-domain")
    thread.join(10)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "read", [lambda file: next(read_log(file, "log")), lambda file: bounded_content(file, 8 * MIB, line_max=LINE_MAX)]
)
def test_a_long_line_takes_little_memory(read: Callable[[Any], object]) -> None:
    """However long it is."""

    class Endless(BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            assert size
            return b"x" * size

    tracemalloc.start()
    with pytest.raises((LogError, TooLong)):
        read(Endless())
    assert tracemalloc.get_traced_memory()[1] < 20 * MIB
    tracemalloc.stop()
