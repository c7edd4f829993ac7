"""Take the pictures of docs/pictures.

usage: ./dev pictures [NAME ...]        (without NAME: all of tests/pictures/shots.py)

One shop of real processes is opened for all of them. A picture that is no longer in the list is removed.
Exit status 1 where a page had something to complain of, or chromium is missing.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser

from tests.e2e.browser.driver import Visitor, Visitors, browser
from tests.e2e.browser.shop import Shop, open_shop
from tests.house_sources import ROOT
from tests.pictures.png import as_png
from tests.pictures.shots import SHOTS, Shot

PICTURES: Final = ROOT / "docs/pictures"
PIXELS: Final = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const { data } = canvas.getImageData(0, 0, image.width, image.height);
  let text = "";
  for (let at = 0; at < data.length; at += 9999) text += String.fromCharCode(...data.subarray(at, at + 9999));
  return [image.width, image.height, btoa(text)];
}"""


def main(argv: list[str]) -> int:
    """Return 0 where all pictures asked for were taken."""
    unknown = set(argv) - {shot.name for shot in SHOTS}
    program = shutil.which("chromium")
    if unknown or program is None:
        said = f"there is no picture {', '.join(sorted(unknown))}" if unknown else "chromium is not installed"
        print(f"error: {said}", file=sys.stderr)
        return 1
    complaints = asyncio.run(_take_all(program, [shot for shot in SHOTS if not argv or shot.name in argv]))
    for file in set(PICTURES.glob("*.png")) - {PICTURES / shot.file for shot in SHOTS}:
        file.unlink()
    for complaint in complaints:
        print(f"error: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


async def _take_all(program: str, shots: list[Shot]) -> list[str]:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dangol-pictures-") as folder:
        async with open_shop(Path(folder)) as opened, browser(program) as chromium:
            return [one for shot in shots for one in await _take(chromium, opened, shot)]


async def _take(chromium: Browser, opened: Shop, shot: Shot) -> list[str]:
    """Take one picture; return what its visitor complained of."""
    visitors = Visitors(chromium)
    visitor = await visitors.come(shot.screen, shot.language)
    await visitor.page.goto(opened.address + shot.path)
    await shot.reach(opened, visitor)
    file = PICTURES / shot.file
    file.write_bytes(await picture(visitor))
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")
    return [f"{shot.file}: {complaint}" for complaint in await visitors.leave()]


async def picture(visitor: Visitor) -> bytes:
    """Return what somebody sees, as a small PNG, without a blinking caret."""
    taken = await visitor.page.screenshot(animations="disabled", caret="hide")
    asked = base64.b64encode(taken).decode()
    width, height, pixels = await (await visitor.context.new_page()).evaluate(PIXELS, asked)
    return as_png(width, height, base64.b64decode(pixels))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
