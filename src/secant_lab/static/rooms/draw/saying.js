// Sentences and numbers for a prediction and its reasons.

import { language, words } from "../../i18n.js"
import { grouped, shown } from "../../numbers.js"

export const number = (n) => n.toLocaleString(language())
export const percent = (part, digits = 0) => `${(100 * part).toFixed(digits)}%`
export const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2).replace("-", "−")

// An output as text: in per cent if the outputs are probabilities.
export function size({ probabilities }, output) {
  if (!probabilities) return output.toFixed(2).replace("-", "−")
  if (output > 0 && output < 0.005) return "<\u00a01%"
  if (output < 1 && output >= 0.995) return ">\u00a099%"
  return percent(output)
}

// The prediction, and the label if it is another digit.
export function verdict(reading, label) {
  const { digit, next, outputs } = reading
  const facts = {
    digit, next, article: digit === 8 ? "an" : "a",
    sure: size(reading, outputs[digit]), other: size(reading, outputs[next]),
  }
  const said = [words(reading.probabilities ? "draw.sure" : "draw.output", facts)]
  if (label !== undefined && label !== digit) said.push(words("draw.label", { label }))
  return said.join(" ")
}

const often = (times) => (times >= 1000 && times < 1e6 ? grouped(Number(times.toPrecision(2))) : shown(times, 2))

// The reasons of the prediction as sentences.
export function sentences({ digit, against, gap, blank, probabilities, places, units }) {
  const facts = { a: digit, b: against, gap: signed(gap), blank: signed(blank), times: often(Math.exp(gap)) }
  const said = [words(probabilities ? "draw.gap.times" : "draw.gap", facts)]
  for (const side of ["for", "against"]) {
    const place = places[side]
    if (place) said.push(words(`draw.place.${side}`, { ...facts, place: words(`draw.place.${place.join("")}`) }))
  }
  if (!units.for.length && !units.against.length) said.push(words("draw.units.none"))
  return said
}
