// The settings, their defaults, and their form in the address.

export const MAX_ENTRIES = 4
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
  equal_steps: false,
  entries: [{ gradient: "node", rate: 0.1 }],
  axis: "step",
  shown: 0,
}

// Settings of the view: a change of them starts no new race.
const LOOKS = ["axis", "shown"]

export const RACE = Object.keys(STATE).filter((name) => !LOOKS.includes(name))

const each = (gradients) => gradients.map((gradient) => ({ gradient, rate: 0.1 }))

// Ready races. The entries of `methods` keep the present rate.
export const PRESETS = {
  single: (rate) => [{ gradient: "node", rate }],
  methods: (rate) =>
    each(["definition", "weight", "node", "backprop"]).map((entry) => ({ ...entry, rate })),
  rates: (rate) => [0.1, 1, 10, 100].map((factor) => ({ gradient: "node", rate: tidy(rate * factor) })),
}

const tidy = (rate) => Number(rate.toPrecision(6))

// The state of an address. Invalid values, for example typed by hand, become defaults.
export function read(values) {
  const state = { ...STATE }
  for (const [name, text] of Object.entries(values)) {
    const kind = typeof STATE[name]
    if (name === "entries") state.entries = readEntries(text) ?? STATE.entries
    else if (kind === "string") state[name] = text
    else if (kind === "boolean") state[name] = text === "true"
    else if (kind === "number" && /^\d{1,9}$/.test(text)) state[name] = Number(text)
  }
  if (!AXES.includes(state.axis)) state.axis = STATE.axis
  if (state.shown >= state.entries.length) state.shown = 0
  return state
}

// `node:0.1,backprop:0.1`
function readEntries(text) {
  const entries = text.split(",").map((entry) => {
    const [gradient, rate] = entry.split(":")
    return { gradient, rate: Number(rate) }
  })
  const good = entries.length <= MAX_ENTRIES && entries.every((l) => /^\w+$/.test(l.gradient) && l.rate > 0 && Number.isFinite(l.rate))
  return good ? entries : null
}

export const written = (state) => ({
  ...state,
  entries: state.entries.map(({ gradient, rate }) => `${gradient}:${rate}`).join(","),
})
