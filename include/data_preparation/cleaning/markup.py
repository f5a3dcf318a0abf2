"""Markup that is of no use in a text: roles, directives and headings of reST, notes and links of mkdocs.

Repeats that could be tried from many places are bounded, so that the time is linear in a text of any content.
"""

import re

_ROLE = re.compile(r"(?<![\w:+-]):[\w:+-]{1,60}:`[~.!]*(?:_\w{1,30}\.)?([^`<]{0,300}?)(?:\s{0,20}<[^`>]{0,300}>)?`")
_LINK = re.compile(r"`([^`<]{1,300}?)\s{0,20}<[^`>]{0,300}>`__?")
_DIRECTIVE = re.compile(
    r"(?m)^([ \t]*)\.\. (?:versionadded|versionchanged|deprecated|seealso|index|module|currentmodule|highlight|_)"
    r"[^\n]*(?:\n(?:\1[ \t]+[^\n]*|[ \t]*(?=\n\1[ \t]+\S)))*"
)
_ADMONITION = re.compile(r"(?m)^([ \t]*)\.\. (?:[\w-]+:)?([\w-]+)::[ \t]*")
_UNDERLINED = re.compile(r"(?m)^[^\n]{1,120}\n([=*~^\"'-])\1{3,}[ \t]*(?:\n|$)")
# mkdocs: pages to read elsewhere, markers of notes, and links
_ABSTRACT = re.compile(r"(?m)^([ \t]*)!!! abstract[^\n]*(?:\n\1[ \t]+[^\n]*)*\n?")
_NOTE = re.compile(r"(?m)^[ \t]*!!! \w+[^\n]*\n?")
_MARKDOWN_LINK = re.compile(r"(?<![\w\])])\[(`[^`\n]+`|[A-Za-z][\w .-]*)\](?:\[[\w.]*\]|\((?:https?:|\.\./)[^()\s]*\))")
_RULE = re.compile(r"(?m)^[ \t]*([=*~^_#-])\1{4,}[ \t]*$\n?")
_LITERAL = re.compile(r"(?m)::[ \t]*$")
_EMPTY_LINES = re.compile(r"\n{3,}")


def without_markup(text: str) -> str:
    """The text without markup, rules below headings and stray whitespace; its code and words stay."""
    text = _NOTE.sub("", _ABSTRACT.sub("", text))
    text = _DIRECTIVE.sub("", text)
    text = _ADMONITION.sub(r"\1", text)
    text = _UNDERLINED.sub("", text)
    text = _RULE.sub("", text)
    text = _MARKDOWN_LINK.sub(r"\1", text)
    text = _LINK.sub(r"\1", _ROLE.sub(r"`\1`", text)).replace("``", "`")
    text = "\n".join(line.rstrip() for line in _LITERAL.sub(":", text).split("\n"))
    return _EMPTY_LINES.sub("\n\n", text).strip()
