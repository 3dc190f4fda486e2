"""Output messages as rows of typed columns: the columns of the ledgers' `features` and of `-o csv`."""
from __future__ import annotations

import datetime
import functools
import importlib.resources
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

from . import optional, program
from .errors import Error

if TYPE_CHECKING:
    import pandas

# Before the columns of the table: what a message is about.
HEAD = ("file_path", "message_id", "media_id")
_DTYPES = {"bool": "boolean", "int": "Int64", "real": "float64", "text": "string", "time": "datetime64[ns, UTC]"}


class Column(NamedTuple):
    """A column: its type is bool, int, real, text, time, reals, texts or json; path is its place in the message."""
    name: str
    type: str
    path: tuple[str, ...]
    unit: str
    meaning: str


@functools.cache
def columns() -> tuple[Column, ...]:
    """The columns, in the order of the feature table (`kithara docs columns`)."""
    head = tuple(Column(name, "text", (name,), "", "") for name in HEAD)
    rows = json.loads(importlib.resources.files(__package__).joinpath("columns.json").read_text("utf-8"))
    return head + tuple(Column(row["name"], row["type"], tuple(row["path"]), row["unit"], row["meaning"]) for row in rows)


def row(message: dict[str, Any]) -> dict[str, Any]:
    """One output message as a row; what is missing is None."""
    values = {}
    for column in columns():
        value: Any = message
        for name in column.path:
            value = value.get(name) if isinstance(value, dict) else None
        values[column.name] = value
    return values


def _time(value: Any) -> Any:
    return datetime.datetime.fromisoformat(value) if isinstance(value, str) else value


def frame(rows: Iterable[dict[str, Any]]) -> "pandas.DataFrame":
    """Rows as a DataFrame with the types of the columns; units and meanings are in attrs["columns"]. Lists and objects
    stay as they are. Columns that pandas or the table does not know keep the type of their values."""
    pd = optional.module("pandas")
    found = list(rows)
    table = pd.DataFrame(found, columns=None if found else [column.name for column in columns()])
    known = {column.name: column for column in columns()}
    for column in known.values():
        if column.name not in table.columns:
            continue
        values = table[column.name]
        if column.type == "time":
            table[column.name] = pd.to_datetime(values.map(_time), utc=True).astype(_DTYPES["time"])
        elif column.type == "bool":
            table[column.name] = values.map(lambda value: None if value is None else bool(value)).astype("boolean")
        elif column.type in _DTYPES:
            table[column.name] = values.astype(_DTYPES[column.type])
    table.attrs["columns"] = {name: {"unit": known[name].unit, "meaning": known[name].meaning} for name in table.columns if name in known}
    return cast("pandas.DataFrame", table)


def features(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, options: dict[str, bool] | None = None,
             settings: Sequence[str] = ()) -> "pandas.DataFrame":
    """A DataFrame with one row per media file of a folder, of several, or of files, analysed in parallel by the program.
    A file that fails has a row with success False and its error."""
    several = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    line = program.command("analyze", "--jsonl", "-r", options=options, settings=settings)
    return frame(row(message) for message in program.messages(line, several))


def _decoded(values: dict[str, Any]) -> dict[str, Any]:
    """A row of SQLite: lists and objects are JSON text there."""
    kinds = {column.name: column.type for column in columns()}
    return {name: json.loads(value) if isinstance(value, str) and kinds.get(name) in ("reals", "texts", "json") else value
            for name, value in values.items()}


def _read_sqlite(path: str, relation: str) -> "pandas.DataFrame":
    uri = f"file:{quote(os.path.abspath(path))}?mode=ro"
    with sqlite3.connect(uri, uri=True) as ledger:
        ledger.row_factory = sqlite3.Row
        rows = [_decoded(dict(values)) for values in ledger.execute(f"SELECT * FROM {relation}")]
    ledger.close()
    return frame(rows)


def _read_postgres(url: str, relation: str) -> "pandas.DataFrame":
    psycopg2, extras = optional.module("psycopg2"), optional.module("psycopg2.extras")
    with psycopg2.connect(url) as ledger, ledger.cursor(cursor_factory=extras.RealDictCursor) as cursor:
        cursor.execute(f"SELECT * FROM {relation}")
        rows = [dict(values) for values in cursor]
    ledger.close()
    return frame(rows)


def _read_jsonl(path: str) -> "pandas.DataFrame":
    with open(path, encoding="utf-8") as lines:
        return frame(row(json.loads(line)) for line in lines if line.strip())


def read(source: str | os.PathLike[str], *, history: bool = False) -> "pandas.DataFrame":
    """The results of a ledger as a DataFrame, the latest of each path, or with history all: the path of ledger.sqlite, a folder
    that `kithara run` analysed, a file of messages (.jsonl), or postgresql:// (needs psycopg2)."""
    text, relation = os.fspath(source), "features_history" if history else "features"
    if text.startswith(("postgresql://", "postgres://")):
        return _read_postgres(text, relation)
    text = text.removeprefix("sqlite:")
    if os.path.isdir(text):
        line = program.command("results", "--run", text, "--failed", "-o", "jsonl", *(["--history"] if history else []))
        return frame(row(message) for message in program.messages(line))
    if not os.path.isfile(text):
        raise Error("ENOFILE", text)
    return _read_jsonl(text) if text.endswith((".jsonl", ".json")) else _read_sqlite(text, relation)


def to_parquet(table: "pandas.DataFrame", path: str | os.PathLike[str]) -> None:
    """Writes Parquet (needs pyarrow): lists as lists, objects as JSON text; each column's unit and meaning in the
    metadata of its field, the versions of the analysis in the file's."""
    pyarrow, parquet = optional.module("pyarrow"), optional.module("pyarrow.parquet")
    kinds = {column.name: column for column in columns()}
    names, arrays = [], []
    for name in table.columns:
        values = table[name]
        kind = kinds[name].type if name in kinds else ""
        objects = kind == "json" or (not kind and values.map(lambda value: isinstance(value, (dict, list))).any())
        if objects:
            values = values.map(lambda value: json.dumps(value) if isinstance(value, (dict, list)) else None)
        if kind in ("reals", "texts"):
            values = values.map(lambda value: value if isinstance(value, list) else None)
            array = pyarrow.array(values.tolist(), pyarrow.list_(pyarrow.float64() if kind == "reals" else pyarrow.string()))
        else:
            array = pyarrow.Array.from_pandas(values, type=pyarrow.string() if objects else None)
        about = {"unit": kinds[name].unit, "meaning": kinds[name].meaning} if name in kinds else None
        names.append(pyarrow.field(name, array.type, metadata=about))
        arrays.append(array)
    versions = sorted(set(table["analysis_version"].dropna())) if "analysis_version" in table else []
    schema = pyarrow.schema(names, metadata={"kithara.analysis_versions": json.dumps(versions)})
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), os.fspath(path))
