"""Readers of files: each gives records or the reasons why there is none, and never fails on what a file holds."""

from include.data_preparation.readers.formats import read_file
from include.data_preparation.readers.found import Found, Reading, Row, Unreadable, UnreadableError

__all__ = ["Found", "Reading", "Row", "Unreadable", "UnreadableError", "read_file"]
