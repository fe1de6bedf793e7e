// The room of slopes: shows the results of `secant_lab.rooms.slope`.

import { Question } from "../../asking.js"
import { learn, onLanguage, problem, translate, words } from "../../i18n.js"
import { Model } from "../../model.js"
import { shown } from "../../numbers.js"
import en from "./en.js"
import { ErrorChart } from "./error_chart.js"
import ko from "./ko.js"
import { Plane } from "./plane.js"

learn({ en, ko })

// A formula, a range of x to show, and the first point.
const CURVES = {
  square: ["x**2", -3, 3, 1],
  notebook: ["0.01*x**2 + 0.1*x", 0, 20, 5],
  quartic: ["x**4 - 3*x**2 + x", -2.2, 2.2, 1.6],
  wave: ["sin(3*x)*exp(-x**2/4)", -4, 4, 0.7],
  sigmoid: ["sigmoid(x)", -6, 6, 1],
  relu: ["relu(x)", -3, 3, 0],
  exp: ["exp(x)", -2, 3, 1],
}
const STATE = { formula: "sin(3*x)*exp(-x**2/4)", x: 0.7, h: 0.5, kind: "central", low: -4, high: 4 }
const SMALLEST = -16 // of h, as a power of ten
const KINDS = ["central", "forward"]

// The model of the page: the state of the address, and the server's answers.
export function connect(values, keep) {
  const state = { ...STATE }
  for (const [name, value] of Object.entries(values)) {
    if (typeof STATE[name] === "string") state[name] = value
    else if (name in STATE && value.trim() && Number.isFinite(Number(value))) state[name] = Number(value)
  }
  // A link may have been typed by hand: invalid values become defaults.
  if (!KINDS.includes(state.kind)) state.kind = STATE.kind
  if (!(state.h > 0)) state.h = STATE.h
  if (!(state.low < state.high)) Object.assign(state, { low: STATE.low, high: STATE.high })
  const errors = {}
  const told = (name) => (answer, error) => {
    if (answer) model.set(name, answer)
    errors[name] = error
    model.set("problem", errors.curve ?? errors.point ?? null)
  }
  const questions = [
    new Question("slope/curve", ["formula", "low", "high"], told("curve")),
    new Question("slope/point", ["formula", "x", "h", "kind"], told("point")),
  ]
  const model = new Model({ ...state, curve: null, point: null, problem: null }, (names) => {
    for (const question of questions) if (question.isAbout(names)) question.ask(model)
    keep(Object.fromEntries(Object.keys(STATE).map((name) => [name, model.get(name)])))
  })
  for (const question of questions) question.ask(model)
  return model
}

const PAGE = `
  <section class="intro">
    <h2 data-text="slope.heading"></h2>
    <p data-text="slope.lead"></p>
  </section>
  <section class="card stage">
    <div class="fields">
      <label><span data-text="slope.curve"></span><select id="curve"></select></label>
      <label class="formula"><span data-text="slope.formula"></span>
        <input id="formula" type="text" spellcheck="false" autocomplete="off" autocapitalize="off" maxlength="400" aria-describedby="problem known"></label>
      <fieldset id="kind"><legend data-text="slope.kind"></legend></fieldset>
    </div>
    <p class="problem" id="problem" role="alert"></p>
    <div class="place">
      <div id="plane" role="group" data-label="slope.plane"></div>
      <p class="blank" id="no-curve" data-text="slope.blank.curve" hidden></p>
    </div>
    <p class="legend"><span class="key secant"><i></i><span data-text="slope.secant"></span> <b id="secant-slope"></b></span>
      <span class="key tangent"><i></i><span data-text="slope.tangent"></span> <b id="tangent-slope"></b></span></p>
    <div class="sliders">
      <label><span data-text="slope.x"></span><input id="x" type="range" step="any"><output id="x-shown" for="x"></output></label>
      <label><span data-text="slope.h"></span><input id="h" type="range" min="${SMALLEST}" max="0" step="0.05"><output id="h-shown" for="h"></output></label>
    </div>
    <fieldset class="view"><legend data-text="slope.view"></legend>
      <input id="low" type="number" step="any" data-label="slope.low"><span aria-hidden="true">…</span><input id="high" type="number" step="any" data-label="slope.high"></fieldset>
    <p class="hint" id="known" data-text="slope.known"></p>
  </section>
  <section class="card seen">
    <h3 data-text="slope.seen"></h3>
    <div id="seen" aria-live="polite"></div>
    <h3 data-text="slope.errors"></h3>
    <p class="hint" data-text="slope.errors.lead"></p>
    <div class="place">
      <div id="errors" role="img" data-label="slope.errors"></div>
      <p class="blank" id="no-errors" data-text="slope.blank.errors" hidden></p>
    </div>
    <table>
      <caption id="table-caption"></caption>
      <thead><tr><th data-text="slope.way"></th><th data-text="slope.value"></th><th data-text="slope.error"></th></tr></thead>
      <tbody id="ways"></tbody>
    </table>
  </section>`

function render({ model, el }) {
  el.innerHTML = PAGE
  el.classList.add("slope")
  const $ = (id) => el.querySelector(`#${id}`)
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value)
    model.save_changes()
  }
  const log = (h) => Math.log10(h)
  const within = (value, low, high) => Math.max(low, Math.min(high, value))
  const stepTo = (power) => change({ h: Number((10 ** within(power, SMALLEST, 0)).toPrecision(6)) })
  const tidy = (x) => {
    const digits = 3 - Math.floor(log(model.get("high") - model.get("low")))
    return Number(x.toFixed(within(digits, 0, 12)))
  }

  const plane = new Plane($("plane"), {
    lines: ["tangent", "secant"],
    points: ["h", "x"],
    moved(name, x) {
      if (name === "h") stepTo(log(Math.abs(x - model.get("x")) || 1e-3))
      else change({ x: tidy(x) })
    },
    stepped(name, steps) {
      const { low, high } = { low: model.get("low"), high: model.get("high") }
      if (name === "h") stepTo(log(model.get("h")) + steps * 0.05)
      else change({ x: tidy(within(model.get("x") + (steps * (high - low)) / 200, low, high)) })
    },
  })
  const chart = new ErrorChart($("errors"), (h) => stepTo(log(h)))

  for (const name of [...Object.keys(CURVES), "own"]) {
    const option = new Option("", name)
    option.dataset.text = `slope.${name}`
    $("curve").append(option)
  }
  for (const kind of KINDS) {
    const label = document.createElement("label")
    label.innerHTML = `<input type="radio" name="kind" value="${kind}" id="kind-${kind}"><span data-text="slope.${kind}"></span>`
    label.firstChild.addEventListener("change", () => change({ kind }))
    $("kind").append(label)
  }
  $("curve").addEventListener("change", () => {
    const curve = CURVES[$("curve").value]
    if (!curve) return $("formula").focus()
    const [formula, low, high, x] = curve
    change({ formula, low, high, x })
  })
  $("formula").addEventListener("input", () => change({ formula: $("formula").value }))
  $("x").addEventListener("input", () => change({ x: tidy(Number($("x").value)) }))
  $("h").addEventListener("input", () => stepTo(Number($("h").value)))
  for (const name of ["low", "high"]) {
    $(name).addEventListener("change", () => {
      if ($(name).value !== "") change({ [name]: Number($(name).value) })
    })
  }

  function showState() {
    const { formula, x, h, kind, low, high } = Object.fromEntries(Object.keys(STATE).map((n) => [n, model.get(n)]))
    const known = Object.keys(CURVES).find((name) => CURVES[name][0] === formula)
    $("curve").value = known ?? "own"
    if ($("formula").value !== formula) $("formula").value = formula
    $(`kind-${kind}`).checked = true
    Object.assign($("x"), { min: low, max: high, value: x })
    $("h").value = log(h)
    $("x-shown").textContent = shown(x, 5)
    $("h-shown").textContent = shown(h, 3)
    $("x").setAttribute("aria-valuetext", shown(x, 5))
    $("h").setAttribute("aria-valuetext", shown(h, 3))
    for (const [name, value] of [["low", low], ["high", high]]) {
      if (!$(name).matches(":focus")) $(name).value = value
    }
  }

  function showProblem() {
    const error = model.get("problem")
    $("problem").textContent = error ? problem(error) : ""
    $("formula").setAttribute("aria-invalid", String(Boolean(error)))
    blank("curve", !model.get("curve") && error)
    el.querySelector(".seen").classList.toggle("unseen", !model.get("point") && Boolean(error))
  }

  // Show the reason in the place of a picture that is missing.
  function blank(picture, none) {
    const place = $(`no-${picture}`)
    place.hidden = !none
    place.previousElementSibling.classList.toggle("unseen", Boolean(none))
  }

  function showCurve() {
    const curve = model.get("curve")
    if (!curve) return
    blank("curve", false)
    plane.showCurve(curve, curve.x[0], curve.x.at(-1))
    plane.draw()
  }

  function showPoint() {
    const point = model.get("point")
    if (!point) return
    const { x, y, secant, tangent, steps, ways } = point
    const h = secant.x[1] - x
    const line = (slope, y) => (slope === null || y === null ? null : { x: secant.x[0], y, slope })
    plane.showLine("secant", line(secant.slope, secant.y[0]))
    plane.showLine("tangent", tangent.slope === null || y === null ? null : { x, y, slope: tangent.slope })
    plane.showPoint("x", { x, y }, {
      label: words("slope.drag.x"), text: `x = ${shown(x, 5)}, f(x) = ${shown(y, 5)}`,
      now: x, min: model.get("low"), max: model.get("high"),
    })
    plane.showPoint("h", { x: secant.x[1], y: secant.y[1] }, {
      label: words("slope.drag.h"), text: `h = ${shown(h, 3)}`, now: log(model.get("h")), min: SMALLEST, max: 0,
    })
    plane.showMark(model.get("kind") === "central" ? { x: secant.x[0], y: secant.y[0] } : null)
    plane.draw()
    chart.show(steps, ways, model.get("h"))
    el.querySelector(".seen").classList.remove("unseen")
    blank("errors", ways.every(({ errors }) => errors.every((error) => error === null)))
    $("secant-slope").textContent = shown(secant.slope)
    $("tangent-slope").textContent = shown(tangent.slope)
    $("seen").replaceChildren(...sentences(point).map((text) => Object.assign(document.createElement("p"), { textContent: text })))
    $("table-caption").textContent = words("slope.table", { h: shown(model.get("h"), 3) })
    $("ways").replaceChildren(...ways.map(row))
    el.dataset.ready = ""
  }

  function say() {
    translate(el)
    chart.say({ h: words("slope.axis.h"), error: words("slope.axis.error") })
    showProblem()
    showPoint()
  }

  const events = [["change", showState], ["change:problem", showProblem], ["change:curve", showCurve], ["change:point", showPoint]]
  for (const [event, listener] of events) model.on(event, listener)
  const silence = onLanguage(say)
  say()
  showState()
  showCurve()
  return () => {
    for (const [event, listener] of events) model.off(event, listener)
    silence()
    plane.end()
    chart.end()
  }
}

function row({ how, dtype, slope, error }) {
  const tr = document.createElement("tr")
  tr.innerHTML = `<th scope="row"><i class="${how}-${dtype}"></i><span></span></th><td></td><td></td>`
  tr.querySelector("span").textContent = `${words(`slope.${how}`)}, ${dtype}`
  const [value, off] = tr.querySelectorAll("td")
  value.textContent = shown(slope, dtype === "float32" ? 8 : 12)
  off.textContent = shown(error, 2)
  return tr
}

// Sentences about a point.
function sentences({ y, secant, tangent, ways, steps }) {
  if (y === null) return [words("slope.none")]
  if (tangent.slope === null) {
    const sides = { left: shown(tangent.left, 4), right: shown(tangent.right, 4) }
    return [tangent.left === null || tangent.right === null
      ? words("slope.edge")
      : words("slope.corner", { ...sides, secant: shown(secant.slope, 4) })]
  }
  const way = (how, dtype) => ways.find((w) => w.how === how && w.dtype === dtype)
  const gap = way("propagated", "float64").error
  const slopes = { secant: shown(secant.slope), tangent: shown(tangent.slope), gap: shown(gap, 2) }
  const said = [words(gap <= 4e-16 * (1 + Math.abs(tangent.slope)) ? "slope.equal" : "slope.gap", slopes)]
  const lost = way("subtracted", "float32")
  const kept = way("propagated", "float32")
  const facts = { slope: shown(lost.slope), error: shown(lost.error, 2), propagated: shown(kept.error, 2) }
  said.push(words(lost.error > 5 * kept.error + 1e-6 * Math.abs(tangent.slope) ? "slope.lost" : "slope.kept", facts))
  const { errors } = way("subtracted", "float64")
  const known = errors.map((error, i) => [error, i]).filter(([error]) => error !== null)
  if (known.length) {
    // The largest of the best steps: a smaller one may be good by chance.
    const [error, i] = known.reduce((a, b) => (b[0] < 0.5 * a[0] ? b : a))
    said.push(words("slope.best", { h: shown(steps[i], 2), error: shown(error, 2) }))
  }
  return said
}

export default { render }
