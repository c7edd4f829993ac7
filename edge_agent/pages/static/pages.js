// What makes the till's pages quick. Every form and link works without it; it computes nothing.
//   live      <body data-live="ADDRESS">: parts ([data-part]) come again when they change; silence greys them
//   forms     answered in place, by the page that the answer leads to
//   scanner   <input data-scan>: has the focus again after everything; keys that come faster than a hand are a scan
const SILENCE_MS = 8000
const WATCH_MS = 500
const SLOW_MS = 400
const AGAIN_MS = 1000

let stream = null
let heard = performance.now()

function tone(lost) {
  document.body.classList.toggle("is-lost", lost)
  document.getElementById("stream-lost").hidden = !lost
}

function hear() {
  heard = performance.now()
  tone(false)
}

// A part that somebody presses, types in, or has opened, waits until they are done: unless it is of somebody else now.
function isBusy(part, next) {
  if (part.querySelector("[data-of]")?.dataset.of !== next.querySelector("[data-of]")?.dataset.of) return false
  const focused = document.activeElement
  const typing = part.contains(focused) && focused.matches("input, select, textarea")
  return typing || part.matches(":active") || part.querySelector("details[open], [aria-busy]")
}

const waiting = new Map()

// What a screen reader says by itself: what is marked as news, when it changes; not each age that ticks.
function newsOf(part) {
  return [...part.querySelectorAll("[data-news]")].map((one) => one.textContent.trim()).join(" ").trim()
}

function announce(text) {
  document.getElementById("news").textContent = text
}

function sameIn(part, control) {
  if (control.id) return document.getElementById(control.id)
  return [...part.querySelectorAll(control.localName)].find((one) => one.isEqualNode(control))
}

function put(name, html) {
  for (const part of document.querySelectorAll(`[data-part="${CSS.escape(name)}"]`)) {
    const next = document.createElement("template")
    next.innerHTML = html
    if (isBusy(part, next.content)) {
      waiting.set(name, html)
      continue
    }
    waiting.delete(name)
    const before = newsOf(part)
    const focused = part.contains(document.activeElement) ? document.activeElement : null
    part.replaceChildren(next.content)
    if (focused) sameIn(part, focused)?.focus()
    if (newsOf(part) !== before) announce(newsOf(part))
  }
}

function listen() {
  stream?.close()
  stream = null
  const address = document.body.dataset.live
  if (!address) return tone(false)
  stream = new EventSource(address)
  stream.addEventListener("open", hear)
  stream.addEventListener("beat", hear)
  stream.addEventListener("parts", (event) => {
    for (const [name, html] of Object.entries(JSON.parse(event.data))) put(name, html)
    hear()
    document.dispatchEvent(new Event("dangol:parts"))
  })
  stream.addEventListener("ended", () => location.reload())
}

setInterval(() => {
  for (const [name, html] of waiting) put(name, html)
  if (stream === null || performance.now() - heard <= SILENCE_MS) return
  tone(true)
  if (stream.readyState === EventSource.CLOSED) listen()
}, WATCH_MS)

function show(html, address, method) {
  waiting.clear()
  const next = new DOMParser().parseFromString(html, "text/html")
  document.title = next.title
  document.documentElement.lang = next.documentElement.lang
  document.body.className = next.body.className
  for (const name of ["data-live"]) {
    if (next.body.hasAttribute(name)) document.body.setAttribute(name, next.body.getAttribute(name))
    else document.body.removeAttribute(name)
  }
  document.querySelector("header.top").replaceWith(next.querySelector("header.top"))
  document.getElementById("main").replaceWith(next.getElementById("main"))
  if (address !== location.href && method === "push") history.pushState({}, "", address)
  ;(document.querySelector("[autofocus]") ?? document.getElementById("main")).focus({ preventScroll: true })
  announce([...document.querySelectorAll("main .said:not([role=alert])")].map((one) => one.textContent.trim()).join(" "))
  heard = performance.now()
  listen()
  document.dispatchEvent(new Event("dangol:page"))
}

// Where scans are, a press is of the page that is seen: while a scan is looked up nothing is done for who is still there,
// and what is pressed again as the page comes was pressed once.
let pressed = { action: "", at: -Infinity }

function isInTime(form) {
  if (form.hasAttribute("aria-busy")) return false
  if (!document.querySelector("[data-scan]") || form.matches("[role=search], .language")) return true
  if (silence || document.querySelector("form[aria-busy]")) return false
  return form.action !== pressed.action || performance.now() - pressed.at > AGAIN_MS
}

async function send(form, submitter) {
  const slow = setTimeout(() => (document.getElementById("slow").hidden = false), SLOW_MS)
  const body = new FormData(form, submitter)
  const files = [...body.values()].some((value) => value instanceof File)
  form.setAttribute("aria-busy", "true")
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: files ? body : new URLSearchParams(body),
      headers: { Accept: "text/html" },
    })
    if (!answer.headers.get("content-type")?.startsWith("text/html")) return location.reload()
    show(await answer.text(), answer.url, "push")
    pressed = { action: form.action, at: performance.now() }
  } catch {
    tone(true) // the agent is away: the form stays as it was typed, and may be sent again
    queued = scanned.text = ""
  } finally {
    clearTimeout(slow)
    document.getElementById("slow").hidden = true
    form.removeAttribute("aria-busy")
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target
  if (form.method !== "post" || form.dataset.plain !== undefined) return
  event.preventDefault()
  if (isInTime(form)) send(form, event.submitter)
})

// A scanner is a keyboard that types faster than people, though it may falter. What it typed is read from the keys
// themselves: so it is the same on a Korean layout, and wherever the focus was. It ends by Enter or Tab, or by silence
// where it sends none.
const KEY_MS = 40 // from one key to the next, on the whole
const SILENT_MS = 120
const SCAN_LENGTH_MIN = 6
const SAME_SCAN_MS = 2000
const KEYS = /^(?:Digit|Numpad|Key)([0-9A-Z])$/
const SIGNS = { Minus: ["-", "_"], NumpadSubtract: ["-", "-"], Equal: ["=", "+"], Period: [".", ">"], Slash: ["/", "?"] }
const ENDS = ["Enter", "NumpadEnter", "Tab"]
const start = performance.now()
let burst = { text: document.querySelector("[data-scan]:focus")?.value ?? "", from: start, at: start } // before this ran
let scanned = { text: "", at: -Infinity }
let queued = ""
let silence = 0

function letterOf(event) {
  const key = KEYS.exec(event.code)?.[1]
  if (key) return event.shiftKey ? key : key.toLowerCase()
  return SIGNS[event.code]?.[event.shiftKey ? 1 : 0] ?? ""
}

function isScan() {
  return burst.text.length >= SCAN_LENGTH_MIN && burst.at - burst.from <= KEY_MS * burst.text.length
}

function submitScan() {
  const field = document.querySelector("[data-scan]")
  clearTimeout(silence)
  silence = 0
  if (!field) return
  if (isElsewhere(field)) takeBack(document.activeElement)
  const text = burst.text
  const again = text === scanned.text && burst.at - scanned.at < SAME_SCAN_MS
  burst = { text: "", from: 0, at: -Infinity }
  scanned = { text, at: performance.now() }
  const next = document.getElementById(field.dataset.scanNext ?? "")
  field.value = again && !next ? "" : text
  if (next) return next.focus()
  if (again) return
  if (field.form.hasAttribute("aria-busy")) queued = text
  else enter(text)
}

document.addEventListener("dangol:page", () => {
  const text = queued
  queued = ""
  if (text) enter(text)
})

// What a scanner typed into another field goes where it belongs.
function takeBack(other) {
  if (other.value.endsWith(burst.text)) other.value = other.value.slice(0, -burst.text.length)
}

function enter(text) {
  const field = document.querySelector("[data-scan]")
  if (!field) return
  field.value = text
  field.form.requestSubmit()
}

function isElsewhere(field) {
  const focused = document.activeElement
  return focused !== field && focused.matches("input, select, textarea")
}

document.addEventListener(
  "keydown",
  (event) => {
    const field = document.querySelector("[data-scan]")
    if (!field || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return
    if (document.activeElement.type === "password") return // a PIN is typed fast, and is no code
    const now = event.timeStamp // when it was pressed: a busy page hears of it late
    const goesOn = now - burst.at <= SILENT_MS
    if (event.key === "Enter" || ENDS.includes(event.code)) {
      // an input method that is still at a syllable says another key, and the same code
      if (!goesOn || !isScan()) return
      event.preventDefault()
      return submitScan()
    }
    const letter = letterOf(event)
    if (!letter) return
    clearTimeout(silence)
    silence = 0
    if (!goesOn) burst = { text: "", from: now }
    burst = { text: burst.text + letter, from: Math.min(burst.from, now), at: now }
    if (!isElsewhere(field) && document.activeElement !== field) field.focus()
    if (isScan()) silence = setTimeout(submitScan, SILENT_MS)
  },
  true,
)

document.addEventListener("click", (event) => {
  if (!event.target.closest("a, button, input, select, textarea, summary, label, [data-keep]")) {
    document.querySelector("[data-scan]:not([data-scan-next])")?.focus()
  }
})

document.addEventListener("keydown", (event) => {
  const way = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)
  if (!way || event.repeat) return
  event.preventDefault()
  way.click()
})

addEventListener("popstate", () => location.reload())

listen()
