// The findings of a check, as sentences and as elements.

import { knows, language, words } from "../../i18n.js"
import { power, shown } from "../../numbers.js"
import { settled } from "../../particles.js"

const MARKS = { right: "✓", rounding: "≈", kink: "∧", tie: "=", inconclusive: "?", wrong: "✗", "not finite": "∞" }

export const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

export const badge = (verdict) => {
  const made = element("span", { className: "badge", textContent: words(`check.${verdict}`) })
  made.dataset.verdict = verdict
  return made
}

// The name of a leaf.
const named = (found, leaf) => (found.of === "own" ? `∂f/∂${leaf.name}` : leaf.name)
export const title = (found, leaf) =>
  found.of === "own" ? named(found, leaf) : `${leaf.name} ${leaf.shape.join("×")}`

// The name of an entry: W1[3, 7]; for the user's own function, a point.
function entry(found, leaf, at) {
  if (found.of === "own") {
    const coordinates = Object.entries(found.places).map(([name, values]) => `${name} = ${shown(values[at], 4)}`)
    return words("check.at", { name: `∂f/∂${leaf.name}`, at: coordinates.join(", ") })
  }
  const columns = leaf.shape.at(-1)
  const index = leaf.shape.length > 1 ? [Math.floor(at / columns), at % columns] : [at]
  return `${leaf.name}[${index.join(", ")}]`
}

// The cells of the heat map.
export const cells = (leaf, beside) => {
  const { error, mark } = leaf.beside[beside]
  return mark.map((one, at) => ({ error: error[at], mark: one }))
}

export function told(found, leaf, at) {
  const { apart, mark } = leaf.beside.secant
  if (mark[at] === "out") return words("check.cell.left_out")
  const facts = {
    entry: entry(found, leaf, at), gradient: shown(leaf.gradient[at], 7), secant: shown(leaf.slope[at], 7),
    naive: shown(leaf.naive[at], 7), off: shown(apart[at], 2),
  }
  return words(mark[at] === "none" ? "check.cell.none" : "check.cell", facts)
}

export function row(found, index, at) {
  const leaf = found.leaves[index]
  const numbers = [...[leaf.gradient, leaf.slope, leaf.naive].map((all) => shown(all[at], 4)), shown(leaf.beside.secant.relative[at], 2)]
  const place = found.places && Object.values(found.places).map((values) => shown(values[at], 3)).join(", ")
  const name = element("th", { scope: "row", textContent: place ? `∂f/∂${leaf.name} (${place})` : entry(found, leaf, at) })
  return element("tr", {}, name, ...numbers.map((textContent) => element("td", { textContent })))
}

export function line([kind, text]) {
  const made = element("li", { className: kind })
  if (kind !== "same") made.append(element("span", { className: "visually-hidden", textContent: words(`check.line.${kind}`) }))
  made.append(text)
  return made
}

// The verdict, its reason, and the cause and the fix of each finding.
export function seen(found) {
  const mark = element("i", { textContent: MARKS[found.verdict], ariaHidden: "true" })
  const verdict = element("p", { className: "verdict" }, mark, element("span", { textContent: words(`check.verdict.${found.verdict}`) }))
  verdict.dataset.verdict = found.verdict
  const faulty = found.leaves.filter((leaf) => ["wrong", "not finite"].includes(leaf.verdict))
  const facts = {
    size: found.naive.size, wrong: faulty.reduce((sum, leaf) => sum + leaf.wrong, 0), resolution: shown(found.resolution, 1),
  }
  const said = [verdict, element("p", { textContent: words(`check.${found.of}.says.${found.verdict}`, facts) })]
  const kink = found.leaves.find((leaf) => leaf.kink && leaf.verdict === "kink")
  if (kink && found.verdict === "kink") {
    const sides = { name: named(found, kink), below: shown(kink.kink.below, 4), above: shown(kink.kink.above, 4) }
    said.push(element("p", { textContent: words("check.kink.sides", sides) }))
  }
  return [...said, ...findings(found, faulty)]
}

// A finding that several leaves share appears once.
function findings(found, faulty) {
  const shared = new Map()
  for (const leaf of faulty) {
    const key = JSON.stringify(leaf.cause)
    shared.set(key, [...(shared.get(key) ?? []), leaf])
  }
  const fine = found.leaves.filter((leaf) => !faulty.includes(leaf)).map((leaf) => leaf.name)
  return [...shared.values()].map((leaves) => {
    const { code, facts, sentence, fix } = leaves[0].cause
    const names = leaves.map((leaf) => named(found, leaf))
    const key = code || (fine.includes("W2") && fine.includes("b2") ? "below" : "unknown")
    // The check has its own sentences; for the user's own function the room has better ones.
    const of = (what, sent) => {
      const own = `check.own.${what}.${key}`
      if (found.of === "own" && knows(own)) return words(own, facts)
      return code ? `${settled(sent[language()])}.` : words(`check.${what}.${key}`)
    }
    const whose = element("span", { className: "names", textContent: `${names.join(", ")}: ` })
    const change = element("p", { textContent: of("fix", fix) })
    const made = element("div", { className: "finding" }, element("p", {}, whose, of("cause", sentence)), change)
    if (found.of === "own" && leaves.every((leaf) => leaf.beside.secant.mark[Math.floor(leaf.slope.length / 2)] === "")) {
      made.append(element("p", { textContent: words("check.own.beside") }))
    }
    made.dataset.verdict = leaves[0].verdict
    return made
  })
}

const percent = (part) => (part === null ? "–" : `${shown(100 * part, 2)}%`)

// The result of the naive check for the same gradient.
export function naive(found) {
  const { h, wrong, missed, error } = found.naive
  const facts = { ...found.naive, h: power(h), error: percent(error) }
  if (wrong - found.naive.false + missed === 0) return words(wrong ? "check.naive.alarm" : "check.naive.right", facts)
  if (!wrong) return words("check.naive.none", facts)
  if (missed && found.naive.false) return words("check.naive.mixed", facts)
  return words(missed ? "check.naive.blind" : found.naive.false ? "check.naive.noisy" : "check.naive.same", facts)
}
