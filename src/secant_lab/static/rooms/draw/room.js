// The room of drawing: shows the predictions of `secant_lab.rooms.draw`.

import { Question } from "../../asking.js"
import { color } from "../../charts.js"
import { learn, onLanguage, problem, translate, words } from "../../i18n.js"
import { Model } from "../../model.js"
import en from "./en.js"
import { gray, image } from "./images.js"
import ko from "./ko.js"
import { Paper } from "./paper.js"
import { showReasons } from "./reasons.js"
import { number, percent, size, verdict } from "./saying.js"
import { decode, encode, MOST_POINTS } from "./strokes.js"

learn({ en, ko })

const STATE = { run: "", example: -1, drawing: "", against: -1 }
const PAUSE = 300 // ms between two updates on the training of the lab's network
const BREATH = 60 // ms between two requests for the reasons during a stroke
const QUIET = 700 // ms without a change before a screen reader reads the prediction

// The model of the page: the state of the address, and the server's answers.
export function connect(values, keep) {
  const state = { ...STATE }
  for (const [name, value] of Object.entries(values)) {
    if (typeof STATE[name] === "string") state[name] = value
    else if (name in STATE && /^\d{1,3}$/.test(value)) state[name] = Number(value)
  }
  // A link may have been typed by hand: invalid values become defaults.
  if (!decode(state.drawing).length) state.drawing = ""
  if (state.against > 9) state.against = STATE.against
  const errors = {}
  const told = (name) => (answer, error) => {
    if (answer) model.set(name, answer)
    errors[name] = error
    model.set("problem", errors.seen ?? errors.why ?? null)
  }
  const paper = ["drawing", "example", "run"]
  const read = new Question("draw/read", paper, told("seen"))
  const why = new Question("draw/why", [...paper, "against"], told("why"))
  // The reasons take longer than the prediction, and must not delay it.
  let later = 0
  const askWhy = () => {
    clearTimeout(later)
    later = 0
    why.ask(model)
  }
  const examples = new Question("draw/examples", ["page"], told("examples"))
  const networks = new Question("draw/networks", [], (answer, error) => {
    const before = model.get("networks")?.own
    told("networks")(answer, error)
    if (!answer || model.get("left")) return
    // The prediction of the lab's own network changes while it trains.
    if (before && before.step !== answer.own.step && model.get("run") === "") {
      read.ask(model)
      why.ask(model)
    }
    const over = answer.own.status === "finished" || answer.own.status === "failed"
    if (!over && model.get("run") === "") setTimeout(() => model.get("left") || networks.ask(model), PAUSE)
  })
  const model = new Model(
    { ...state, page: 0, seen: null, why: null, examples: null, networks: null, problem: null, left: false },
    (names) => {
      for (const question of [read, examples]) if (question.isAbout(names)) question.ask(model)
      if (names.includes("drawing")) later ||= setTimeout(askWhy, BREATH)
      else if (why.isAbout(names)) askWhy()
      if (names.includes("run") || names.includes("looked")) networks.ask(model)
      keep(Object.fromEntries(Object.entries(STATE).flatMap(([name, usual]) =>
        model.get(name) === usual ? [] : [[name, model.get(name)]])))
    },
  )
  for (const question of [read, why, examples, networks]) question.ask(model)
  return model
}

const PAGE = `
  <section class="intro">
    <h2 data-text="draw.heading"></h2>
    <p data-text="draw.lead"></p>
  </section>
  <section class="card desk">
    <div class="fields">
      <label><span data-text="draw.run"></span><select id="run"></select></label>
    </div>
    <p class="hint" id="learning"><span></span><progress aria-hidden="true"></progress></p>
    <ul id="unusable"></ul>
    <p class="problem" id="problem" role="alert"></p>
    <div class="sheets">
      <div>
        <div class="paper">
          <canvas id="paper" role="application" tabindex="0" data-label="draw.paper" aria-describedby="how"></canvas>
          <span id="here" aria-hidden="true" data-text="draw.here"></span>
        </div>
        <div class="tools">
          <button type="button" id="undo" data-text="draw.undo"></button>
          <button type="button" id="clear" data-text="draw.clear"></button>
          <span id="pen" class="hint" role="status"></span>
        </div>
      </div>
      <div class="seen-as">
        <canvas id="form" role="img" data-label="draw.form"></canvas>
        <div id="verdict"><b id="digit" aria-hidden="true"></b><p id="seen"></p></div>
        <div class="about">
          <p class="hint"><b data-text="draw.form"></b> <span data-text="draw.form.lead"></span></p>
          <p id="notes"></p>
        </div>
      </div>
    </div>
    <p id="how" class="hint" data-text="draw.how"></p>
  </section>
  <section class="card reading">
    <h3 data-text="draw.reading"></h3>
    <p class="visually-hidden" id="spoken" role="status"></p>
    <div class="bars" id="bars" role="group" data-label="draw.bars"></div>
    <p class="hint" data-text="draw.bars.lead"></p>
    <h3 data-text="draw.examples"></h3>
    <div class="examples" id="examples" role="group" data-label="draw.examples"></div>
    <div class="tools"><button type="button" id="others" data-text="draw.others"></button></div>
  </section>
  <section class="card wide why">
    <figure>
      <canvas id="heat" role="img"></canvas>
      <p class="scale"><span><i class="for"></i><span id="scale-for"></span></span><span><i class="against"></i><span id="scale-against"></span></span></p>
      <p class="hint" data-text="draw.formula.pixels"></p>
    </figure>
    <div>
      <h3 data-text="draw.why"></h3>
      <div id="why"></div>
      <h3 id="units-for-title"></h3><div class="units" id="units-for"></div>
      <h3 id="units-against-title"></h3><div class="units" id="units-against"></div>
      <p class="hint" data-text="draw.formula.units"></p>
    </div>
  </section>`

function render({ model, el }) {
  el.innerHTML = PAGE
  el.classList.add("draw")
  const $ = (id) => el.querySelector(`#${id}`)
  const change = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value)
    model.save_changes()
  }
  const onPaper = () => ({ drawing: model.get("drawing"), example: model.get("example") })

  // Earlier drawings, for undo; the strokes of a link can be undone one by one.
  const past = decode(model.get("drawing")).map((_, i, all) => ({ drawing: encode(all.slice(0, i)), example: model.get("example") }))
  if (model.get("example") !== -1) past.unshift({ drawing: "", example: -1 })
  const put = (values) => {
    past.push(onPaper())
    change({ against: -1, ...values })
  }
  const undo = () => past.length && change({ against: -1, ...past.pop() })

  let [before, left] = ["", 0]
  const paper = new Paper($("paper"), {
    begun() {
      before = model.get("drawing")
      left = MOST_POINTS - decode(before).flat().length
      if (left) past.push(onPaper())
    },
    drawn(points) {
      const stroke = encode([points.slice(0, left)])
      if (stroke) change({ drawing: before ? `${before}.${stroke}` : stroke, against: -1 })
    },
    moved(x, y, down) {
      $("pen").textContent = words(down ? "draw.pen.down" : "draw.pen.up", { x: Math.round(x / 10), y: Math.round(y / 10) })
    },
    undo,
  })

  for (let digit = 0; digit < 10; digit++) {
    const bar = document.createElement("button")
    Object.assign(bar, { type: "button", className: "bar", id: `bar-${digit}` })
    bar.innerHTML = `<span>${digit}</span><span class="track"><i></i></span><span class="value"></span>`
    bar.addEventListener("click", () => {
      const first = model.get("why")?.reasons?.digit
      change({ against: digit === first ? -1 : digit })
    })
    $("bars").append(bar)
  }
  $("undo").addEventListener("click", undo)
  $("clear").addEventListener("click", () => put({ drawing: "", example: -1 }))
  $("others").addEventListener("click", () => change({ page: model.get("page") + 1 }))
  $("run").addEventListener("change", () => change({ run: $("run").value, against: -1 }))
  // The list of finished runs may have grown.
  $("run").addEventListener("focus", () => change({ looked: Date.now() }))

  function showPaper() {
    const example = model.get("seen")?.example
    const base = example?.index === model.get("example") ? example.pixels : null
    paper.show(model.get("drawing"), base)
    const blank = !model.get("drawing") && model.get("example") === -1
    $("here").hidden = !blank
    $("undo").disabled = !past.length
    $("clear").disabled = blank
    for (const button of $("examples").children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.index) === model.get("example")))
    }
  }

  function showExamples() {
    const found = model.get("examples")
    if (!found) return
    $("examples").replaceChildren(...found.examples.map(({ index, label, pixels }) => {
      const button = document.createElement("button")
      button.type = "button"
      button.dataset.index = index
      button.setAttribute("aria-label", words("draw.example", { label }))
      const thumb = image(pixels, gray(color("sheet"), color("sheet-ink"), 255))
      thumb.setAttribute("aria-hidden", "true")
      button.append(thumb)
      button.addEventListener("click", () => put({ drawing: "", example: index }))
      return button
    }))
    showPaper()
  }

  function showNetworks() {
    const found = model.get("networks")
    if (!found) return
    const run = model.get("run")
    const options = [["", words("draw.own"), false]]
    for (const { name, about, accuracy, problem } of found.runs) {
      const right = accuracy === null ? "" : ` · ${percent(accuracy, 1)}`
      options.push([name, problem ? words("draw.unusable", { name }) : `${name} · ${about}${right}`, Boolean(problem)])
    }
    if (!options.some(([name]) => name === run)) options.push([run, words("draw.absent", { name: run }), false])
    // An open list must not change without a reason.
    const text = JSON.stringify(options)
    if ($("run").dataset.options !== text) {
      $("run").replaceChildren(...options.map(([name, label, closed]) => {
        const option = new Option(label, name)
        option.disabled = closed
        return option
      }))
      $("run").dataset.options = text
    }
    $("run").value = run
    $("unusable").replaceChildren(...found.runs.filter((r) => r.problem).map(({ problem: cause }) =>
      Object.assign(document.createElement("li"), { textContent: problem(cause) })))
    $("unusable").hidden = !$("unusable").children.length
    const { status, step, iterations, accuracy } = found.own
    const chosen = found.runs.find(({ name }) => name === run)
    const [line, bar] = $("learning").children
    bar.hidden = run !== "" || (status !== "learning" && status !== "waiting")
    bar.max = iterations
    if (step) bar.value = step
    else bar.removeAttribute("value")
    const key = run === "" ? (status === "learning" && !step ? "draw.own.waiting" : `draw.own.${status}`) : "draw.run.data"
    line.textContent = run === "" || chosen?.data
      ? words(key, { step: number(step), iterations: number(iterations), accuracy: accuracy === null ? "–" : percent(accuracy, 1), data: chosen?.data })
      : ""
  }

  function showProblem() {
    const error = model.get("problem")
    $("problem").textContent = error ? problem(error) : ""
  }

  function showSeen() {
    const seen = model.get("seen")
    if (!seen) return
    showPaper()
    image(seen.form, (v) => [v, v, v], $("form"))
    const full = decode(model.get("drawing")).flat().length >= MOST_POINTS
    $("notes").textContent = [...seen.notes, ...(full ? ["full"] : [])].map((note) => words(`draw.note.${note}`)).join(" ")
    const { reading } = seen
    $("digit").textContent = reading ? reading.digit : "?"
    const label = model.get("drawing") ? undefined : seen.example?.label
    const said = reading ? verdict(reading, label) : words("draw.nothing")
    $("seen").textContent = said
    speak(said)
    showBars(reading)
    el.dataset.ready = ""
    if (!model.get("why")?.reasons) showWhy()
  }

  function showBars(reading) {
    for (const [digit, bar] of [...$("bars").children].entries()) {
      const output = reading?.outputs[digit]
      bar.hidden = Boolean(reading) && output === undefined
      bar.disabled = !reading
      bar.classList.toggle("first", reading?.digit === digit)
      bar.querySelector("i").style.width = `${100 * Math.max(0, Math.min(1, output ?? 0))}%`
      bar.querySelector(".value").textContent = reading ? size(reading, output ?? 0) : ""
    }
  }

  function showWhy() {
    const why = model.get("why")
    for (const [digit, bar] of [...$("bars").children].entries()) {
      bar.setAttribute("aria-pressed", String(why?.reasons?.against === digit))
    }
    showReasons($, why, Boolean(model.get("seen")?.reading))
  }

  // A screen reader reads the prediction when the pen rests, not at each stroke.
  let waiting = 0
  function speak(text) {
    clearTimeout(waiting)
    waiting = setTimeout(() => {
      if ($("spoken").textContent !== text) $("spoken").textContent = text
    }, QUIET)
  }

  function say() {
    translate(el)
    showProblem()
    showExamples()
    showNetworks()
    showSeen()
    showWhy()
    $("pen").textContent = ""
  }

  const events = [
    ["change:drawing", showPaper], ["change:example", showPaper], ["change:examples", showExamples],
    ["change:networks", showNetworks], ["change:run", showNetworks], ["change:problem", showProblem], ["change:seen", showSeen], ["change:why", showWhy],
  ]
  for (const [event, listener] of events) model.on(event, listener)
  const silence = onLanguage(say)
  addEventListener("theme", say)
  say()
  showPaper()
  return () => {
    for (const [event, listener] of events) model.off(event, listener)
    model.set("left", true)
    clearTimeout(waiting)
    silence()
    removeEventListener("theme", say)
    paper.end()
  }
}

export default { render }
