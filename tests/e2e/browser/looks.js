// What tests ask of a page that is shown. Every check returns sentences, one for each fault.
window.looks = (() => {
  const CONTROLS =
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex], [contenteditable=true]," +
    " [role=button], [role=link], [role=checkbox], [role=switch], [role=tab], [role=menuitem]";
  const SEEN_BY = ["boxShadow", "borderColor", "backgroundColor", "color", "textDecorationLine"];

  const scope = () => document.querySelector("dialog:modal") ?? document;
  const rendered = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
  const clipped = (e) => {
    const box = e.getBoundingClientRect();
    return box.width <= 1 || box.height <= 1 || box.right <= 0 || box.bottom + scrollY <= 0;
  };
  const told = (e) => {
    const words = (e.getAttribute("aria-label") || e.textContent || e.value || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `${e.localName}${e.id ? "#" + e.id : ""}${e.name ? `[name=${e.name}]` : ""} "${words}"`;
  };

  // Contrast, by WCAG 2.2 (1.4.3).
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => {
    const a = top[3] + below[3] * (1 - top[3]);
    const mix = (i) => (a ? (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / a : 0);
    return [mix(0), mix(1), mix(2), a];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  // The ratio of a colour on an element as it is painted; null where an image lies behind it.
  const contrastOn = (e, colour, opacity = 1) => {
    let text = rgba(colour);
    let ground = [0, 0, 0, 0];
    text[3] *= opacity;
    for (let at = e; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (ground[3] < 1 && style.backgroundImage !== "none" && style.backgroundRepeat !== "no-repeat") return null;
      const own = rgba(style.backgroundColor);
      text = over(text, own);
      ground = over(ground, own);
      text[3] *= +style.opacity;
      ground[3] *= +style.opacity;
    }
    const paper = [255, 255, 255, 1];
    return ratio(over(text, paper), over(ground, paper));
  };

  const texts = function* () {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const e = node.parentElement;
      if (!node.data.trim() || !rendered(e) || clipped(e)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      if (!range.getClientRects().length) continue;
      const style = getComputedStyle(e);
      yield [e, e instanceof SVGElement ? style.fill : style.color, 1, node.data.trim()];
    }
    for (const e of document.body.querySelectorAll("*")) {
      if (!rendered(e) || clipped(e)) continue;
      for (const side of ["::before", "::after"]) {
        const style = getComputedStyle(e, side);
        if (/^".*\S.*"/.test(style.content)) yield [e, style.color, +style.opacity, style.content];
      }
      if (!e.matches("input:not([type=checkbox], [type=radio], [type=range], [type=color]), textarea, select")) continue;
      const hint = getComputedStyle(e, "::placeholder");
      if (e.value) yield [e, getComputedStyle(e).color, 1, e.value];
      else if (e.placeholder) yield [e, hint.color, +hint.opacity, e.placeholder];
    }
  };
  const contrast = (least) => {
    const faults = [];
    for (const [e, colour, opacity, words] of texts()) {
      const found = contrastOn(e, colour, opacity);
      const what = `${told(e)}: "${words.replace(/\s+/g, " ").slice(0, 40)}"`;
      if (found === null) faults.push(`${what} stands on an image`);
      else if (found < least - 0.005) faults.push(`${what} has a contrast of ${found.toFixed(2)}, less than ${least}`);
    }
    return [...new Set(faults)];
  };

  // What is named by a hint that goes as soon as somebody types.
  const hinted = () =>
    [...document.querySelectorAll("input[placeholder], textarea[placeholder]")]
      .filter((e) => rendered(e) && !e.labels.length && !["aria-label", "aria-labelledby", "title"].some((name) => e.getAttribute(name)))
      .map((e) => `${told(e)} is named by its placeholder alone`);

  const targets = (least) => {
    const faults = [];
    for (const e of document.querySelectorAll(CONTROLS)) {
      if (!rendered(e) || e.matches(":disabled") || (e.getAttribute("tabindex") === "-1" && !e.matches("a, button"))) continue;
      if (clipped(e) && !e.labels?.length) continue; // shown to who comes by keyboard alone
      const around = e.parentElement.textContent.trim() !== e.textContent.trim();
      if (e.localName === "a" && getComputedStyle(e).display === "inline" && around) continue; // in a sentence
      const boxes = [e, ...(e.labels ?? [])].map((one) => one.getBoundingClientRect());
      const width = Math.max(...boxes.map((box) => box.right)) - Math.min(...boxes.map((box) => box.left));
      const height = Math.max(...boxes.map((box) => box.bottom)) - Math.min(...boxes.map((box) => box.top));
      if (width < least - 0.5 || height < least - 0.5)
        faults.push(`${told(e)} is ${Math.round(width)} x ${Math.round(height)} px, less than ${least}`);
    }
    return faults;
  };

  // Words that are parted in the middle where nobody would: a key or a heading that is too narrow for what it says.
  const broken = () => {
    const faults = [];
    for (const e of document.querySelectorAll("a, button, summary, label, th, h1, h2, h3")) {
      if (!rendered(e) || clipped(e)) continue;
      const walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!rendered(node.parentElement) || getComputedStyle(node.parentElement).wordBreak === "break-all") continue;
        for (const { 0: word, index } of node.data.matchAll(/[\p{L}\p{N}]{2,24}/gu)) {
          const range = document.createRange();
          range.setStart(node, index);
          range.setEnd(node, index + word.length);
          const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
          if (tops.size > 1) faults.push(`${told(e)} parts the word "${word}"`);
        }
      }
    }
    return [...new Set(faults)];
  };

  const sideways = () => {
    const page = document.scrollingElement;
    if (page.scrollWidth <= page.clientWidth) return [];
    const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > page.clientWidth + 1);
    const least = wide.filter((e) => ![...e.children].some((child) => wide.includes(child)));
    return [`the page is ${page.scrollWidth} px wide on ${page.clientWidth}: ${least.slice(0, 3).map(told).join(", ")}`];
  };

  const language = (wanted) => {
    const faults = [];
    if (document.documentElement.lang !== wanted) faults.push(`lang is "${document.documentElement.lang}", not "${wanted}"`);
    if (!document.title.trim()) faults.push("the page has no title");
    return faults;
  };

  // Stops of Tab, in the order of the document; of a group of radio buttons Tab knows one.
  const stops = () => {
    const found = [...scope().querySelectorAll(CONTROLS)].filter(
      (e) => e.tabIndex >= 0 && !e.matches(":disabled") && !e.closest("[inert]") && e.checkVisibility({ visibilityProperty: true }));
    const chosen = (e) => {
      const group = found.filter((one) => one.type === "radio" && one.name === e.name && one.form === e.form);
      return group.find((one) => one.checked) ?? group[0];
    };
    return found.filter((e) => e.type !== "radio" || !e.name || chosen(e) === e);
  };
  const style = (e) => {
    const now = getComputedStyle(e);
    return SEEN_BY.map((name) => now[name]).join("|");
  };
  const layer = (e) => {
    for (let at = e; at; at = at.parentElement) if (["fixed", "sticky"].includes(getComputedStyle(at).position)) return at;
    return null;
  };
  let plain = [];
  // Take the focus away; return what is wrong with the order, and how many stops there are.
  const begin = () => {
    document.activeElement?.blur();
    scrollTo(0, 0);
    const all = stops();
    plain = all.map((e) => [style(e), style(e.parentElement)].join());
    const faults = all.filter((e) => e.tabIndex > 0).map((e) => `${told(e)} has tabindex ${e.tabIndex}`);
    for (let i = 1; i < all.length; i++) {
      const [before, after] = [all[i - 1], all[i]];
      if (layer(before) !== layer(after) || clipped(before) || clipped(after)) continue;
      const [a, b] = [before.getBoundingClientRect(), after.getBoundingClientRect()];
      const level = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > Math.min(a.height, b.height) / 2;
      if (level ? b.right <= a.left + 1 : b.bottom <= a.top + 1 && b.left < a.right)
        faults.push(`the focus goes from ${told(before)} back to ${told(after)}`);
    }
    return { count: all.length, names: all.map(told), faults };
  };
  // Where the focus is: which stop (-1: nowhere, -2: something else), and what is wrong with how it shows.
  const here = () => {
    for (const one of document.getAnimations()) if (one.effect?.getComputedTiming().endTime !== Infinity) one.finish();
    const e = document.activeElement;
    if (!e || e === document.body || e === document.documentElement) return { stop: -1, faults: [] };
    const stop = stops().indexOf(e);
    const scrolls = e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight;
    if (stop < 0) return { stop: -2, faults: scrolls ? [] : [`the focus is on ${told(e)}, which is no control`] };
    const now = getComputedStyle(e);
    const ring = now.outlineStyle !== "none" && parseFloat(now.outlineWidth) > 0 && rgba(now.outlineColor)[3] > 0;
    const faults = [];
    if (!ring && plain[stop] === [style(e), style(e.parentElement)].join()) faults.push(`nobody sees that ${told(e)} has the focus`);
    const box = e.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (top && !clipped(e) && !e.contains(top) && !top.contains(e) && ![...(e.labels ?? [])].some((label) => label.contains(top)))
      faults.push(`${told(e)} has the focus and lies under ${told(top)}`);
    return { stop, faults };
  };

  return { contrast, hinted, targets, broken, sideways, language, begin, here };
})();
