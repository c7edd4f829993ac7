"""Whether a page can be used by everybody: names, contrast, focus, size of targets, language, width.

Each check returns one sentence for each fault; `looks.js` is what the page is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.e2e.browser.driver import Visitor

CONTRAST_MIN: Final = 4.5
"""WCAG 2.2, 1.4.3, for text of any size."""

TARGET_MIN_PX: Final = 44
NAMED_ROLES: Final = (
    "button link textbox searchbox combobox checkbox radio switch tab menuitem slider spinbutton listbox"
    " DisclosureTriangle image dialog"
)
_LOOKS: Final = (Path(__file__).parent / "looks.js").read_text("utf-8")


async def look(visitor: Visitor, language: str) -> list[str]:
    """Return every fault of the page that a visitor has before them."""
    faults = [
        *await unnamed(visitor),
        *await low_contrast(visitor),
        *await wrong_language(visitor, language),
        *await sideways(visitor),
        *await broken_words(visitor),
        *await lost_focus(visitor),
    ]
    return faults + (await small_targets(visitor) if visitor.screen.touch else [])


async def unnamed(visitor: Visitor) -> list[str]:
    """Return controls and images that chromium's own accessibility tree has no name for."""
    tree = await visitor.cdp.send("Accessibility.getFullAXTree")
    faults = []
    for node in tree["nodes"]:
        role = node.get("role", {}).get("value")
        if (
            node["ignored"]
            or role not in NAMED_ROLES.split()
            or node.get("name", {}).get("value", "").strip()
        ):
            continue
        asked = {"backendNodeId": node["backendDOMNodeId"]}
        found = (await visitor.cdp.send("DOM.describeNode", asked))["node"]
        words = found.get("attributes", [])
        pairs = " ".join(f'{name}="{value}"' for name, value in zip(words[::2], words[1::2], strict=True))
        faults.append(f"<{found['localName']} {pairs}> is a {role} without a name")
    return faults + await _faults(visitor, "hinted()")


async def low_contrast(visitor: Visitor) -> list[str]:
    """Return texts that are hard to read on what is behind them."""
    return await _faults(visitor, f"contrast({CONTRAST_MIN})")


async def small_targets(visitor: Visitor) -> list[str]:
    """Return controls that a finger misses; links within a sentence are not counted."""
    return await _faults(visitor, f"targets({TARGET_MIN_PX})")


async def sideways(visitor: Visitor) -> list[str]:
    """Return what makes the page wider than the screen."""
    return await _faults(visitor, "sideways()")


async def broken_words(visitor: Visitor) -> list[str]:
    """Return keys and headings that are so narrow that they part a word."""
    return await _faults(visitor, "broken()")


async def wrong_language(visitor: Visitor, language: str) -> list[str]:
    """Return whether the page says that it is in another language, or has no title."""
    return await _faults(visitor, f"language({language!r})")


TABS_A_STOP: Final = 6
"""The most parts of one control that Tab stops at: a date has day, month, year and a calendar."""


async def lost_focus(visitor: Visitor) -> list[str]:
    """Go through the page by Tab, once around; return where the focus jumps, hides or does not come."""
    begun: dict[str, Any] = await _ask(visitor, "begin()")
    names, faults, order = begun["names"], list(begun["faults"]), list[int]()
    for _ in range(TABS_A_STOP * len(names) + 2):
        await visitor.page.keyboard.press("Tab")
        here: dict[str, Any] = await _ask(visitor, "here()")
        if here["stop"] >= 0 and here["stop"] in order[-1:]:
            continue  # a part of the same control, as a date has them
        if here["stop"] in order:
            break
        faults += here["faults"]
        order += [here["stop"]] if here["stop"] >= 0 else []
    faults += [f"Tab never reaches {name}" for stop, name in enumerate(names) if stop not in order]
    turned = order[order.index(min(order)) :] + order[: order.index(min(order))] if order else []
    if turned != sorted(turned):
        faults.append("Tab goes " + ", ".join(names[stop] for stop in turned))
    return faults


async def _faults(visitor: Visitor, what: str) -> list[str]:
    return list(map(str, await _ask(visitor, what)))


async def _ask(visitor: Visitor, what: str) -> Any:
    asked = f"() => {{ if (!window.looks) {{ {_LOOKS} }} return window.looks.{what} }}"
    return await visitor.page.evaluate(asked)
