"""Modules that single functions need and the package does not require."""
from __future__ import annotations

import importlib
from typing import Any

# Package of PyPI, of Debian (None: it has none).
_PACKAGES = {"numpy": ("numpy", "python3-numpy"), "pandas": ("pandas", "python3-pandas"), "pyarrow": ("pyarrow", None),
             "psycopg2": ("psycopg2-binary", "python3-psycopg2"), "pika": ("pika", "python3-pika")}


def module(name: str) -> Any:
    """The module. ImportError with what to install, or with the reason why an installed one cannot be imported."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        if error.name != package:
            raise ImportError(f"{package} cannot be imported: {error}", name=package) from error
        pypi, debian = _PACKAGES[package]
        other = f", or apt install {debian}" if debian else ""
        raise ModuleNotFoundError(f"this function of kithara needs {package}: pip install {pypi}{other}", name=package) from None
    except ImportError as error:
        raise ImportError(f"{name} cannot be imported: {error}", name=name) from error
