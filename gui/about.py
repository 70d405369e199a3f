"""What this program is called by version; read late, as the metadata take a while to import."""

from __future__ import annotations


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version as of

    return of("servedeck")
