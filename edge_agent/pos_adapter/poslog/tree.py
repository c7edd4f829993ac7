"""The bytes of a transaction -> its elements, by local names: whatever namespace they are in, or none.

What is not well-formed by its letters (bytes of another encoding, control characters, unknown entities) is
mended and said; what is not by its tags is refused.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree

from edge_agent.pos_adapter.receipt import shown
from loyalty_core.errors import BadInput

_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]));"
)
"""What XML 1.0 has no place for, as it stands or by its number."""
_STRAY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_PREFIX: Final = re.compile(r"[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]")
PREFIXES_MAX: Final = 200
_FALLBACKS: Final = ("utf-8", "cp949")


def tree(raw: bytes, encoding: str) -> tuple[Element, tuple[str, ...]]:
    """Return the element of a transaction, all of it with local names, and what looked odd.

    Raises:
        BadInput: `xml_invalid`.
    """
    text, notices = _text(raw, encoding)
    clean = _STRAY.sub("&amp;", _FORBIDDEN.sub("", text))
    if clean != text:
        notices += ("characters that XML forbids were dropped or taken as text",)
    prefixes = sorted({*_PREFIX.findall(clean)} - {"xml", "xmlns"})
    if len(prefixes) > PREFIXES_MAX:
        raise BadInput(
            f"the transaction has names of {len(prefixes)} namespaces: it is no POSLog", code="xml_invalid"
        )
    spaces = "".join([f' xmlns:{prefix}="{prefix}"' for prefix in prefixes])
    try:
        # Inside of an element there can be no document type, so that nothing can be defined that grows.
        root = ElementTree.fromstring(f"<_{spaces}>{clean}</_>", forbid_dtd=True)
    except (ParseError, ValueError) as error:
        raise BadInput(
            f"the transaction is not well-formed XML ({shown(str(error).partition(':')[0])}): export it "
            "again, or mend it here",
            code="xml_invalid",
        ) from None
    for element in root.iter():
        element.tag = local(element.tag)
    found = child(root, "Transaction")
    if found is None:
        raise BadInput("there is no transaction in it", code="xml_invalid")
    return found, notices


def local(name: object) -> str:
    """Return a name without its namespace or prefix."""
    return str(name).rpartition("}")[2].rpartition(":")[2]


def children(element: Element | None, name: str) -> list[Element]:
    """Return the elements of a name that stand right below one."""
    return [] if element is None else element.findall(name)


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first element down a path of names, None where there is none."""
    return None if element is None else element.find("/".join(path))


def text(element: Element | None, *path: str) -> str:
    """Return the text of the element down a path, "" where there is none."""
    found = element if element is None or not path else element.find("/".join(path))
    return (found.text or "").strip() if found is not None else ""


def attribute(element: Element | None, name: str) -> str:
    """Return an attribute by its local name, "" where it is not there."""
    if element is None:
        return ""
    if name in element.attrib:
        return element.attrib[name].strip()
    return next((value.strip() for key, value in element.attrib.items() if local(key) == name), "")


def flag(element: Element | None, name: str) -> bool:
    """Tell whether an attribute says yes."""
    return attribute(element, name).lower() in {"true", "1", "yes", "y"}


def _text(raw: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    """Return the bytes as text: by what the file says, else by what they are."""
    wanted = encoding or "utf-8"
    for name in (wanted, *_FALLBACKS):
        try:
            found = raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        return found, () if name == wanted else (f"it is not {shown(wanted)}, as it should be, but {name}",)
    return raw.decode("utf-8", "replace"), (
        f"it is not {shown(wanted)}: letters that cannot be read became \ufffd",
    )
