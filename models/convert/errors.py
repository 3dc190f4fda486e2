"""Errors of the converters. Each has a name that the programs print before the reason."""


class ConvertError(Exception):
    name = "error"

    def __str__(self):
        return f"{self.name}: {super().__str__()}"


class BadFile(ConvertError):
    """The file is not what its name promises: truncated, not the format, an impossible shape."""

    name = "bad file"


class Unsupported(ConvertError):
    """The file is valid, but has an operator or an attribute that the weight format does not have."""

    name = "not supported"


class Unsafe(ConvertError):
    """Reading the file would run code from it."""

    name = "refused"


class Differs(ConvertError):
    """The converted graph does not give the results of the original."""

    name = "differs"


class Missing(ConvertError):
    """A Python package or a download is not there."""

    name = "missing"
