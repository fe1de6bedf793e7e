// The state of the room of descents, and the requests that follow it.

import { Question } from "../../asking.js"
import { Model } from "../../model.js"
import { parse } from "./runs.js"

// A formula, a range to show, a start and descents.
export const SURFACES = {
  bowl: ["x0**2 + x1**2", [-6, 6, -5, 5], [-3, 4], "sgd:0.005,sgd:0.1,sgd:1.05", 100],
  ravine: ["x0**2/20 + x1**2", [-10, 10, -5, 5], [-7, 2], "sgd:0.95,momentum:0.1,adam:0.3", 100],
  rosenbrock: ["(1 - x0)**2 + 100*(x1 - x0**2)**2", [-2, 2, -1, 3], [-1.2, 1], "sgd:0.001,momentum:0.0005,adam:0.1", 500],
  saddle: ["x0**2 - x1**2", [-4, 4, -3, 3], [-3, 0.001], "sgd:0.1,momentum:0.02,adam:0.1", 100],
  himmelblau: ["(x0**2 + x1 - 11)**2 + (x0 + x1**2 - 7)**2", [-6, 6, -6, 6], [0, 0], "sgd:0.01,momentum:0.003,adam:0.2", 100],
}
const STATE = {
  formula: SURFACES.bowl[0], x0: -3, x1: 4, runs: SURFACES.bowl[3], steps: 100,
  left: -6, right: 6, bottom: -5, top: 5, speed: 12,
  look: "above", turn: 30, tilt: 40,
}
export const EDGES = ["left", "right", "bottom", "top"]
export const SPEEDS = [4, 12, 40]
export const LOOKS = ["above", "perspective"]
export const TILTS = [10, 80]
export const MOST_STEPS = 500
const HEIGHTS = ["formula", ...EDGES]
const DESCENTS = ["formula", "x0", "x1", "runs", "steps", ...EDGES]

// The model of the page: the state of the address, and the server's answers.
export function connect(values, keep) {
  const state = { ...STATE }
  for (const [name, value] of Object.entries(values)) {
    if (typeof STATE[name] === "string") state[name] = value
    else if (name in STATE && value.trim() && Number.isFinite(Number(value))) state[name] = Number(value)
  }
  // A link may have been typed by hand: invalid values become defaults.
  if (!parse(state.runs)) state.runs = STATE.runs
  if (!LOOKS.includes(state.look)) state.look = STATE.look
  if (!(Math.abs(state.turn) <= 180)) state.turn = STATE.turn
  if (!(state.tilt >= TILTS[0] && state.tilt <= TILTS[1])) state.tilt = STATE.tilt
  if (!SPEEDS.includes(state.speed)) state.speed = STATE.speed
  if (!(Number.isInteger(state.steps) && state.steps >= 1 && state.steps <= MOST_STEPS)) state.steps = STATE.steps
  if (!(state.left < state.right && state.bottom < state.top)) {
    for (const edge of EDGES) state[edge] = STATE[edge]
  }
  const errors = {}
  const told = (name) => (answer, error) => {
    if (answer) model.set(name, answer)
    errors[name] = error
    model.set("problem", errors.heights ?? errors.descents ?? null)
  }
  const questions = [
    new Question("descent/heights", HEIGHTS, told("heights")),
    new Question("descent/descents", DESCENTS, told("descents")),
  ]
  const model = new Model({ ...state, heights: null, descents: null, problem: null }, (names) => {
    for (const question of questions) if (question.isAbout(names)) question.ask(model)
    keep(Object.fromEntries(Object.keys(STATE).map((name) => [name, model.get(name)])))
  })
  for (const question of questions) question.ask(model)
  return model
}
