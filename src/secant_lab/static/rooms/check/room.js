// The room of checks: shows the results of `secant_lab.rooms.check`.

import { Question } from "../../asking.js"
import { learn, onLanguage, problem, translate, words } from "../../i18n.js"
import { Model } from "../../model.js"
import { power } from "../../numbers.js"
import { Waiting } from "../../waiting.js"
import en from "./en.js"
import { badge, cells, element, line, naive, row, seen, title, told } from "./findings.js"
import { HeatMap } from "./heat_map.js"
import ko from "./ko.js"

learn({ en, ko })

const RIGHT = ["right", "blank_sample"]
const FAULTS = [
  "no_mean", "halved", "sign", "bias_not_summed", "bias_averaged", "slope_forgotten", "slope_of_output",
  "transposed", "shape_transposed", "index_off", "one_weight", "mask_forgotten", "mask_of_inputs", "decay_forgotten",
]
const VARIABLES = ["x", "y", "z", "w"]
const STEPS = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
const BESIDE = ["secant", "naive"]

// A function with plausible derivatives, and a point.
const EXAMPLES = {
  sine: { formula: "x**2*y + sin(y)", variables: 2, dx: "2*x*y", dy: "x**2 - cos(y)", x: 1, y: 0.5, reach: 1 },
  cube: { formula: "x**3", variables: 1, dx: "2*x**2", x: 1.5, reach: 1 },
  relu: { formula: "relu(x)*y", variables: 2, dx: "y", dy: "relu(x)", x: 0.3, y: 0.5, reach: 1 },
  abs: { formula: "abs(x) + y**2", variables: 2, dx: "sign(x)", dy: "2*y", x: 0, y: 1, reach: 1 },
  root: { formula: "sqrt(x)", variables: 1, dx: "1/(2*sqrt(x))", x: 0, reach: 1 },
  rounding: {
    formula: "(1 - cos(x))/x**2", variables: 1, dx: "sin(x)/x**2 - 2*(1 - cos(x))/x**3", x: 0.01, reach: 0.005,
  },
  four: {
    formula: "x*y*z + exp(w)", variables: 4, dx: "y*z", dy: "x*z", dz: "x*y", dw: "exp(w) + 1",
    x: 1, y: 2, z: -1, w: 0.5, reach: 1,
  },
}
const OWN = {
  ...EXAMPLES.sine, dz: "0", dw: "0", z: 0, w: 0,
}
const STATE = { fault: "transposed", h: 1e-4, beside: "secant", ...OWN }
const ASKED = { planted: ["fault", "h"], own: [...Object.keys(OWN), "h"] }

// The model of the page: the state of the address, and the server's answers.
export function connect(values, keep) {
  const state = { ...STATE }
  for (const [name, value] of Object.entries(values)) {
    if (typeof STATE[name] === "string") state[name] = value
    else if (name in STATE && value.trim() && Number.isFinite(Number(value))) state[name] = Number(value)
  }
  // A link may have been typed by hand: invalid values become defaults.
  if (![...RIGHT, ...FAULTS, "own"].includes(state.fault)) state.fault = STATE.fault
  if (!VARIABLES[state.variables - 1]) state.variables = STATE.variables
  if (!STEPS.includes(state.h)) state.h = STATE.h
  if (!BESIDE.includes(state.beside)) state.beside = STATE.beside
  const kind = () => (model.get("fault") === "own" ? "own" : "planted")
  const told = (name) => (answer, error) => {
    // The user may have switched to the other kind in the meantime.
    if (name !== kind()) return
    model.set("busy", false)
    model.set("problem", error)
    if (answer) model.set("found", { ...answer, of: name })
  }
  const questions = Object.fromEntries(
    Object.entries(ASKED).map(([name, needs]) => [name, new Question(`check/${name}`, needs, told(name))]),
  )
  // The code is visible while the check compiles.
  const code = new Question("check/code", ["fault"], (answer) => {
    if (answer && kind() === "planted") model.set("code", answer.code)
  })
  const ask = () => {
    model.set("busy", true)
    if (kind() === "planted") code.ask(model)
    questions[kind()].ask(model)
  }
  const model = new Model({ ...state, code: null, found: null, problem: null, busy: false }, (names) => {
    if (names.includes("fault") || questions[kind()].isAbout(names)) ask()
    const kept = kind() === "own" ? Object.keys(STATE) : [...ASKED.planted, "beside"]
    keep(Object.fromEntries(kept.map((name) => [name, model.get(name)])))
  })
  ask()
  return model
}

const TYPED = 'type="text" spellcheck="false" autocomplete="off" autocapitalize="off" maxlength="400"'
const PAGE = `
  <section class="intro">
    <h2 data-text="check.heading"></h2>
    <p data-text="check.lead"></p>
  </section>
  <section class="card asked">
    <div class="fields">
      <label><span data-text="check.which"></span><select id="fault"></select></label>
      <label class="of-own"><span data-text="check.example"></span><select id="example"></select></label>
    </div>
    <div class="own of-own">
      <div class="fields">
        <label class="formula"><span id="formula-name"></span><input id="formula" ${TYPED} aria-describedby="problem known"></label>
        <label><span data-text="check.variables"></span><select id="variables"></select></label>
      </div>
      <div id="derivatives"></div>
      <div class="fields reach"><label><span data-text="check.reach"></span><input id="reach" type="number" step="any" min="0.001" max="1000"></label></div>
      <p class="problem" id="problem" role="alert"></p>
      <p class="hint" id="known" data-text="check.known"></p>
    </div>
    <div class="of-planted">
      <h3 data-text="check.code"></h3>
      <p class="hint" data-text="check.code.about"></p>
      <ol class="code" id="code" tabindex="0" data-label="check.code"></ol>
    </div>
  </section>
  <section class="card result">
    <div class="busy" id="busy"></div>
    <div id="seen" aria-live="polite"></div>
    <h3 class="of-found" data-text="check.naive"></h3>
    <div class="fields of-found"><label><span data-text="check.step"></span><select id="h"></select></label></div>
    <div id="naive" aria-live="polite"></div>
  </section>
  <section class="card wide closer of-found">
    <div>
      <h3 data-text="check.map"></h3>
      <fieldset id="beside"><legend data-text="check.beside"></legend></fieldset>
      <div class="maps" id="maps"></div>
      <p class="heat-scale"><span>10⁻⁸</span><i></i><span>1</span><span data-text="check.scale"></span></p>
      <p class="cell" id="cell"></p>
    </div>
    <div>
      <h3 data-text="check.worst"></h3>
      <table>
        <caption data-text="check.worst.about"></caption>
        <thead><tr><th data-text="check.entry"></th><th data-text="check.gradient"></th><th data-text="check.secant"></th><th data-text="check.subtracted"></th><th data-text="check.off"></th></tr></thead>
        <tbody id="worst"></tbody>
      </table>
    </div>
  </section>`

function render({ model, el }) {
  el.innerHTML = PAGE
  el.classList.add("check")
  const $ = (id) => el.querySelector(`#${id}`)
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value)
    model.save_changes()
  }
  const waiting = new Waiting($("busy"))
  let maps = []
  let looked = { leaf: 0, at: 0 }

  const option = (value, text) => {
    const made = new Option("", value)
    made.dataset.text = text
    return made
  }
  const group = (label, names) => {
    const made = element("optgroup", {}, ...names.map((name) => option(name, `check.${name}`)))
    made.dataset.group = label
    return made
  }
  $("fault").append(option("own", "check.own"), group("check.rights", RIGHT), group("check.faults", FAULTS))
  $("example").append(...[...Object.keys(EXAMPLES), "mine"].map((name) => option(name, `check.example.${name}`)))
  $("variables").append(...VARIABLES.map((_, i) => new Option(VARIABLES.slice(0, i + 1).join(", "), i + 1)))
  $("h").append(...STEPS.map((h) => new Option(power(h), h)))
  for (const name of VARIABLES) {
    const row = element("div", { className: "variable", id: `row-${name}` })
    row.innerHTML = `<label class="formula"><span>∂f/∂${name} =</span><input id="d${name}" ${TYPED} aria-describedby="problem"></label>
      <label><span>${name} =</span><input id="${name}" type="number" step="any"></label><span id="verdict-${name}"></span>`
    $("derivatives").append(row)
  }
  for (const name of BESIDE) {
    const label = element("label", {}, element("input", { type: "radio", name: "beside", value: name, id: `beside-${name}` }))
    const text = element("span", {})
    text.dataset.text = `check.beside.${name}`
    label.append(text)
    label.firstChild.addEventListener("change", () => change({ beside: name }))
    $("beside").append(label)
  }

  $("fault").addEventListener("change", () => change({ fault: $("fault").value }))
  $("h").addEventListener("change", () => change({ h: Number($("h").value) }))
  $("variables").addEventListener("change", () => change({ variables: Number($("variables").value) }))
  $("example").addEventListener("change", () => {
    const example = EXAMPLES[$("example").value]
    if (example) change(example)
    else $("formula").focus()
  })
  for (const name of ["formula", ...VARIABLES.map((v) => `d${v}`)]) {
    $(name).addEventListener("input", () => change({ [name]: $(name).value }))
  }
  for (const name of [...VARIABLES, "reach"]) {
    $(name).addEventListener("input", () => {
      if ($(name).value !== "") change({ [name]: Number($(name).value) })
    })
  }

  function showState() {
    const own = model.get("fault") === "own"
    // The form has everything about the user's own function.
    if (own) el.dataset.ready = ""
    for (const part of el.querySelectorAll(".of-own")) part.hidden = !own
    for (const part of el.querySelectorAll(".of-planted")) part.hidden = own
    for (const name of ["fault", "variables", "h"]) $(name).value = model.get(name)
    $(`beside-${model.get("beside")}`).checked = true
    const known = Object.keys(EXAMPLES).find((name) =>
      Object.entries(EXAMPLES[name]).every(([key, value]) => model.get(key) === value))
    $("example").value = known ?? "mine"
    const names = VARIABLES.slice(0, model.get("variables"))
    $("formula-name").textContent = `f(${names.join(", ")}) =`
    for (const name of VARIABLES) $(`row-${name}`).hidden = !names.includes(name)
    for (const name of ["formula", "reach", ...VARIABLES, ...VARIABLES.map((v) => `d${v}`)]) {
      const value = String(model.get(name))
      if (document.activeElement !== $(name) || $(name).type === "text") {
        if ($(name).value !== value) $(name).value = value
      }
    }
  }

  function showProblem() {
    const error = model.get("problem")
    const field = error?.facts?.field
    const name = { formula: "f: ", dx: "∂f/∂x: ", dy: "∂f/∂y: ", dz: "∂f/∂z: ", dw: "∂f/∂w: " }[field] ?? ""
    $("problem").textContent = error ? name + problem(error) : ""
    for (const input of el.querySelectorAll(".own input")) input.setAttribute("aria-invalid", String(input.id === field))
    el.toggleAttribute("data-stale", Boolean(error))
    if (!model.get("found")) $("seen").textContent = error ? words("check.blank") : ""
  }

  function showBusy() {
    el.toggleAttribute("data-busy", model.get("busy"))
    waiting.say(model.get("busy") ? words("check.busy") : "")
  }

  function showCode() {
    const lines = model.get("code")
    if (!lines) return
    $("code").replaceChildren(...lines.map(line))
    el.dataset.ready = ""
  }

  function showFound() {
    const found = model.get("found")
    for (const part of el.querySelectorAll(".of-found")) part.hidden = !found
    el.toggleAttribute("data-found", Boolean(found))
    if (!found) return
    $("seen").replaceChildren(...seen(found))
    $("naive").replaceChildren(element("p", { textContent: naive(found) }))
    for (const name of VARIABLES) {
      const leaf = found.of === "own" && found.leaves.find((one) => one.name === name)
      $(`verdict-${name}`).replaceChildren(...(leaf ? [badge(leaf.verdict)] : []))
    }
    $("worst").replaceChildren(...found.worst.map(({ leaf, at }) => row(found, leaf, at)))
    for (const { map } of maps) map.end()
    maps = found.leaves.map((leaf, i) => {
      const figure = element("figure", { className: "map" })
      figure.append(element("figcaption", {}, element("span", { textContent: title(found, leaf) }), badge(leaf.verdict)))
      const map = new HeatMap(figure, (at) => look(i, at))
      return { map, figure }
    })
    $("maps").dataset.of = found.of
    $("maps").replaceChildren(...maps.map(({ figure }) => figure))
    looked = found.worst[0]
    showMaps()
    el.dataset.ready = ""
  }

  function showMaps() {
    const found = model.get("found")
    if (!found) return
    const room = Math.min($("maps").clientWidth, 560)
    found.leaves.forEach((leaf, i) => {
      const columns = leaf.shape.at(-1)
      maps[i].map.show({
        rows: leaf.shape.length > 1 ? leaf.shape[0] : 1,
        columns,
        cells: cells(leaf, model.get("beside")),
        size: Math.max(12, Math.min(26, Math.floor(room / 12))),
        label: words("check.map.of", { name: title(found, leaf) }),
        at: i === looked.leaf ? looked.at : Math.floor(leaf.slope.length / 2),
      })
      const at = i === looked.leaf ? looked.at : Math.floor(leaf.slope.length / 2)
      maps[i].map.point(at, told(found, leaf, at), i === looked.leaf)
    })
    $("cell").textContent = told(found, found.leaves[looked.leaf], looked.at)
  }

  function look(leaf, at) {
    const found = model.get("found")
    if (leaf !== looked.leaf) maps[looked.leaf].map.point(looked.at, told(found, found.leaves[looked.leaf], looked.at), false)
    looked = { leaf, at }
    const text = told(found, found.leaves[leaf], at)
    maps[leaf].map.point(at, text, true)
    $("cell").textContent = text
  }

  function say() {
    translate(el)
    for (const part of el.querySelectorAll("[data-group]")) part.label = words(part.dataset.group)
    showProblem()
    showBusy()
    showCode()
    const kept = looked
    showFound()
    if (model.get("found")) {
      looked = kept
      showMaps()
    }
  }

  const observer = new ResizeObserver(showMaps)
  observer.observe($("maps"))
  const events = [
    ["change", showState], ["change:problem", showProblem], ["change:busy", showBusy],
    ["change:code", showCode],
    ["change:found", showFound], ["change:beside", showMaps],
  ]
  for (const [event, listener] of events) model.on(event, listener)
  const silence = onLanguage(say)
  say()
  showState()
  return () => {
    for (const [event, listener] of events) model.off(event, listener)
    silence()
    observer.disconnect()
    waiting.end()
    for (const { map } of maps) map.end()
    for (const name of ["data-busy", "data-found", "data-stale"]) el.removeAttribute(name)
  }
}

export default { render }
