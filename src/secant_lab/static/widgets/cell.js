// A shadow tree within a notebook: the notebook's styles do not enter it, and ours do
// not leave it.

import { paintLike } from "../charts.js"

const BASE = `
  :host { display: block; }
  #cell { container-type: inline-size; border-radius: 14px; }
  :where(#room) { padding: clamp(12px, 2cqi, 24px); }
`

// `render(room)` draws into an element, and returns a function that ends it.
export function cell(el, sheets, render) {
  const host = document.createElement("div")
  // The notebook must not take typed keys for commands.
  host.dataset.lmSuppressShortcuts = "true"
  const tree = host.attachShadow({ mode: "open" })
  tree.adoptedStyleSheets = [...sheets, BASE].map((text) => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(text)
    return sheet
  })
  tree.innerHTML = `<div id="cell"><div id="room"></div></div>`
  el.append(host)
  paintLike(host)
  let end = null
  let placed = false
  const look = (anew = false) => {
    const theme = isDark(el) ? "dark" : "light"
    if (!placed || (!anew && host.dataset.theme === theme)) return
    host.dataset.theme = theme
    if (end) dispatchEvent(new Event("theme"))
    else end = render(tree.getElementById("room")) ?? (() => {})
  }
  // Outside the notebook it has neither a size nor colours, and notebooks remove cells
  // that are scrolled away.
  const place = new ResizeObserver(() => {
    const there = host.isConnected && host.clientWidth > 0
    if (there === placed) return
    placed = there
    look(true)
  })
  place.observe(host)
  // Notebooks change their colours by an attribute or a class of these two elements.
  const watch = new MutationObserver(() => setTimeout(look, 100))
  for (const root of [document.documentElement, document.body]) watch.observe(root, { attributes: true })
  return () => {
    place.disconnect()
    watch.disconnect()
    end?.()
    host.remove()
  }
}

// Whether the background of an element is dark, in any notebook.
function isDark(element) {
  for (let behind = element; behind; behind = behind.parentElement) {
    const [red, green, blue, opaque = 1] = getComputedStyle(behind).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? []
    if (opaque > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128
  }
  return matchMedia("(prefers-color-scheme: dark)").matches
}
