// The descents to compare, each with an optimiser and a learning rate.

import { translate, words } from "../../i18n.js"
import { shown } from "../../numbers.js"
import { mark } from "./marks.js"

export const OPTIMIZERS = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"]
export const MOST = 4
const [SMALLEST, LARGEST] = [-7, 1] // the powers of ten at the ends of the slider

// The runs of an address, as `sgd:0.1,adam:0.05`; null if they are invalid.
export function parse(text) {
  const runs = text.split(",").map((part) => {
    const [optimizer, rate] = part.split(":")
    return { optimizer, rate: Number(rate) }
  })
  const good = ({ optimizer, rate }) => OPTIMIZERS.includes(optimizer) && rate >= 1e-12 && rate <= 1e6
  return runs.length <= MOST && runs.every(good) ? runs : null
}

export const format = (runs) => runs.map(({ optimizer, rate }) => `${optimizer}:${rate}`).join(",")

export const named = ({ optimizer, rate }) => `${optimizer}, ${shown(rate, 4)}`

export class Runs {
  #list
  #add
  #changed
  #runs = []

  // `changed(runs)` is called when the user has changed them.
  constructor(list, add, changed) {
    this.#list = list
    this.#add = add
    this.#changed = changed
    add.addEventListener("click", () => {
      const last = this.#runs.at(-1)
      this.#tell([...this.#runs, { optimizer: last.optimizer, rate: tidy(last.rate / 2) }])
      this.#list.lastChild.querySelector("select").focus()
    })
  }

  show(runs) {
    this.#runs = runs
    while (this.#list.children.length > runs.length) this.#list.lastChild.remove()
    while (this.#list.children.length < runs.length) {
      this.#list.append(this.#row(this.#list.children.length))
    }
    runs.forEach(({ optimizer, rate }, number) => {
      const row = this.#list.children[number]
      const [select, slider, field] = row.querySelectorAll("select, input")
      select.value = optimizer
      slider.value = Math.log10(rate)
      slider.setAttribute("aria-valuetext", shown(rate, 3))
      if (!field.matches(":focus")) field.value = rate
      row.querySelector("button").disabled = runs.length === 1
    })
    this.#add.disabled = runs.length === MOST
  }

  // The labels of the rows, with their numbers.
  say() {
    ;[...this.#list.children].forEach((row, number) => {
      const facts = { number: number + 1 }
      row.setAttribute("aria-label", words("descent.run", facts))
      translate(row)
      for (const element of row.querySelectorAll("[data-name]")) {
        element.setAttribute("aria-label", words(element.dataset.name, facts))
      }
    })
  }

  #row(number) {
    const row = document.createElement("li")
    row.innerHTML = `<select id="optimizer-${number}" data-name="descent.optimizer">${OPTIMIZERS.map((name) => `<option>${name}</option>`).join("")}</select>
      <input id="rate-${number}" type="range" min="${SMALLEST}" max="${LARGEST}" step="0.01" data-name="descent.rate">
      <input id="rate-field-${number}" type="number" step="any" min="0" data-name="descent.rate.exact">
      <button type="button" id="remove-${number}" data-name="descent.remove">×</button>`
    row.prepend(mark(number))
    const [select, slider, field] = row.querySelectorAll("select, input")
    const change = (values) => this.#tell(this.#runs.map((run, i) => (i === number ? { ...run, ...values } : run)))
    select.addEventListener("change", () => change({ optimizer: select.value }))
    slider.addEventListener("input", () => change({ rate: tidy(10 ** Number(slider.value)) }))
    field.addEventListener("input", () => {
      const rate = Number(field.value)
      if (rate >= 1e-12 && rate <= 1e6) change({ rate })
    })
    field.addEventListener("change", () => (field.value = this.#runs[number].rate))
    row.querySelector("button").addEventListener("click", () => {
      this.#tell(this.#runs.filter((_, i) => i !== number))
      this.#list.children[Math.min(number, this.#list.children.length - 1)].querySelector("select").focus()
    })
    return row
  }

  #tell(runs) {
    this.#changed(runs)
    this.say()
  }
}

const tidy = (rate) => Number(rate.toPrecision(3))
