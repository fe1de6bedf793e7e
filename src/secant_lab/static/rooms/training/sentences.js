// What is happening, in words.

import { words } from "../../i18n.js"
import { grouped, shown } from "../../numbers.js"

export const percent = (share) => `${(100 * share).toFixed(1)}%`

// So many digits that it does not jump about while it falls.
export const lossShown = (loss) => (loss >= 0.01 && loss < 1e4 ? loss.toFixed(3) : shown(loss, 3))

export const paceShown = (pace) => (pace >= 100 ? grouped(Math.round(pace)) : shown(pace, 2))

// A lane by what tells it from the others.
export function named({ gradient, rate }, lanes) {
  const differ = (name) => lanes.some((lane) => lane[name] !== lanes[0][name])
  if (lanes.length === 1 || (differ("gradient") && !differ("rate"))) return gradient
  if (differ("rate") && !differ("gradient")) return words("training.lane.rated", { rate })
  return words("training.lane.name", { gradient, rate })
}

// `state`: starting, refused, preparing, paused, running or ended, and why; `curves` as
// `Curve` keeps them; `right`: how many digits are, in the lane that is shown.
export function sentences({ state, ended, race, lanes, curves, shown: at, right }) {
  if (state === "refused") return [words("training.said.refused")]
  if (!race || ["starting", "preparing"].includes(state)) return []
  const said = []
  const curve = curves[at]
  if (state === "ended") said.push(words(ended === "crowd" ? "training.said.crowd" : "training.said.ended"))
  else if (curves.every(({ step }) => step === 0)) {
    said.push(words(state === "running" ? "training.said.first" : "training.said.untrained", { right: right ?? "–", of: race.samples.labels.length }))
  }
  curves.forEach(({ failed }, i) => failed && said.push(fault(failed, lanes[i], lanes)))
  if (curves.some(({ step }) => step > 0)) {
    if (curves.length > 1) said.push(standing(lanes, curves))
    if (curve.step > 0 && !curve.failed) said.push(course(lanes[at], lanes, curve, right, race))
    if (state === "paused") said.push(words("training.said.paused"))
  }
  return said
}

function course(lane, lanes, curve, right, race) {
  const epoch = curve.epochs.at(-1)
  return words("training.said.course", {
    lane: named(lane, lanes), step: grouped(curve.step), loss: lossShown(curve.loss),
    first: lossShown(curve.losses[0]),
    accuracy: epoch ? percent(epoch.test_accuracy) : "–", test: grouped(race.data.test),
    right: right ?? "–", of: race.samples.labels.length,
  })
}

// Who has made most steps, and who has the least loss.
function standing(lanes, curves) {
  const alive = curves.map((curve, i) => [curve, lanes[i]]).filter(([{ failed }]) => !failed)
  if (alive.length < 2) return alive.length ? words("training.said.alone", { lane: named(alive[0][1], lanes) }) : ""
  const [fast, slow] = [...alive].sort(([a], [b]) => b.step - a.step).filter((_, i, all) => i === 0 || i === all.length - 1)
  const [[best, lane]] = alive.filter(([{ loss }]) => loss !== null).sort(([a], [b]) => a.loss - b.loss).concat(alive)
  const lead = { lane: named(lane, lanes), loss: lossShown(best.loss) }
  if (fast[0].step === slow[0].step) return words("training.said.abreast", lead)
  return words("training.said.race", {
    ...lead, fast: named(fast[1], lanes), steps: grouped(fast[0].step), slow: named(slow[1], lanes), fewer: grouped(slow[0].step),
  })
}

function fault(failed, lane, lanes) {
  return words(`training.failed.${failed.code}`, {
    ...failed.facts, lane: named(lane, lanes), step: grouped(failed.step), rate: lane.rate, less: Number((lane.rate / 10).toPrecision(3)),
  })
}
