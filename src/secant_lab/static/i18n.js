// Words in two languages, and which of them is spoken.

import en from "./words/en.js"
import { settled } from "./particles.js"
import ko from "./words/ko.js"

const WORDS = { en: { ...en }, ko: { ...ko } }
const listeners = new Set()

// Takes in a room's own words.
export function learn({ en, ko }) {
  Object.assign(WORDS.en, en)
  Object.assign(WORDS.ko, ko)
}

function preferred() {
  try {
    const kept = localStorage.getItem("language")
    if (kept in WORDS) return kept
  } catch {
    // No storage in this browser: its own language will do.
  }
  return navigator.language.startsWith("ko") ? "ko" : "en"
}

let spoken = preferred()

export const language = () => spoken

// `kept`: whether it is spoken the next time too.
export function speak(name, kept = true) {
  spoken = name
  try {
    if (kept) localStorage.setItem("language", name)
  } catch {
    // It is spoken until the page is closed.
  }
  for (const listener of listeners) listener()
}

// Calls back at every change of language; returns what ends that.
export function onLanguage(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const knows = (key) => key in WORDS[spoken]

// The words of a key, with `{name}` replaced by what `facts` says.
export function words(key, facts = {}) {
  const text = WORDS[spoken][key] ?? WORDS.en[key] ?? key
  const said = text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole)
  return spoken === "ko" ? settled(said) : said
}

// An error of the server's: in the language spoken where we know it.
export function problem(error) {
  const key = `error.${error.code}`
  const near = error.facts?.near ? words("error.near", error.facts) : ""
  return knows(key)
    ? words(key, { column: error.column, ...error.facts }) + near
    : error.message.replace(/^column/, "Column")
}

// Fills in `data-text` and `data-label` below an element.
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = words(element.dataset.text)
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words(element.dataset.label))
  }
}
