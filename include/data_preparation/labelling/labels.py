"""Labelling functions: each votes for a topic area or a ticket category, or abstains with an empty string."""

import re
from collections.abc import Callable

from include.data_preparation.documents import Document

OTHER = "other"
LANGUAGE = "language reference"

_MODULES = {
    "text": "string re difflib textwrap unicodedata stringprep readline codecs locale gettext html xml json csv "
    "configparser tomllib plistlib jinja2 rich email mimetypes base64 binascii quopri pprint reprlib",
    "data structures": "collections heapq bisect array weakref types copy enum graphlib dataclasses pydantic queue "
    "typing abc numbers",
    "numbers and time": "math cmath decimal fractions random statistics datetime calendar zoneinfo time colorsys",
    "functional tools": "itertools functools operator contextlib",
    "files and storage": "os pathlib fileinput stat filecmp tempfile glob fnmatch linecache shutil pickle copyreg "
    "shelve dbm zlib gzip bz2 lzma zipfile tarfile io posixpath ntpath genericpath mailbox netrc",
    "databases": "sqlite3 sqlalchemy",
    "concurrency": "threading multiprocessing concurrent subprocess sched asyncio signal selectors select contextvars",
    "networking": "socket ssl http urllib ftplib poplib imaplib smtplib socketserver xmlrpc ipaddress httpx requests "
    "urllib3 webbrowser wsgiref cgi telnetlib nntplib asyncore asynchat uuid",
    "tools and runtime": "argparse optparse getopt logging getpass curses platform errno ctypes cmd shlex tkinter "
    "unittest doctest pdb profile cProfile timeit trace tracemalloc sys sysconfig warnings atexit traceback gc inspect "
    "site code codeop zipimport pkgutil modulefinder runpy importlib ast symtable token keyword tokenize tabnanny "
    "pyclbr py_compile compileall dis pickletools distutils venv click turtle bdb opcode pydoc hashlib hmac secrets",
}
_AREA_OF_MODULE = {module: area for area, modules in _MODULES.items() for module in modules.split()}

_AREA_WORDS = {
    "text": r"strings?|text|characters?|encoding|unicode|regular expression|parser?|templates?|markup|xml|html|json",
    "data structures": r"dict(ionary)?|lists?|sets?|mapping|tuples?|queue|heap|stack|container|fields?|sequence",
    "numbers and time": r"numbers?|integers?|floats?|decimal|time|dates?|seconds|random|rounding|digits",
    "functional tools": r"iterators?|iterable|generator|decorator|context manager|callable",
    "files and storage": r"files?|director(y|ies)|path(name)?s?|archive|stream|buffer|bytes|disk",
    "databases": r"sql|table|columns?|database|query|session|transaction|row|engine",
    "concurrency": r"threads?|process(es)?|locks?|coroutine|event loop|async|futures?|semaphore|task",
    "networking": r"http|url|socket|request|response|server|connection|host|proxy|headers?|client",
    "tools and runtime": r"logg(er|ing)|command|options?|arguments?|debug(ger)?|tests?|module|import|widget|exception",
    LANGUAGE: r"statement|expression|operators?|grammar|syntax|keyword|literals?|object'?s? type",
}
_CATEGORY_WORDS = {
    "access": r"log ?in|login|password|permission|locked|sign-on|token|allowed|second factor",
    "billing": r"invoice|refund|payment|charged|billed|subscription|credit note|seats|purchase",
    "bug": r"traceback|raises|version \d|ends with|regression|wrong total|returns an empty|instead of|stops with",
    "outage": r"down since|time[sd]? out|unreachable|503|extremely slow|does not answer|not available|status page",
    "how-to": r"how (do|can|to)|example of|documentation|explain|recommended|where can",
}
_AREA_PATTERNS = {area: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for area, words in _AREA_WORDS.items()}
_CATEGORY_PATTERNS = {name: re.compile(rf"\b(?:{words})", re.IGNORECASE) for name, words in _CATEGORY_WORDS.items()}


def area_of_module(document: Document) -> str:
    """The area of the top-level module or package, where it has one."""
    return _AREA_OF_MODULE.get(document.title.split(".")[0], "") if document.source == "docstrings" else ""


def area_of_source(document: Document) -> str:
    """Topics are the language reference."""
    return LANGUAGE if document.source == "pydoc_topics" else ""


def area_of_title(document: Document) -> str:
    """Words of the qualified name, split at dots, underscores and capitals."""
    if document.source == "tickets":
        return ""
    return _most_words(re.sub(r"[._]|(?<=[a-z])(?=[A-Z])", " ", document.title), _AREA_PATTERNS)


def area_of_text(document: Document) -> str:
    """Words of the text."""
    return "" if document.source == "tickets" else _most_words(document.text[:1000], _AREA_PATTERNS)


def category_of_problem(document: Document) -> str:
    """The first sentences of a ticket, where people state their problem."""
    return _most_words(document.text[:160], _CATEGORY_PATTERNS) if document.source == "tickets" else ""


def category_of_text(document: Document) -> str:
    """All of a ticket."""
    return _most_words(document.text, _CATEGORY_PATTERNS) if document.source == "tickets" else ""


def category_of_question(document: Document) -> str:
    """A ticket with a question mark asks how to do something."""
    return "how-to" if document.source == "tickets" and "?" in document.text else ""


# how often each is expected to be right: where the label model starts, and what it holds on to where votes are few
FUNCTIONS: tuple[tuple[Callable[[Document], str], float], ...] = (
    (area_of_source, 0.98),
    (area_of_module, 0.95),
    (area_of_title, 0.7),
    (area_of_text, 0.6),
    (category_of_problem, 0.95),
    (category_of_text, 0.9),
    (category_of_question, 0.8),
)
AREAS, CATEGORIES = tuple(_AREA_WORDS), tuple(_CATEGORY_WORDS)


def votes(document: Document) -> tuple[tuple[str, str], ...]:
    """What each labelling function that does not abstain says, in the order of the functions."""
    return tuple((function.__name__, label) for function, _ in FUNCTIONS if (label := function(document)))


def choices(source: str) -> tuple[str, ...]:
    """The labels that a document of a source may have: ticket categories, or topic areas; `other` is of both."""
    return (*(CATEGORIES if source == "tickets" else AREAS), OTHER)


def _most_words(text: str, patterns: dict[str, re.Pattern[str]]) -> str:
    counts = {name: len(pattern.findall(text)) for name, pattern in patterns.items()}
    best = max(counts.values())
    winners = [name for name, count in counts.items() if count == best]
    return winners[0] if best and len(winners) == 1 else ""
