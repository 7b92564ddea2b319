"""What comes out when a notebook is executed, and how is it stored?

nbmake executes a copy, in a process of its own: pytest's settings of this project are not the notebook's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS: Final = sorted(FOLDER.glob("*.ipynb"))

KERNEL: Final = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""All that a stored notebook says of where it was executed."""

PICTURES: Final = ("image/svg+xml", "image/png")


def read(notebook: Path) -> dict[str, Any]:
    """Return a notebook as it is stored."""
    content: dict[str, Any] = json.loads(notebook.read_text(encoding="utf-8"))
    return content


def text(lines: str | list[str]) -> str:
    """Return a text, which a notebook may have as a list of its lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def executed(notebook: Path, folder: Path) -> dict[str, Any]:
    """Return a notebook as nbmake leaves it when it was executed anew, without what is the machine's.

    Raises:
        AssertionError: A cell failed; the message is nbmake's.
    """
    copy = folder / FOLDER.name
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".*"))
    settings = {
        "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])),  # crm-domain is there
        "IPYTHONDIR": str(folder / "ipython"),  # nobody's own settings
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "SOURCE_DATE_EPOCH": "0",  # a picture does not say when it was drawn
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", "--overwrite"]
    done = subprocess.run(
        [*command, notebook.name], check=False, capture_output=True, text=True, cwd=copy, env=os.environ | settings
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tidy(read(copy / notebook.name))


def tidy(content: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook without times, machine and duplicates: what is stored is what a reader sees."""
    return content | {"metadata": KERNEL, "cells": [_tidy_cell(cell) for cell in content["cells"]]}


def _tidy_cell(cell: dict[str, Any]) -> dict[str, Any]:
    if cell["cell_type"] != "code":
        return cell | {"metadata": {}}
    outputs: list[dict[str, Any]] = []
    for output in map(_tidy_output, cell["outputs"]):
        if outputs and _is_more_of(outputs[-1], output):
            outputs[-1]["text"] = _lines(text(outputs[-1]["text"]) + text(output["text"]))
        else:
            outputs.append(output)
    return cell | {"metadata": {}, "outputs": outputs}


def _tidy_output(output: dict[str, Any]) -> dict[str, Any]:
    if "data" not in output:
        return dict(output)
    data = output["data"]
    if any(kind in data for kind in PICTURES):
        data = {kind: content for kind, content in data.items() if kind in PICTURES}
    return output | {"metadata": {}, "data": data}


def _is_more_of(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["output_type"] == other["output_type"] == "stream" and one["name"] == other["name"])


def _lines(whole: str) -> list[str]:
    return whole.splitlines(keepends=True)


def shown(cell: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what a code cell shows, as far as it is the same wherever it is drawn: texts, and the words of pictures."""
    found: list[tuple[str, Any]] = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            found.append((output["name"], text(output["text"])))
        for kind, content in output.get("data", {}).items():
            found.append((kind, words_of(text(content)) if kind == "image/svg+xml" else text(content)))
    return found


def words_of(svg: str) -> list[str]:
    """Return the texts in a picture: matplotlib draws letters as paths, and notes beside them what they say."""
    return re.findall(r"<!-- (.*?) -->", svg, flags=re.DOTALL)


def stored(content: dict[str, Any]) -> str:
    """Return a notebook as it stands in its file."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
