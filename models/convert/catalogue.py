"""models.yml of a folder: adds converted files (the form is in models/catalogue/catalogue.h)."""

import hashlib
import os
import tempfile
from pathlib import Path

import yaml

from errors import BadFile

NAME = "models.yml"


def entry(model, content, path):
    """The members of models.yml for a converted file. An input shape with free dimensions is left out."""
    shape = model.header["graph"]["inputs"][0]["shape"][1:]
    classes = next((len(row["classes"]) for row in model.header["outputs"] if row.get("classes")), None)
    row = {"version": model.header["version"], "path": path, "sha256": hashlib.sha256(content).hexdigest()}
    if all(isinstance(size, int) for size in shape):
        row["input_shape"] = shape
    if classes:
        row["output_classes"] = classes
    return row


def read(folder):
    try:
        document = yaml.safe_load((Path(folder) / NAME).read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {"models": {}}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFile(f"{Path(folder) / NAME}: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("models") or {}, dict):
        raise BadFile(f"{Path(folder) / NAME} does not have the form of a catalogue")
    document["models"] = document.get("models") or {}
    return document


def add(document, kind, name, row):
    """Adds one version. A new name is deployed. Beside a deployed version it is registered only: a person deploys it.
    Returns what became of it."""
    models = document["models"].setdefault(kind, {})
    there = models.get(name)
    if there is None:
        models[name] = row
        return "deployed"
    if there.get("version") == row["version"]:
        models[name] = there | row
        return "deployed"
    versions = [old for old in there.get("versions") or [] if old.get("version") != row["version"]]
    status = next((old.get("status", "registered") for old in there.get("versions") or []
                   if old.get("version") == row["version"]), "registered")
    there["versions"] = versions + [{key: row[key] for key in ("version", "path", "sha256")} | {"status": status}]
    return status


class _Dumper(yaml.SafeDumper):
    """Lists of numbers in one line, everything else in blocks."""


_Dumper.add_representer(list, lambda dumper, rows: dumper.represent_sequence(
    "tag:yaml.org,2002:seq", rows, flow_style=all(isinstance(row, (int, float)) for row in rows)))


def write(folder, document):
    folder = Path(folder)
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=200)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{NAME}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, folder / NAME)
    except BaseException:
        os.unlink(temporary)
        raise
