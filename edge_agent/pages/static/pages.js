// What makes the till's pages quick. Every form and link works without it; it computes nothing.
//   live      <body data-live="ADDRESS">: parts ([data-part]) come again when they change; silence greys them
//   forms     answered in place, by the page that the answer leads to
const SILENCE_MS = 8000
const WATCH_MS = 500

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

// A part that somebody types in, or has opened, waits until they are done.
function isBusy(part) {
  const focused = document.activeElement
  return (part.contains(focused) && focused.matches("input, select, textarea")) || part.querySelector("details[open]")
}

function put(name, html) {
  for (const part of document.querySelectorAll(`[data-part="${CSS.escape(name)}"]`)) {
    if (isBusy(part)) continue
    const id = part.contains(document.activeElement) ? document.activeElement.id : ""
    part.innerHTML = html
    if (id) document.getElementById(id)?.focus()
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
  if (stream === null || performance.now() - heard <= SILENCE_MS) return
  tone(true)
  if (stream.readyState === EventSource.CLOSED) listen()
}, WATCH_MS)

function show(html, address, method) {
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
  ;(document.querySelector("[autofocus]") ?? document.getElementById("main")).focus()
  heard = performance.now()
  listen()
  document.dispatchEvent(new Event("dangol:page"))
}

async function send(form, submitter) {
  const body = new FormData(form, submitter)
  const files = [...body.values()].some((value) => value instanceof File)
  form.setAttribute("aria-busy", "true")
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: files ? body : new URLSearchParams(body),
      headers: { Accept: "text/html" },
    })
    if (!answer.headers.get("content-type")?.startsWith("text/html")) return form.submit()
    show(await answer.text(), answer.url, "push")
  } catch {
    tone(true) // the agent is away: the form stays as it was typed, and may be sent again
  } finally {
    form.removeAttribute("aria-busy")
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target
  if (form.method !== "post" || form.dataset.plain !== undefined) return
  event.preventDefault()
  if (form.getAttribute("aria-busy") !== "true") send(form, event.submitter)
})
addEventListener("popstate", () => location.reload())

listen()
