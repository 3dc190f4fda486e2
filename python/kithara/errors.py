"""Errors, by the names of docs/errors.md."""
from __future__ import annotations

from typing import Any


class Error(Exception):
    """A failed call: `name` is the error's name, "ENOFILE"; `document` the output message of a failed analysis."""

    def __init__(self, name: str, why: str, document: dict[str, Any] | None = None) -> None:
        super().__init__(f"{name}: {why}" if why else name)
        self.name, self.why, self.document = name, why, document

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Error:
        """The failure that an output message reports."""
        error = document["error"]
        return cls(error["code"], error.get("detail") or error.get("text") or "", document)
