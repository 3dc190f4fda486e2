"""Kithara in Python: features of music and films.

    import kithara
    kithara.analyze("song.mp3")["features"]["mir"]["tempo"]     # the output message of a file
    table = kithara.features("~/Music")                         # a pandas DataFrame, one row per file
    kithara.frames("song.mp3")["mel"].values                    # numpy matrices with their times
    kithara.read("ledger.sqlite")                               # the results of a farm, or of `kithara run`
    kithara.Client("http://host:8710").submit(["/music/a.mp3"])

Files are analysed by libkithara in this process where it is installed, else by the program `kithara`; folders always by
the program. numpy, pandas, pyarrow, psycopg2 and pika are imported by the functions that need them.
"""
import sys

if sys.version_info < (3, 11):
    raise ImportError("kithara needs Python 3.11 or later; this is Python %d.%d (%s)" % (sys.version_info[0], sys.version_info[1], sys.executable))

from . import amqp
from .analysis import Frames, analyze, analyze_samples, frames
from .client import Client, Result, Submitted
from .errors import Error
from .library import Context, Frontend, Model, resample, version
from .table import Column, columns, features, frame, read, row, to_parquet

__all__ = ["Client", "Column", "Context", "Error", "Frames", "Frontend", "Model", "Result", "Submitted", "amqp", "analyze",
           "analyze_samples", "columns", "features", "frame", "frames", "read", "resample", "row", "to_parquet", "version"]
