// The room of descents: shows the results of `secant_lab.rooms.descent`.

import { ask, Refusal } from "../../asking.js"
import { learn, onLanguage, problem, translate, words } from "../../i18n.js"
import { shown } from "../../numbers.js"
import en from "./en.js"
import ko from "./ko.js"
import { SurfaceMap } from "./map.js"
import { mark } from "./marks.js"
import { Player } from "./player.js"
import { format, named, parse, Runs } from "./runs.js"
import { sentence } from "./sentences.js"
import { EDGES, LOOKS, MOST_STEPS, SPEEDS, SURFACES, TILTS } from "./state.js"
import { ValuesChart } from "./values_chart.js"

export { connect } from "./state.js"

learn({ en, ko })

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
    <div class="look">
      <fieldset id="look"><legend class="visually-hidden" data-text="descent.look"></legend></fieldset>
      <label id="turning"><span data-text="descent.turn"></span><input id="turn" type="range" min="-180" max="180" step="1"></label>
    </div>
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
    <p class="hint" id="how"></p>
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
      <tbody id="trajectories"></tbody>
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

  const map = new SurfaceMap($("map"), {
    moved: startAt,
    turned(right, down) {
      const turn = model.get("turn") + right / 3
      const tilt = Math.round(model.get("tilt") + down / 4)
      change({
        turn: Math.round(turn - 360 * Math.round(turn / 360)),
        tilt: Math.max(TILTS[0], Math.min(TILTS[1], tilt)),
      })
    },
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
  // A new choice plays from the start, unless the user prefers reduced motion.
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
  for (const look of LOOKS) {
    const label = document.createElement("label")
    label.innerHTML = `<input type="radio" name="look" value="${look}" id="look-${look}"><span data-text="descent.look.${look}"></span>`
    label.firstChild.addEventListener("change", () => change({ look }))
    $("look").append(label)
  }
  $("turn").addEventListener("input", () => change({ turn: Number($("turn").value) }))
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
    $(`look-${model.get("look")}`).checked = true
    $("turning").hidden = model.get("look") !== "perspective"
    $("turn").value = model.get("turn")
    $("turn").setAttribute("aria-valuetext", `${model.get("turn")}°`)
    map.showFrom(model.get("look"), { turn: model.get("turn"), tilt: model.get("tilt") })
    $("map").dataset.look = model.get("look")
    $("how").textContent = words(`descent.how.${model.get("look")}`)
    runs.show(parse(model.get("runs")))
    showStart()
  }

  function showStart() {
    const [x0, x1] = [model.get("x0"), model.get("x1")]
    const [min, max] = [model.get("left"), model.get("right")]
    map.showStart(x0, x1, { min, max, label: words("descent.drag"), text: `x₀ = ${shown(x0, 4)}, x₁ = ${shown(x1, 4)}` })
  }

  function showProblem() {
    const error = model.get("problem")
    $("problem").textContent = error ? problem(error) : ""
    // An error without a column is not about the formula.
    $("formula").setAttribute("aria-invalid", String(error?.column !== undefined))
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
    const { trajectories, floor } = answer
    map.showTrajectories(trajectories)
    const last = Math.max(...trajectories.map(({ path }) => path.length - 1))
    chart.show(trajectories, floor, Math.max(last, 1))
    $("step").max = last
    $("seen").replaceChildren(...trajectories.map(told))
    map.picture.setAttribute("aria-label", [words("descent.picture"), ...trajectories.map((trajectory) => `${named(trajectory)}: ${sentence(trajectory, width())}`)].join(" "))
    player.last = last
    if (replays) player.replay()
    replays = false
    ready()
  }

  function told(trajectory, number) {
    const li = document.createElement("li")
    const name = Object.assign(document.createElement("b"), { textContent: named(trajectory) })
    li.append(mark(number), name, ` ${sentence(trajectory, width())}`)
    return li
  }

  function showStep(at) {
    // With reduced motion, nothing moves between two steps.
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
    $("trajectories").replaceChildren(...answer.trajectories.map((trajectory, number) => row(trajectory, number, step)))
  }

  function ready() {
    if (model.get("heights") && model.get("descents")) el.dataset.ready = ""
  }

  function say() {
    translate(el)
    showState()
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

// The position of a descent at a step; a descent that has ended stays at its end.
function row(trajectory, number, step) {
  const at = Math.min(step, trajectory.path.length - 1)
  const tr = document.createElement("tr")
  tr.innerHTML = `<th scope="row"><span></span></th><td></td><td></td><td></td>`
  tr.querySelector("th").prepend(mark(number))
  tr.querySelector("span").textContent = named(trajectory)
  const numbers = [...trajectory.path[at], trajectory.values[at]]
  tr.querySelectorAll("td").forEach((td, i) => (td.textContent = shown(numbers[i], 4)))
  return tr
}

export default { render }
