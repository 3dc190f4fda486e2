"""The program `kithara`: KITHARA_PROGRAM, that of the build folder of the clone that this file is in, or on the PATH."""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from .errors import Error

_CLONE = pathlib.Path(__file__).resolve().parents[2]
# analysis_options and the words of --options.
GROUPS = {"extract_spectral": "spectral", "extract_mir": "mir", "extract_perceptual": "perceptual", "similarity_analysis": "similarity",
          "quality_assessment": "quality", "extract_visual": "visual"}


def path() -> str:
    """The program's path."""
    named = os.environ.get("KITHARA_PROGRAM")
    own = pathlib.Path(os.environ.get("KITHARA_BUILD", _CLONE / "build")) / "bin/kithara"
    found = named or (str(own) if own.exists() else shutil.which("kithara"))
    if not found or not os.access(found, os.X_OK):
        raise Error("ENOFILE", f"no program {named or 'kithara'}: install kithara-cli, or set KITHARA_PROGRAM")
    return found


def groups_of(options: dict[str, bool] | None) -> str | None:
    """analysis_options as the list that --options takes; None: all groups."""
    if options is None:
        return None
    unknown = set(options) - set(GROUPS) - {"use_models"}
    if unknown:
        raise ValueError(f"unknown analysis options: {', '.join(sorted(unknown))}")
    words = [group for name, group in GROUPS.items() if options.get(name, True)]
    if not words:
        return "none"
    return ",".join(words + ([] if options.get("use_models", True) else ["no_models"]))


def command(*words: str, options: dict[str, bool] | None = None, settings: Sequence[str] = ()) -> list[str]:
    """kithara [--set NAME=VALUE]... WORDS [--options LIST]"""
    line = [path()]
    for setting in settings:
        line += ["--set", setting]
    line += words
    groups = groups_of(options)
    return line + (["--options", groups] if groups is not None else [])


def _failure(stderr: str) -> Error:
    """The error of the last line of standard error, with up to three lines of the log before it."""
    *before, last = stderr.strip().splitlines()[-4:] or ["it ended without a message"]
    words = last.removeprefix("kithara: ").split(": ", 1)
    name, why = words if len(words) == 2 and words[0].startswith("E") else ("EUSAGE", last)
    return Error(name, "\n".join([why, *before]))


def output(line: Sequence[str]) -> str:
    """What a command prints. Error: the program itself failed."""
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise _failure(done.stderr)
    return done.stdout


def messages(line: Sequence[str], paths: Sequence[str | os.PathLike[str]] = ()) -> Iterator[dict[str, Any]]:
    """The output messages that a command prints as JSON lines, as they come. Error: the program itself failed."""
    files = ["--", *[os.fspath(path) for path in paths]] if paths else []
    with subprocess.Popen([*line, *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          encoding="utf-8") as process:
        assert process.stdout and process.stderr
        count = 0
        try:
            for text in process.stdout:
                count += 1
                yield json.loads(text)
            why = process.stderr.read()
        finally:
            if process.poll() is None:
                process.terminate()
        if process.wait() > 1 or (process.returncode and not count):
            raise _failure(why)
