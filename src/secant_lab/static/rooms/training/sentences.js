// Sentences that say what happens.

import { words } from "../../i18n.js"
import { grouped, shown } from "../../numbers.js"

export const percent = (share) => `${(100 * share).toFixed(1)}%`

// A fixed number of digits, so that the text does not jump while the loss falls.
export const lossShown = (loss) => (loss >= 0.01 && loss < 1e4 ? loss.toFixed(3) : shown(loss, 3))

export const paceShown = (pace) => (pace >= 100 ? grouped(Math.round(pace)) : shown(pace, 2))

// The name of an entry: the settings in which the entries differ.
export function named({ gradient, rate }, entries) {
  const differ = (name) => entries.some((entry) => entry[name] !== entries[0][name])
  if (entries.length === 1 || (differ("gradient") && !differ("rate"))) return gradient
  if (differ("rate") && !differ("gradient")) return words("training.entry.rated", { rate })
  return words("training.entry.name", { gradient, rate })
}

// `state`: starting, refused, preparing, paused, running or ended; `ended`: the reason;
// `curves`: a `Curve` for each entry; `right`: how many shown digits the selected entry
// predicts correctly.
export function sentences({ state, ended, race, entries, curves, shown: at, right }) {
  if (state === "refused") return [words("training.said.refused")]
  if (!race || ["starting", "preparing"].includes(state)) return []
  const said = []
  const curve = curves[at]
  if (state === "ended") said.push(words(ended === "evicted" ? "training.said.evicted" : "training.said.ended"))
  else if (curves.every(({ step }) => step === 0)) {
    said.push(words(state === "running" ? "training.said.first" : "training.said.untrained", { right: right ?? "–", of: race.samples.labels.length }))
  }
  curves.forEach(({ failure }, i) => failure && said.push(fault(failure, entries[i], entries)))
  if (curves.some(({ step }) => step > 0)) {
    if (curves.length > 1) said.push(standing(entries, curves))
    if (curve.step > 0 && !curve.failure) said.push(course(entries[at], entries, curve, right, race))
    if (state === "paused") said.push(words("training.said.paused"))
  }
  return said
}

function course(entry, entries, curve, right, race) {
  const epoch = curve.epochs.at(-1)
  return words("training.said.course", {
    entry: named(entry, entries), step: grouped(curve.step), loss: lossShown(curve.loss),
    first: lossShown(curve.losses[0]),
    accuracy: epoch ? percent(epoch.test_accuracy) : "–", test: grouped(race.data.test),
    right: right ?? "–", of: race.samples.labels.length,
  })
}

// The entry with the smallest loss, and those with the most and the fewest steps.
function standing(entries, curves) {
  const alive = curves.map((curve, i) => [curve, entries[i]]).filter(([{ failure }]) => !failure)
  if (alive.length < 2) return alive.length ? words("training.said.alone", { entry: named(alive[0][1], entries) }) : ""
  const [fast, slow] = [...alive].sort(([a], [b]) => b.step - a.step).filter((_, i, all) => i === 0 || i === all.length - 1)
  const [[best, entry]] = alive.filter(([{ loss }]) => loss !== null).sort(([a], [b]) => a.loss - b.loss).concat(alive)
  const lead = { entry: named(entry, entries), loss: lossShown(best.loss) }
  if (fast[0].step === slow[0].step) return words("training.said.equal_steps", lead)
  return words("training.said.race", {
    ...lead, fast: named(fast[1], entries), steps: grouped(fast[0].step), slow: named(slow[1], entries), fewer: grouped(slow[0].step),
  })
}

function fault(failure, entry, entries) {
  return words(`training.failed.${failure.code}`, {
    ...failure.facts, entry: named(entry, entries), step: grouped(failure.step), rate: entry.rate, less: Number((entry.rate / 10).toPrecision(3)),
  })
}
