"""beets plugin: tempo, key and more of the songs of a library, by the program `kithara` (docs/python.md).

Sets beets' own fields bpm and initial_key, and the flexible fields kithara_NAME of COLUMNS.
"""
from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

from beets import ui
from beets.dbcore import types
from beets.plugins import BeetsPlugin

from kithara import Error, program, row

# Columns of docs/features.md that become flexible fields.
COLUMNS = ("tempo", "tempo_confidence", "key_strength", "loudness", "dynamic_range", "energy", "valence", "danceability", "acousticness",
           "instrumentalness", "speechiness")
OPTIONS = {"extract_spectral": False, "similarity_analysis": False, "quality_assessment": False, "extract_visual": False}
FILES = 200  # per call of the program, which analyses them in parallel
MODES = {"major": "", "minor": "m"}


def fields_of(message: dict[str, Any]) -> dict[str, Any]:
    """The fields of an output message; a value that it does not have has no field."""
    values = row(message)
    found = {f"kithara_{name}": values[name] for name in COLUMNS}
    found["bpm"] = values["tempo"] and round(values["tempo"])
    found["initial_key"] = values["key"] and values["key"] + MODES[values["mode"]]
    return {name: value for name, value in found.items() if value is not None}


class KitharaPlugin(BeetsPlugin):  # type: ignore[misc]  # beets 1.6 has no types
    """`beet kithara`, and the same after each import unless auto is no."""

    item_types = {f"kithara_{name}": types.FLOAT for name in COLUMNS}

    def __init__(self) -> None:
        super().__init__()
        self.config.add({"auto": True, "force": False, "settings": []})
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]

    def commands(self) -> list[Any]:
        """The command."""
        command = ui.Subcommand("kithara", help="tempo, key, loudness and more, by kithara")
        command.parser.add_option("-f", "--force", action="store_true", default=False, help="also songs that have bpm and initial_key")
        command.parser.add_option("-p", "--pretend", action="store_true", default=False, help="show the fields and set none")
        command.func = self.command
        return [command]

    def command(self, library: Any, options: Any, words: list[str]) -> None:
        """`beet kithara [QUERY]`"""
        force = options.force or self.config["force"].get(bool)
        for item, fields in self.analyze(library.items(words), force):
            if options.pretend:
                ui.print_(f"{item}: " + " ".join(f"{name}={value}" for name, value in fields.items()))
            else:
                self.set(item, fields)

    def imported(self, _session: Any, task: Any) -> None:
        """The songs of an import, before beets writes their tags."""
        for item, fields in self.analyze(task.imported_items(), self.config["force"].get(bool)):
            self.set(item, fields, write=False)

    def analyze(self, items: Iterable[Any], force: bool) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Each song whose fields are wanted, and its fields."""
        wanted = iter([item for item in items if force or not (item.get("bpm") and item.get("initial_key"))])
        while part := list(itertools.islice(wanted, FILES)):
            try:
                line = program.command("analyze", "--jsonl", options=OPTIONS, settings=self.config["settings"].as_str_seq())
                for item, message in zip(part, program.messages(line, [os.fsdecode(item.path) for item in part])):
                    if message["success"]:
                        yield item, fields_of(message)
                    else:
                        self._log.warning("{0}: {1}", os.fsdecode(item.path), Error.of_document(message))
            except Error as error:
                raise ui.UserError(f"kithara: {error}") from None

    def set(self, item: Any, fields: dict[str, Any], write: bool = True) -> None:
        """Stores the fields; with write, tags too where beets' import.write permits."""
        item.update(fields)
        if write and ui.should_write():
            item.try_write()
        item.store()
