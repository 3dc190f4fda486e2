#!/usr/bin/env python3
"""The conformance suite of the ledgers, what holds for both SQL ledgers, and what only the PostgreSQL one has, against a
private server.

    postgres_conformance.py TEST_PROGRAM [--only FILTER]
"""
import argparse
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from servers import Postgres  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("--only", default="@(ledger_postgres*/*|ledger_*/*_in_postgresql)")
arguments = parser.parse_args()
# Other tests kill the server to test durability; here each test creates its own schema.
with Postgres(settings={"fsync": "off", "max_connections": 100}) as server:
    sys.exit(subprocess.run([arguments.program, "--filter", arguments.only, "--timeout", "120"],
                            env={**os.environ, "KITHARA_TEST_POSTGRES": server.url}, timeout=800).returncode)
