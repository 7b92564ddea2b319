"""The command line: run, explain and look up the rules."""

from .app import main

__all__ = ["main"]
