"""Model cards as Markdown that can be shown without their HTML and pictures.

Cards are written for a browser: half of them begin with centred `<img>`s. What is HTML is taken out (its text stays) or
becomes Markdown; a picture that is a link (a badge) becomes that link in words.
"""

from __future__ import annotations

import html
import re

LIMIT = 60_000
"""Characters; beyond it laying the text out would be felt."""
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_INVISIBLE = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"(?P<code>`+)[^`\n]+(?P=code)|</?(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<rest>(?:\s[^<>]*)?)/?>")
_INDENTED_TAG = re.compile(r"^[ \t]+(?=</?[a-zA-Z])", re.MULTILINE)
_BADGE = re.compile(r"\[!\[([^\[\]\n]*)\]\([^()\n]*\)\]\(")
_EMPTY_LINK = re.compile(r"(?<!!)\[\s*\]\([^()\n]*\)")
_ATTRIBUTE = re.compile(r"""\b(alt|src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_BLOCKS = frozenset(
    ("p", "div", "br", "tr", "table", "ul", "ol", "details", "summary", "center", "section", "hr", "pre")
)
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}


def readable(card: str) -> str:
    """The card with its HTML and pictures turned into text and links. Code is left as it is."""
    pieces: list[str] = []
    text: list[str] = []
    fence = ""
    for line in card[:LIMIT].splitlines(keepends=True):
        mark = _FENCE.match(line)
        if not fence and mark:
            pieces.append(_plain("".join(text)))
            text, fence = [], mark[1]
            pieces.append(line)
        elif fence:
            pieces.append(line)
            if mark and mark[1].startswith(fence) and not line.strip(" `~\r\n"):
                fence = ""
        else:
            text.append(line)
    pieces.append(_plain("".join(text)))
    return "".join(pieces)


def _plain(text: str) -> str:
    """Markdown without HTML."""
    text = _INVISIBLE.sub("", _COMMENT.sub("", text))
    text = _BADGE.sub(lambda found: f"[{found[1].strip() or 'picture'}](", text)
    text = _INDENTED_TAG.sub("", text)  # four spaces would make code of what follows
    text = _TAG.sub(_replace_tag, text)
    text = _EMPTY_LINK.sub("", text)
    return html.unescape(text)


def _replace_tag(found: re.Match[str]) -> str:
    if found["code"]:
        return found[0]
    name = found["name"].lower()
    closing = found[0].startswith("</")
    if name == "img":
        values = _attributes(found["rest"])
        source = values.get("src", "")
        return f"![{values.get('alt', '').strip() or 'picture'}]({source})" if source.startswith("http") else ""
    if name in _HEADINGS:
        return "\n\n" if closing else f"\n\n{_HEADINGS[name]} "
    if name == "li":
        return "" if closing else "\n- "
    if name in ("b", "strong"):
        return "**"
    if name in ("code", "kbd", "tt"):
        return "`"
    if name == "td" and closing:
        return " "
    return "\n\n" if name in _BLOCKS else ""


def _attributes(text: str) -> dict[str, str]:
    return {
        found[1].lower(): next((part for part in found.groups()[1:] if part), "") for found in _ATTRIBUTE.finditer(text)
    }
