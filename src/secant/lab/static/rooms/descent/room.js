// The room of descents: what `secant.lab.rooms.descent` computes, to be looked at.

import { ask, Question, Refusal } from "../../asking.js"
import { learn, onLanguage, problem, translate, words } from "../../i18n.js"
import { Model } from "../../model.js"
import { shown } from "../../numbers.js"
import en from "./en.js"
import ko from "./ko.js"
import { Map2d } from "./map.js"
import { mark } from "./marks.js"
import { Player } from "./player.js"
import { format, named, parse, Runs } from "./runs.js"
import { sentence } from "./sentences.js"
import { ValuesChart } from "./values_chart.js"

learn({ en, ko })

// A formula, from where to where it is worth looking at, a start and descents.
const SURFACES = {
  bowl: ["x0**2 + x1**2", [-7, 7, -5, 5], [-3, 4], "sgd:0.005,sgd:0.1,sgd:1.05", 100],
  ravine: ["x0**2/20 + x1**2", [-10, 10, -5, 5], [-7, 2], "sgd:0.95,momentum:0.1,adam:0.3", 100],
  rosenbrock: ["(1 - x0)**2 + 100*(x1 - x0**2)**2", [-2, 2, -1, 3], [-1.2, 1], "sgd:0.001,momentum:0.0005,adam:0.1", 500],
  saddle: ["x0**2 - x1**2", [-4, 4, -3, 3], [-3, 0.001], "sgd:0.1,momentum:0.02,adam:0.1", 100],
  himmelblau: ["(x0**2 + x1 - 11)**2 + (x0 + x1**2 - 7)**2", [-6, 6, -6, 6], [0, 0], "sgd:0.01,momentum:0.003,adam:0.2", 100],
}
const STATE = {
  formula: SURFACES.bowl[0], x0: -3, x1: 4, runs: SURFACES.bowl[3], steps: 100,
  left: -7, right: 7, bottom: -5, top: 5, speed: 12,
}
const EDGES = ["left", "right", "bottom", "top"]
const SPEEDS = [4, 12, 40]
const MOST_STEPS = 500
const HEIGHTS = ["formula", ...EDGES]
const DESCENTS = ["formula", "x0", "x1", "runs", "steps", ...EDGES]

// The model behind the page: what the address says, and the server's answers.
export function connect(values, keep) {
  const state = { ...STATE }
  for (const [name, value] of Object.entries(values)) {
    if (typeof STATE[name] === "string") state[name] = value
    else if (name in STATE && value.trim() && Number.isFinite(Number(value))) state[name] = Number(value)
  }
  // A link may have been written by hand: what makes no sense is as at the start.
  if (!parse(state.runs)) state.runs = STATE.runs
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

const PAGE = `
  <section class="intro">
    <h2 data-text="descent.heading"></h2>
    <p data-text="descent.lead"></p>
  </section>
  <section class="card stage">
    <div class="fields">
      <label><span data-text="descent.surface"></span><select id="surface"></select></label>
      <label class="formula"><span data-text="descent.formula"></span>
        <input id="formula" type="text" spellcheck="false" autocomplete="off" autocapitalize="off" maxlength="400" aria-describedby="problem known"></label>
    </div>
    <p class="problem" id="problem" role="alert"></p>
    <div id="map" role="group" data-label="descent.map"></div>
    <div class="player" role="group" data-label="descent.player">
      <button type="button" id="play"></button>
      <button type="button" id="back" data-label="descent.back">‹</button>
      <input id="step" type="range" min="0" step="1" data-label="descent.step">
      <button type="button" id="forward" data-label="descent.forward">›</button>
      <output id="step-shown" for="step"></output>
      <label><span data-text="descent.speed"></span> <select id="speed"></select></label>
    </div>
    <div class="places">
      <fieldset><legend data-text="descent.start"></legend>
        <label><span>x₀</span><input id="x0" type="number" step="any"></label>
        <label><span>x₁</span><input id="x1" type="number" step="any"></label></fieldset>
      <fieldset><legend data-text="descent.view.x0"></legend>
        <input id="left" type="number" step="any" data-label="descent.left"><span aria-hidden="true">…</span><input id="right" type="number" step="any" data-label="descent.right"></fieldset>
      <fieldset><legend data-text="descent.view.x1"></legend>
        <input id="bottom" type="number" step="any" data-label="descent.bottom"><span aria-hidden="true">…</span><input id="top" type="number" step="any" data-label="descent.top"></fieldset>
    </div>
    <p class="hint" id="known" data-text="descent.known"></p>
  </section>
  <section class="card">
    <h3 data-text="descent.runs"></h3>
    <p class="hint" data-text="descent.runs.lead"></p>
    <ol id="runs"></ol>
    <div class="choices">
      <button type="button" id="add" data-text="descent.add"></button>
      <button type="button" id="preset-rates" data-text="descent.preset.rates"></button>
      <button type="button" id="preset-optimizers" data-text="descent.preset.optimizers"></button>
      <label><span data-text="descent.steps"></span> <input id="steps" type="number" min="1" max="${MOST_STEPS}" step="1"></label>
    </div>
    <h3 data-text="descent.seen"></h3>
    <ul id="seen" aria-live="polite"></ul>
    <h3 data-text="descent.values"></h3>
    <div id="values" role="img" data-label="descent.values"></div>
    <table>
      <caption id="table-caption"></caption>
      <thead><tr><th data-text="descent.descent"></th><th>x₀</th><th>x₁</th><th>f</th></tr></thead>
      <tbody id="courses"></tbody>
    </table>
  </section>`

function render({ model, el }) {
  el.innerHTML = PAGE
  el.classList.add("descent")
  const $ = (id) => el.querySelector(`#${id}`)
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value)
    model.save_changes()
  }
  const width = () => model.get("right") - model.get("left")
  const height = () => model.get("top") - model.get("bottom")
  const tidy = (x, size) => Number(x.toFixed(Math.max(0, Math.min(12, 3 - Math.floor(Math.log10(size))))))
  const startAt = (x0, x1) => change({ x0: tidy(x0, width()), x1: tidy(x1, height()) })
  const still = matchMedia("(prefers-reduced-motion: reduce)")

  const map = new Map2d($("map"), {
    moved: startAt,
    stepped(right, up) {
      const within = (x, low, high) => Math.max(low, Math.min(high, x))
      startAt(
        within(model.get("x0") + (right * width()) / 200, model.get("left"), model.get("right")),
        within(model.get("x1") + (up * height()) / 200, model.get("bottom"), model.get("top")),
      )
    },
  })
  const player = new Player(showStep, () => model.get("speed"))
  const chart = new ValuesChart($("values"), (step) => player.seek(step))
  const runs = new Runs($("runs"), $("add"), (changed) => change({ runs: format(changed) }))
  // What is chosen anew is shown from the start, unless motion is not wanted.
  let replays = false
  const chosen = (values) => {
    replays = !still.matches
    change(values)
  }

  for (const name of [...Object.keys(SURFACES), "own"]) {
    const option = new Option("", name)
    option.dataset.text = `descent.${name}`
    $("surface").append(option)
  }
  for (const speed of SPEEDS) {
    const option = new Option("", speed)
    option.dataset.text = `descent.speed.${speed}`
    $("speed").append(option)
  }
  $("surface").addEventListener("change", () => {
    const surface = SURFACES[$("surface").value]
    if (!surface) return $("formula").focus()
    const [formula, [left, right, bottom, top], [x0, x1], runs, steps] = surface
    chosen({ formula, left, right, bottom, top, x0, x1, runs, steps })
  })
  $("formula").addEventListener("input", () => change({ formula: $("formula").value }))
  for (const name of ["x0", "x1", ...EDGES, "steps"]) {
    $(name).addEventListener("change", () => {
      if ($(name).value !== "") change({ [name]: name === "steps" ? Math.round(Number($(name).value)) : Number($(name).value) })
    })
  }
  for (const kind of ["rates", "optimizers"]) {
    $(`preset-${kind}`).addEventListener("click", async () => {
      const names = ["formula", "x0", "x1", "left", "right"]
      try {
        const presets = await ask("descent/presets", Object.fromEntries(names.map((name) => [name, model.get(name)])))
        chosen({ runs: presets[kind] })
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        model.set("problem", error)
      }
    })
  }
  $("play").addEventListener("click", () => {
    if (player.playing) player.pause()
    else player.play()
    showStep(player.at)
  })
  $("back").addEventListener("click", () => player.step(-1))
  $("forward").addEventListener("click", () => player.step(1))
  $("step").addEventListener("input", () => player.seek(Number($("step").value)))
  $("speed").addEventListener("change", () => change({ speed: Number($("speed").value) }))

  function showState() {
    const known = Object.keys(SURFACES).find((name) => SURFACES[name][0] === model.get("formula"))
    $("surface").value = known ?? "own"
    if ($("formula").value !== model.get("formula")) $("formula").value = model.get("formula")
    for (const name of ["x0", "x1", ...EDGES, "steps"]) {
      if (!$(name).matches(":focus")) $(name).value = model.get(name)
    }
    $("speed").value = model.get("speed")
    runs.show(parse(model.get("runs")))
    showStart()
  }

  function showStart() {
    const [x0, x1] = [model.get("x0"), model.get("x1")]
    map.showStart(x0, x1, { label: words("descent.drag"), text: `x₀ = ${shown(x0, 4)}, x₁ = ${shown(x1, 4)}` })
  }

  function showProblem() {
    const error = model.get("problem")
    $("problem").textContent = error ? problem(error) : ""
    $("formula").setAttribute("aria-invalid", String(Boolean(error)))
  }

  function showHeights() {
    const heights = model.get("heights")
    if (!heights) return
    map.showHeights(heights)
    showStart()
    ready()
  }

  function showDescents() {
    const answer = model.get("descents")
    if (!answer) return
    const { courses, floor } = answer
    map.showCourses(courses)
    const last = Math.max(...courses.map(({ path }) => path.length - 1))
    chart.show(courses, floor, Math.max(last, 1))
    $("step").max = last
    $("seen").replaceChildren(...courses.map(told))
    map.picture.setAttribute("aria-label", [words("descent.picture"), ...courses.map((course) => `${named(course)}: ${sentence(course, width())}`)].join(" "))
    player.last = last
    if (replays) player.replay()
    replays = false
    ready()
  }

  function told(course, number) {
    const li = document.createElement("li")
    const name = Object.assign(document.createElement("b"), { textContent: named(course) })
    li.append(mark(number), name, ` ${sentence(course, width())}`)
    return li
  }

  function showStep(at) {
    // Without motion one step follows the other, and nothing moves between them.
    const shownAt = still.matches ? Math.floor(at) : at
    const step = Math.floor(at)
    map.showStep(shownAt)
    chart.showStep(shownAt)
    $("step").value = step
    $("step-shown").textContent = words("descent.step.of", { step, last: player.last })
    $("step").setAttribute("aria-valuetext", $("step-shown").textContent)
    $("play").textContent = words(player.playing ? "descent.pause" : "descent.play")
    $("back").disabled = at <= 0
    $("forward").disabled = at >= player.last
    const answer = model.get("descents")
    if (!answer) return
    $("table-caption").textContent = words("descent.table", { step })
    $("courses").replaceChildren(...answer.courses.map((course, number) => row(course, number, step)))
  }

  function ready() {
    if (model.get("heights") && model.get("descents")) el.dataset.ready = ""
  }

  function say() {
    translate(el)
    runs.say()
    chart.say({ step: words("descent.axis.step"), value: words("descent.axis.value"), above: words("descent.axis.above") })
    showProblem()
    showStart()
    showDescents()
    showStep(player.at)
  }

  const events = [["change", showState], ["change:problem", showProblem], ["change:heights", showHeights], ["change:descents", showDescents]]
  for (const [event, listener] of events) model.on(event, listener)
  const silence = onLanguage(say)
  showState()
  say()
  showHeights()
  return () => {
    for (const [event, listener] of events) model.off(event, listener)
    silence()
    player.pause()
    map.end()
    chart.end()
  }
}

// Where a descent was at a step; one that has ended stays where it ended.
function row(course, number, step) {
  const at = Math.min(step, course.path.length - 1)
  const tr = document.createElement("tr")
  tr.innerHTML = `<th scope="row"><span></span></th><td></td><td></td><td></td>`
  tr.querySelector("th").prepend(mark(number))
  tr.querySelector("span").textContent = named(course)
  const numbers = [...course.path[at], course.values[at]]
  tr.querySelectorAll("td").forEach((td, i) => (td.textContent = shown(numbers[i], 4)))
  return tr
}

export default { render }
