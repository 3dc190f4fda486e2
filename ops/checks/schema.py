#!/usr/bin/env python3
"""Compares the migrations of the two SQL ledgers: the same numbers, tables, columns in order, and indexes.

    ops/checks/schema.py
"""
import pathlib
import re
import sys

LEDGER = pathlib.Path(__file__).resolve().parents[2] / "coordinator/ledger"
# What one database needs and the other does not have.
ALONE = {"sqlite": {"table epochs"}, "postgres": {"column leases.lock_key"}}


def facts(folder):
    found = set()
    for path in sorted((LEDGER / folder / "migrations").glob("*.sql")):
        found.add(f"migration {path.stem}")
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        found.update(f"table {table}" for table in re.findall(r"CREATE TABLE (\w+)", text))
        for table, body in re.findall(r"CREATE TABLE (\w+)\(\n(.*?)^\)", text, re.M | re.S):
            found.update(f"column {table}.{name}" for name in re.findall(r"^    ([a-z]\w*) ", body, re.M))
        found.update(f"index {name} on {table}" for name, table in
                     re.findall(r"CREATE (?:UNIQUE )?INDEX (\w+) ON (\w+)", text))
    return found


def main():
    sides = {folder: facts(folder) - ALONE[folder] for folder in ALONE}
    one, other = sides.values()
    for line in sorted(one ^ other):
        print(f"{line}: only in {'sqlite' if line in one else 'postgres'}")
    print(f"{len(one & other)} tables, columns and indexes in both")
    return 1 if one ^ other else 0


sys.exit(main())
