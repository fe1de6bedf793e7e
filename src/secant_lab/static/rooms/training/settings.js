// What can be set, what it is at the start, and how an address says it.

export const MOST_LANES = 4
export const AXES = ["step", "second"]

export const STATE = {
  data: "sample",
  hidden: 50,
  activation: "sigmoid",
  loss: "cross_entropy",
  optimizer: "sgd",
  init: "",
  batch: 100,
  seed: 0,
  abreast: false,
  lanes: [{ gradient: "node", rate: 0.1 }],
  axis: "step",
  shown: 0,
}

// What only this page is concerned with: a change of it begins no new race.
const LOOKS = ["axis", "shown"]

export const RACE = Object.keys(STATE).filter((name) => !LOOKS.includes(name))

const each = (gradients) => gradients.map((gradient) => ({ gradient, rate: 0.1 }))

// Races worth running. Lanes of methods keep the rate that is set.
export const PRESETS = {
  single: (rate) => [{ gradient: "node", rate }],
  methods: (rate) =>
    each(["definition", "weight", "node", "backprop"]).map((lane) => ({ ...lane, rate })),
  rates: (rate) => [0.1, 1, 10, 100].map((factor) => ({ gradient: "node", rate: tidy(rate * factor) })),
}

const tidy = (rate) => Number(rate.toPrecision(6))

// The state that an address says. It may have been written by hand: what makes no
// sense is as at the start.
export function read(values) {
  const state = { ...STATE }
  for (const [name, text] of Object.entries(values)) {
    const kind = typeof STATE[name]
    if (name === "lanes") state.lanes = readLanes(text) ?? STATE.lanes
    else if (kind === "string") state[name] = text
    else if (kind === "boolean") state[name] = text === "true"
    else if (kind === "number" && /^\d{1,9}$/.test(text)) state[name] = Number(text)
  }
  if (!AXES.includes(state.axis)) state.axis = STATE.axis
  if (state.shown >= state.lanes.length) state.shown = 0
  return state
}

// `node:0.1,backprop:0.1`
function readLanes(text) {
  const lanes = text.split(",").map((lane) => {
    const [gradient, rate] = lane.split(":")
    return { gradient, rate: Number(rate) }
  })
  const good = lanes.length <= MOST_LANES && lanes.every((l) => /^\w+$/.test(l.gradient) && l.rate > 0 && Number.isFinite(l.rate))
  return good ? lanes : null
}

export const written = (state) => ({
  ...state,
  lanes: state.lanes.map(({ gradient, rate }) => `${gradient}:${rate}`).join(","),
})
