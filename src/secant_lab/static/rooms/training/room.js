// The room of training: shows the races of `secant_lab.rooms.training` while they run.

import { ask, Refusal } from "../../asking.js"
import { knows, learn, onLanguage, problem, translate, words } from "../../i18n.js"
import { Model } from "../../model.js"
import { grouped, shown } from "../../numbers.js"
import { Waiting } from "../../waiting.js"
import { bytes, signed } from "./bytes.js"
import { Controls, FORM } from "./controls.js"
import { Curve } from "./curve.js"
import { Digits } from "./digits.js"
import en from "./en.js"
import ko from "./ko.js"
import liveChart, { SHAPES } from "./live_chart.js"
import { Mosaic } from "./mosaic.js"
import { Race } from "./race.js"
import { lossShown, named, paceShown, percent, sentences } from "./sentences.js"
import { AXES, RACE, read, STATE, written } from "./settings.js"

learn({ en, ko })

const SAY_EVERY = 5000 // milliseconds: a screen reader needs time for a sentence
const SAY_FIRST = 1000
const COUNT_EVERY = 200 // milliseconds: nobody can read numbers that change faster

// The model behind the page: the settings of the address, and a race at the server.
export function connect(values, keep) {
  const state = read(values)
  const model = new Model(
    { ...state, choices: null, race: null, state: "starting", eager: false, update: null, curves: state.entries.map(() => new Curve()), saved: null, problem: null },
    (names) => {
      keep(written(settings()))
      if (names.some((name) => RACE.includes(name))) begin()
    },
    hear,
  )
  const settings = () => pick(model, Object.keys(STATE))
  const race = new Race((told) => {
    for (const [name, value] of Object.entries(told)) model.set(name, value)
  })

  function begin() {
    model.set("saved", null)
    model.set("eager", false)
    model.set("state", "starting")
    model.set("curves", model.get("entries").map(() => new Curve()))
    race.begin(pick(model, RACE))
  }

  // The commands of the view: go, pause, step, rewind, save, leave.
  async function hear({ wish, ...given }) {
    if (wish === "leave") return race.leave()
    if (["ended", "refused"].includes(model.get("state"))) begin()
    // While a step compiles, commands wait; the button shows their effect at once.
    if (["starting", "preparing"].includes(model.get("state"))) model.set("eager", wish === "go")
    const answer = await race.do(wish, given)
    if (wish === "save" && answer) model.set("saved", answer)
  }

  model.on("change:race", () => {
    model.set("curves", model.get("race").entries.map(() => new Curve()))
  })
  model.on("change:update", () => {
    const { state, entries } = model.get("update")
    const curves = model.get("curves")
    entries.forEach((entry, i) => curves[i].add(entry))
    model.set("curves", [...curves])
    model.set("state", state)
    if (state !== "preparing") model.set("eager", false)
  })
  ask("training/choices", {}).then(
    (choices) => model.set("choices", choices),
    (error) => error instanceof Refusal && model.set("problem", error),
  )
  race.begin(pick(model, RACE))
  return model
}

const pick = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]))

const figure = (name) => `
  <figure>
    <figcaption><h3 data-text="training.${name}"></h3><p class="hint" data-text="training.${name}.lead"></p></figcaption>
    <div class="held"><canvas id="${name}" role="img"></canvas><p class="hint none" data-text="training.none" hidden></p></div>
    <p class="scale"><b></b><i></i><b></b></p>
  </figure>`

const PAGE = `
  <section class="intro">
    <h2 data-text="training.heading"></h2>
    <p data-text="training.lead"></p>
  </section>
  <section class="card wide" role="group" data-label="training.settings">${FORM}
  </section>
  <section class="card stage">
    <div class="transport" role="group" data-label="training.transport">
      <button type="button" id="go" class="main"><svg viewBox="0 0 16 16" aria-hidden="true"><path/></svg><span></span></button>
      <button type="button" id="step" data-text="training.step"></button>
      <button type="button" id="rewind" data-text="training.rewind"></button>
      <button type="button" id="save" data-text="training.save"></button>
      <label class="along"><span data-text="training.along"></span><select id="axis"></select></label>
    </div>
    <div class="telling">
      <div id="waiting"></div>
      <div id="said" role="status" aria-live="polite"></div>
    </div>
    <p class="saved" id="saved" role="status"></p>
    <div id="chart" role="img"></div>
    <table id="entries-now">
      <caption data-text="training.table"></caption>
      <thead><tr><th data-text="training.entry"></th><th data-text="training.steps"></th><th data-text="training.speed"></th><th data-text="training.axis.loss"></th><th data-text="training.accuracy"></th></tr></thead>
      <tbody></tbody>
    </table>
  </section>
  <div class="side">
  <section class="card">
    <h3 id="digits-heading"></h3>
    <p class="hint" data-text="training.digits.lead"></p>
    <ul id="digits" aria-labelledby="digits-heading"></ul>
  </section>
  <section class="card layer">
    ${figure("weights")}
    ${figure("gradients")}
  </section>
  </div>`

const PLAY = "M4 2.5v11l9-5.5z"
const HALT = "M4 2.5h3v11H4zM9 2.5h3v11H9z"

function render({ model, el }) {
  el.innerHTML = PAGE
  el.classList.add("training")
  const $ = (id) => el.querySelector(`#${id}`)
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value)
    model.save_changes()
  }
  const controls = new Controls(el, change)
  const digits = new Digits($("digits"))
  const mosaics = { weights: new Mosaic($("weights")), gradients: new Mosaic($("gradients")) }
  const waiting = new Waiting($("waiting"))
  const chart = new Model({ curves: model.get("curves"), axis: model.get("axis"), labels: {} })
  const endChart = liveChart.render({ model: chart, el: $("chart") })
  let right = null
  let pictures = null
  let fresh = false
  let frame = 0
  let said = 0
  let counted = 0

  for (const axis of AXES) {
    const option = new Option("", axis)
    option.dataset.text = `training.axis.${axis}`
    $("axis").append(option)
  }
  $("axis").addEventListener("change", () => change({ axis: $("axis").value }))
  const isRunning = () => model.get("state") === "running" || model.get("eager")
  $("go").addEventListener("click", () => model.send({ wish: isRunning() ? "pause" : "go" }))
  $("step").addEventListener("click", () => model.send({ wish: "step", count: 1 }))
  $("rewind").addEventListener("click", () => model.send({ wish: "rewind" }))
  $("save").addEventListener("click", () => model.send({ wish: "save", entry: model.get("shown") }))

  const settings = () => pick(model, Object.keys(STATE))

  function showSettings() {
    controls.show(settings())
    $("axis").value = model.get("axis")
    chart.set("axis", model.get("axis"))
  }

  function showRace() {
    const race = model.get("race")
    if (!race) return
    digits.show(bytes(race.samples.pixels), race.samples.labels)
    right = pictures = null
    tabulate()
    showSize()
    $("said").dataset.entries = race.entries.length
  }

  function showSize() {
    const race = model.get("race")
    if (!race) return
    const { weights } = race.entries[0]
    const facts = { train: race.data.train, test: race.data.test, weights, runs: 2 * weights }
    for (const name in facts) facts[name] = grouped(facts[name])
    const methods = new Set(race.entries.map(({ gradient }) => gradient))
    $("size").textContent = [words("training.size", facts), ...[...methods].map((name) => about(name, facts))].join(" ")
  }

  // What a method perturbs, in the page's words or in the server's description.
  function about(name, facts) {
    const key = `training.nudges.${name}`
    if (knows(key)) return words(key, facts)
    const method = model.get("choices")?.gradients.find((each) => each.name === name)
    return method ? `${name}: ${method.description}.` : ""
  }

  // A row for each entry, with a button to select it; `count` fills in the numbers.
  function tabulate() {
    const entries = model.get("race")?.entries ?? []
    const rows = entries.map((entry, i) => {
      const row = document.createElement("tr")
      row.innerHTML = `<th scope="row"><label><input type="radio" name="shown" value="${i}"><i class="mark-of entry-${i + 1} ${SHAPES[i]}"></i><span></span></label></th>${"<td></td>".repeat(4)}`
      row.querySelector("span").textContent = named(entry, entries)
      const choose = row.querySelector("input")
      choose.checked = i === model.get("shown")
      choose.addEventListener("change", () => change({ shown: i }))
      return row
    })
    $("entries-now").tBodies[0].replaceChildren(...rows)
    count()
  }

  function count() {
    counted = performance.now()
    const rows = $("entries-now").tBodies[0].rows
    model.get("curves").forEach((curve, i) => {
      if (!rows[i]) return
      const epoch = curve.epochs.at(-1)
      const numbers = [
        grouped(curve.step) + (curve.progress >= 0.01 ? ` + ${Math.floor(100 * curve.progress)}%` : ""), paceShown(curve.perSecond), lossShown(curve.loss), epoch ? percent(epoch.test_accuracy) : "–",
      ]
      numbers.forEach((text, k) => {
        const cell = rows[i].cells[k + 1]
        if (cell.textContent !== text) cell.textContent = text
      })
      rows[i].classList.toggle("failed", Boolean(curve.failure))
    })
  }

  function speak() {
    said = performance.now()
    const seen = pick(model, ["state", "race", "curves", "shown"])
    const texts = sentences({ ...seen, ended: model.get("update")?.ended, entries: seen.race?.entries, right })
    const before = [...$("said").children].map((p) => p.textContent)
    if (texts.join() !== before.join()) {
      $("said").replaceChildren(...texts.filter(Boolean).map((text) => Object.assign(document.createElement("p"), { textContent: text })))
    }
  }

  function showPictures() {
    const entry = pictures?.entries[model.get("shown")]
    if (!entry) return
    $("digits").dataset.step = entry.step
    right = digits.believe(entry.probabilities, isRunning())
    const of = model.get("race").samples.labels.length
    $("digits-heading").textContent = words("training.digits", { right, of })
    const ofDefinition = model.get("race").entries[model.get("shown")].gradient === "definition"
    for (const [name, scale] of Object.entries(entry.scales)) {
      const known = Boolean(entry[name])
      if (known) mosaics[name].show(signed(entry[name]))
      else mosaics[name].clear()
      const figure = $(name).closest("figure")
      const none = figure.querySelector(".none")
      none.hidden = known
      none.dataset.text = ofDefinition ? "training.none" : "training.soon"
      none.textContent = words(none.dataset.text)
      const ends = figure.querySelectorAll(".scale b")
      ends[0].textContent = known ? `−${shown(scale, 2)}` : ""
      ends[1].textContent = known ? `+${shown(scale, 2)}` : ""
    }
    el.dataset.ready = ""
  }

  // Once a frame: show everything that has arrived since the last frame.
  function draw() {
    frame = 0
    if (fresh) {
      fresh = false
      showPictures()
    }
    const now = performance.now()
    if (!isRunning() || now - counted > COUNT_EVERY) count()
    if (!isRunning() || now - said > SAY_EVERY) speak()
  }
  const soon = () => (frame ||= requestAnimationFrame(draw))

  function hear() {
    const { pictures: newest } = model.get("update")
    if (newest) {
      pictures = newest
      fresh = true
    }
    soon()
  }

  function look() {
    fresh = true
    const radio = $("entries-now").querySelectorAll("input")[model.get("shown")]
    if (radio) radio.checked = true
    soon()
  }

  function showState() {
    const running = isRunning()
    $("go").querySelector("span").textContent = words(running ? "training.pause" : "training.go")
    $("go").querySelector("path").setAttribute("d", running ? HALT : PLAY)
    el.dataset.state = model.get("state")
    const waits = ["starting", "preparing"].includes(model.get("state"))
    waiting.say(waits ? words(`training.said.${model.get("eager") ? "eager" : model.get("state")}`) : "")
    speak()
    if (running) said -= SAY_EVERY - SAY_FIRST
  }

  function showProblem() {
    const error = model.get("problem")
    $("problem").textContent = error ? problem(error) : ""
  }

  function showSaved() {
    const saved = model.get("saved")
    $("saved").replaceChildren()
    if (!saved) return
    const command = Object.assign(document.createElement("code"), { textContent: `secant evaluate ${saved.folder}` })
    $("saved").append(words("training.saved", { folder: saved.folder }), " ", command)
  }

  function say() {
    translate(el)
    controls.say()
    chart.set("labels", Object.fromEntries(["step", "second", "loss", "accuracy"].map((name) => [name, words(`training.axis.${name}`)])))
    for (const name of ["chart", "weights", "gradients"]) $(name).setAttribute("aria-label", words(`training.${name}.label`))
    digits.say()
    showState()
    showProblem()
    showSaved()
    showSize()
    tabulate()
    showPictures()
  }

  const events = [
    ["change:choices", () => controls.offer(model.get("choices"))],
    ["change:choices", showSize],
    ["change:race", showRace],
    ["change:curves", () => chart.set("curves", model.get("curves"))],
    ["change:update", hear],
    ["change:state", showState],
    ["change:eager", showState],
    ["change:shown", look],
    ["change:problem", showProblem],
    ["change:saved", showSaved],
    ...Object.keys(STATE).map((name) => [`change:${name}`, showSettings]),
  ]
  for (const [event, listener] of events) model.on(event, listener)
  const silence = onLanguage(say)
  say()
  showSettings()
  return () => {
    for (const [event, listener] of events) model.off(event, listener)
    silence()
    cancelAnimationFrame(frame)
    endChart()
    waiting.end()
    digits.end()
    for (const mosaic of Object.values(mosaics)) mosaic.end()
    model.send({ wish: "leave" })
  }
}

export default { render }
