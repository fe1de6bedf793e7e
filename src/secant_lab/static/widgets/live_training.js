// A run of `fit` while it trains, for `secant_lab.widgets.LiveTraining`.

import page from "../app.css"
import { learn, speak, translate, words } from "../i18n.js"
import { Model } from "../model.js"
import { grouped } from "../numbers.js"
import chart from "../rooms/training/live_chart.js"
import colors from "../rooms/training/room.css"
import { lossShown, percent } from "../rooms/training/sentences.js"
import uplot from "../vendor/uplot/uPlot.min.css"
import { cell } from "./cell.js"
import en from "./en.js"
import ko from "./ko.js"
import sheet from "./live_training.css"

learn({ en, ko })

const PAGE = `
  <section class="card wide live">
    <div class="head">
      <p id="said"></p>
      <label class="along"><span data-text="live.along"></span>
        <select id="axis"><option value="step" data-text="live.axis.step"></option><option value="second" data-text="live.axis.second"></option></select></label>
    </div>
    <progress id="progress" data-label="live.progress" value="0"></progress>
    <div id="chart" role="img" data-label="live.chart"></div>
    <p class="visually-hidden" id="done" role="status"></p>
  </section>`

function fill(el, model) {
  el.innerHTML = PAGE
  // The chart and its colours are those of the room of training.
  el.classList.add("training")
  translate(el)
  const $ = (id) => el.querySelector(`#${id}`)
  const inside = new Model({ curves: model.get("curves"), axis: model.get("axis"), labels: {} })
  const label = () => {
    const of = model.get("facts").of ?? "test"
    inside.set("labels", {
      step: words("live.axis.step"), second: words("live.axis.second"),
      loss: words("live.loss"), accuracy: words(`live.accuracy.${of}`),
    })
  }
  label()
  const end = chart.render({ model: inside, el: $("chart") })
  const show = () => {
    const facts = model.get("facts")
    if (facts.of !== show.of) label()
    show.of = facts.of
    inside.set("curves", model.get("curves"))
    inside.set("axis", model.get("axis"))
    const said = sentence(facts, model.get("curves")[0])
    $("said").textContent = said
    // A screen reader cannot follow ten sentences a second: it gets only the last one.
    const over = facts.step === facts.iterations
    $("done").textContent = over ? said : ""
    Object.assign($("progress"), { max: facts.iterations ?? 1, value: facts.step ?? 0 })
    $("axis").value = model.get("axis")
  }
  $("axis").addEventListener("change", () => {
    model.set("axis", $("axis").value)
    model.save_changes()
  })
  const events = ["change:curves", "change:facts", "change:axis"]
  for (const event of events) model.on(event, show)
  show()
  return () => {
    for (const event of events) model.off(event, show)
    end()
  }
}

function sentence({ step, iterations, seconds, accuracy, of }, curve) {
  if (step === undefined) return words("live.waiting")
  if (!curve.losses.length) return words("live.first", { iterations: grouped(iterations) })
  return words(step === iterations ? "live.done" : "live.going", {
    step: grouped(step), iterations: grouped(iterations), seconds: seconds.toFixed(1),
    speed: grouped(Math.round(step / Math.max(seconds, 1e-3))),
    first: lossShown(curve.losses[0]), loss: lossShown(curve.losses.at(-1)),
    accuracy: percent(accuracy), of: words(`live.of.${of}`),
  })
}

export default {
  render({ model, el }) {
    if (model.get("language")) speak(model.get("language"), false)
    return cell(el, [uplot, page, colors, sheet], (place) => fill(place, model))
  },
}
