// Sentences about what happened to a descent.

import { words } from "../../i18n.js"
import { shown } from "../../numbers.js"

// A point in a picture of a given width; a coordinate that is 0 within rounding is 0.
export const place = ([x0, x1], width) =>
  `(${[x0, x1].map((x) => shown(Math.abs(x) < 1e-7 * width ? 0 : x, 4)).join(", ")})`

const percent = (share) => shown(100 * share, share < 0.01 ? 1 : 2)

export function sentence({ verdict: { status, facts }, rate, path }, width) {
  const told = {
    steps: path.length - 1,
    step: facts.step,
    place: facts.at && place(facts.at, width),
    to: facts.to && place(facts.to, width),
    left: facts.left && percent(facts.left),
    rate: shown(rate, 4),
    limit: shown(facts.limit, 4),
    bearable: shown(facts.bearable, 3),
    curvature: shown(facts.curvature, 4),
  }
  const said = [words(`descent.is.${status}`, told)]
  if (status === "converged" && facts.turns) said.push(words("descent.overshoots"))
  if (status === "swings") said.push(words(facts.stalled ? "descent.stalled" : "descent.lower", told))
  if (facts.limit) {
    const above = status === "diverged" || rate > facts.limit
    const equal = Math.abs(rate / facts.limit - 1) < 1e-6
    said.push(words(equal ? "descent.at" : above ? "descent.above" : "descent.below", told))
  }
  return said.join(" ")
}
