"""What judges pages finds every fault that a page can have, and none in one that has none."""

from __future__ import annotations

import pytest

from tests.e2e.browser.driver import DESKTOP, PHONE, Screen, Visitors
from tests.e2e.browser.looks import look
from tests.e2e.browser.small_pages import GOOD

pytestmark = pytest.mark.asyncio(loop_scope="session")

RADIO = (
    "<label style='display: inline-block; padding: 20px 99px 20px 0'><input type=radio name=r {1}>{0}</label>"
)


async def faults(visitors: Visitors, body: str, screen: Screen = DESKTOP, language: str = "en") -> list[str]:
    """Return the faults of the good page with something more in its body."""
    visitor = await visitors.come(screen)
    await visitor.page.set_content(GOOD.replace("</body>", f"{body}</body>"))
    return await look(visitor, language)


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=lambda screen: screen.name)
async def test_a_page_without_a_fault_has_none(visitors: Visitors, screen: Screen) -> None:
    assert await faults(visitors, "", screen) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<button></button>", "<button > is a button without a name"),
        ("<button><img src='data:,'></button>", "is a button without a name"),
        ("<img src='data:,' width=9 height=9>", "is a image without a name"),
        ("<input id=pin type=password>", '<input id="pin" type="password"> is a textbox without a name'),
        ("<select><option>A</select>", "<select > is a combobox without a name"),
        ("<input placeholder=Card>", "named by its placeholder alone"),
        ("<p style='color: #777'>pale", "has a contrast of 4.48, less than 4.5"),
        ("<p style='opacity: .5'>faded", "faded"),
        ("<div style='background: #000'><p>dark on dark", "has a contrast of 1.3"),
        ("<p style='background: linear-gradient(red, blue)'>on an image", "stands on an image"),
        ("<input aria-label=Card value=pale style='color: #999'>", "has a contrast of 2.8"),
        ("<style>::placeholder { color: #aaa }</style><input aria-label=Card placeholder=pale>", "pale"),
        ("<style>h1::after { content: 'more'; color: #ccc }</style>", '""more"" has a contrast of 1.6'),
        ("<svg width=99 height=20><text y=15 fill=#ccc>drawn</text></svg>", "drawn"),
        ("<button tabindex=2>First</button>", "has tabindex 2"),
        ("<button tabindex=2>First</button><button>Last</button>", 'button "Last", button "First"'),
        ("<p style='display: flex; flex-direction: row-reverse'><button>A1</button><button>B2</button></p>",
         'from button "A1" back to button "B2"'),
        ("<div style='display: grid'><button style='order: 2'>A1</button><button>B2</button></div>",
         'from button "A1" back to button "B2"'),
        ("<button onfocus='this.blur()'>Shy</button>", 'Tab never reaches button "Shy"'),
        ("<style>button:focus { outline: none }</style>", 'nobody sees that button "Visit" has the focus'),
        ("<p style='position: fixed; inset: 0; background: #fff'>Wait", "has the focus and lies under"),
        ("<div style='width: 3000px'>wide</div>", "the page is 3016 px wide on 1366"),
        ("<button style='width: 44px; overflow-wrap: anywhere'>Findings</button>", 'the word "Findings"'),
        ("<script>document.title = ''</script>", "the page has no title"),
        ("<script>document.documentElement.lang = 'ko'</script>", 'lang is "ko", not "en"'),
    ],
)  # fmt: skip
async def test_a_fault_is_found(visitors: Visitors, body: str, fault: str) -> None:
    found = await faults(visitors, body)
    assert [one for one in found if fault in one], found


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<button style='min-width: 0; width: 40px'>X</button>", 'button "X" is 40 x 44 px'),
        ("<a href='#a' style='min-height: 0'>Go</a>", 'a "Go" is 44 x'),
        ("<label><input type=checkbox style='min-width: 0; min-height: 0'></label>", "is 20 x 19 px"),
    ],
)
async def test_what_a_finger_misses_is_found_on_a_phone_alone(
    visitors: Visitors, body: str, fault: str
) -> None:
    found = await faults(visitors, body, PHONE)
    assert [one for one in found if fault in one], found
    assert not [one for one in await faults(visitors, body, DESKTOP) if fault in one]


@pytest.mark.parametrize(
    "body",
    [
        "<label style='display: inline-block; padding: 16px 99px 16px 9px'>Yes <input type=checkbox></label>",
        "<p>Read <a href='#a'>this</a> first</p>",
        "<p style='display: none; color: #eee'>unseen <button></button>",
        f"{RADIO.format('A', '')}{RADIO.format('B', 'checked')}",
        "<div style='color: #fff; opacity: .9'><p style='background: #000'>light on dark</div>",
        "<div style='columns: 2'><button>A1</button><br><button>B2</button><br><button>C3</button></div>",
        "<div style='position: fixed; bottom: 0; height: 50px'><button>Below</button></div>",
    ],
)
async def test_what_only_looks_like_a_fault_is_none(visitors: Visitors, body: str) -> None:
    assert await faults(visitors, body, PHONE) == []


async def test_of_a_page_with_an_open_dialog_the_dialog_is_judged(visitors: Visitors) -> None:
    visitor = await visitors.come()
    dialog = (
        "<dialog aria-label='Sure?'><button style='outline: none'>Yes</button><button>No</button></dialog>"
    )
    await visitor.page.set_content(GOOD.replace("</body>", f"{dialog}</body>"))
    await visitor.page.evaluate("document.querySelector('dialog').showModal()")
    assert await look(visitor, "en") == ['nobody sees that button "Yes" has the focus']
