// The texts in two languages, and the present language.

import en from "./words/en.js"
import { settled } from "./particles.js"
import ko from "./words/ko.js"

const WORDS = { en: { ...en }, ko: { ...ko } }
const listeners = new Set()

// Add the texts of a room.
export function learn({ en, ko }) {
  Object.assign(WORDS.en, en)
  Object.assign(WORDS.ko, ko)
}

function preferred() {
  try {
    const kept = localStorage.getItem("language")
    if (kept in WORDS) return kept
  } catch {
    // Without storage, the browser's language applies.
  }
  return navigator.language.startsWith("ko") ? "ko" : "en"
}

let spoken = preferred()

export const language = () => spoken

// `kept`: whether to store the choice.
export function speak(name, kept = true) {
  spoken = name
  try {
    if (kept) localStorage.setItem("language", name)
  } catch {
    // Without storage, the choice lasts until the page closes.
  }
  for (const listener of listeners) listener()
}

// Call a function at every change of language; returns a function that ends this.
export function onLanguage(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const knows = (key) => key in WORDS[spoken]

// The text of a key, with each `{name}` replaced by its value in `facts`.
export function words(key, facts = {}) {
  const text = WORDS[spoken][key] ?? WORDS.en[key] ?? key
  const said = text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole)
  return spoken === "ko" ? settled(said) : said
}

// The text of a server error, in the present language if there is one.
export function problem(error) {
  const key = `error.${error.code}`
  const near = error.facts?.near ? words("error.near", error.facts) : ""
  return knows(key)
    ? words(key, { column: error.column, ...error.facts }) + near
    : error.message.replace(/^column/, "Column")
}

// Fill in `data-text` and `data-label` below an element.
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = words(element.dataset.text)
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words(element.dataset.label))
  }
}
