// The frame: rooms, language, light and dark.

import { language, onLanguage, speak, translate, words } from "./i18n.js"
import * as link from "./link.js"
import * as check from "./rooms/check/room.js"
import * as descent from "./rooms/descent/room.js"
import * as draw from "./rooms/draw/room.js"
import * as slope from "./rooms/slope/room.js"
import * as training from "./rooms/training/room.js"

const ROOMS = { slope, descent, training, draw, check }
const $ = (id) => document.getElementById(id)
let leave = () => {}

function enter() {
  const { room, values } = link.read()
  const name = room in ROOMS ? room : "slope"
  leave()
  $("room").replaceChildren()
  $("room").className = ""
  for (const name of Object.keys($("room").dataset)) delete $("room").dataset[name]
  for (const tab of $("rooms").children) {
    if (tab.dataset.room === name) tab.setAttribute("aria-current", "page")
    else tab.removeAttribute("aria-current")
  }
  const model = ROOMS[name].connect(values, (state) => link.write(name, state))
  entitle()
  leave = ROOMS[name].default.render({ model, el: $("room") }) ?? (() => {})
}

// The title of a tab names its room.
function entitle() {
  const room = $("rooms").querySelector("[aria-current]").dataset.room
  document.title = `${words(`room.${room}`)} · ${words("app.title")}`
}

function say() {
  document.documentElement.lang = language()
  translate(document)
  $("language").lang = language() === "ko" ? "en" : "ko"
  entitle()
}

function show(theme) {
  document.documentElement.dataset.theme = theme
  dispatchEvent(new Event("theme"))
}

for (const name of Object.keys(ROOMS)) {
  const tab = document.createElement("a")
  tab.href = `#${name}`
  tab.dataset.room = name
  tab.dataset.text = `room.${name}`
  $("rooms").append(tab)
}

const dark = matchMedia("(prefers-color-scheme: dark)")
let chosen = null
try {
  chosen = localStorage.getItem("theme")
} catch {
  // Without storage, the system's choice applies.
}
show(chosen ?? (dark.matches ? "dark" : "light"))
dark.addEventListener("change", () => chosen ?? show(dark.matches ? "dark" : "light"))

$("theme").addEventListener("click", () => {
  chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark"
  try {
    localStorage.setItem("theme", chosen)
  } catch {
    // Without storage, the choice lasts until the page closes.
  }
  show(chosen)
})
$("language").addEventListener("click", () => speak(language() === "ko" ? "en" : "ko"))
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.href)
  $("copy").textContent = $("announcer").textContent = words("app.copied")
  setTimeout(() => ($("copy").textContent = words("app.copy")), 2000)
})
// A link within the page, which opens no room.
$("skip").addEventListener("click", (event) => {
  event.preventDefault()
  $("room").focus()
})

link.forgetToken()
onLanguage(say)
addEventListener("hashchange", enter)
enter()
say()
