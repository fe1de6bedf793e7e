// The form: the data, the network, the settings of a step, and the entries.

import { knows, words } from "../../i18n.js"
import { SHAPES } from "./live_chart.js"
import { MAX_ENTRIES, PRESETS } from "./settings.js"

export const FORM = `
  <div class="fields">
    <label><span data-text="training.data"></span><select id="data"></select></label>
    <label><span data-text="training.hidden"></span><input id="hidden" type="number" step="1" inputmode="numeric"></label>
    <label><span data-text="training.activation"></span><select id="activation"></select></label>
    <label><span data-text="training.loss"></span><select id="loss"></select></label>
    <label><span data-text="training.optimizer"></span><select id="optimizer"></select></label>
    <label><span data-text="training.init"></span><select id="init"></select></label>
    <label><span data-text="training.batch"></span><input id="batch" type="number" step="1" inputmode="numeric"></label>
    <label><span data-text="training.seed"></span><input id="seed" type="number" step="1" min="0" inputmode="numeric"></label>
  </div>
  <div class="race">
    <fieldset id="entries"><legend data-text="training.entries"></legend></fieldset>
    <div class="more">
      <label><span data-text="training.preset"></span><select id="preset"></select></label>
      <label><span data-text="training.share"></span><select id="equal_steps">
        <option value="false" data-text="training.share.time"></option><option value="true" data-text="training.share.steps"></option></select></label>
      <button type="button" id="add" data-text="training.add"></button>
    </div>
  </div>
  <div class="below"><p class="hint" id="size"></p><p class="problem" id="problem" role="alert"></p></div>`

const CHOSEN = { data: "data", activation: "activations", loss: "losses", optimizer: "optimizers", init: "inits" }
const NUMBERS = ["hidden", "batch", "seed"]

export class Controls {
  #$
  #change
  #choices = null
  #state = null

  // `change(values)` gets the settings that the user has changed.
  constructor(el, change) {
    this.#$ = (id) => el.querySelector(`#${id}`)
    this.#change = change
    for (const name of Object.keys(CHOSEN)) {
      this.#$(name).addEventListener("change", () => this.#choose(name, this.#$(name).value))
    }
    for (const name of NUMBERS) {
      this.#$(name).addEventListener("change", () => this.#number(name))
    }
    this.#$("equal_steps").addEventListener("change", () => change({ equal_steps: this.#$("equal_steps").value === "true" }))
    for (const name of [...Object.keys(PRESETS), "own"]) {
      const option = new Option("", name)
      option.dataset.text = `training.preset.${name}`
      this.#$("preset").append(option)
    }
    this.#$("preset").addEventListener("change", () => {
      const preset = PRESETS[this.#$("preset").value]
      if (preset) change({ entries: preset(this.#usual()), shown: 0 })
      else this.#$("add").focus()
    })
    this.#$("add").addEventListener("click", () => {
      const entries = this.#state.entries
      change({ entries: [...entries, { ...entries.at(-1) }] })
      this.#$("entries").querySelector(".entry:last-child select").focus()
    })
  }

  // Offer the choices of the server.
  offer(choices) {
    this.#choices = choices
    for (const [name, from] of Object.entries(CHOSEN)) {
      const names = choices[from].map(nameOf)
      if (name === "init") names.unshift("")
      this.#$(name).replaceChildren(...names.map((choice) => option(name, choice)))
    }
    for (const name of ["hidden", "batch"]) {
      Object.assign(this.#$(name), { min: 1, max: choices.limits[name] })
    }
    if (this.#state) this.show(this.#state)
  }

  say() {
    for (const name of Object.keys(CHOSEN)) {
      for (const choice of this.#$(name).options) choice.textContent = named(name, choice.value)
    }
    if (this.#state) this.#showEntries()
  }

  show(state) {
    this.#state = state
    if (!this.#choices) return
    for (const name of [...Object.keys(CHOSEN), ...NUMBERS]) {
      if (document.activeElement !== this.#$(name) || !NUMBERS.includes(name)) this.#$(name).value = state[name]
    }
    this.#$("equal_steps").value = state.equal_steps
    this.#$("equal_steps").disabled = state.entries.length === 1
    this.#$("add").disabled = state.entries.length >= MAX_ENTRIES
    const usual = this.#usual()
    const same = (entries) => JSON.stringify(entries) === JSON.stringify(state.entries)
    this.#$("preset").value = Object.keys(PRESETS).find((name) => same(PRESETS[name](usual))) ?? "own"
    this.#showEntries()
  }

  #usual() {
    return this.#rateOf(this.#state.optimizer) ?? 0.1
  }

  #rateOf(optimizer) {
    return this.#choices.optimizers.find(({ name }) => name === optimizer)?.rate
  }

  // Another optimiser has another usual rate: entries with the old usual rate follow.
  #choose(name, value) {
    const change = { [name]: value }
    if (name === "optimizer") {
      const [before, after] = [this.#usual(), this.#rateOf(value)]
      change.entries = this.#state.entries.map((entry) => (entry.rate === before ? { ...entry, rate: after } : entry))
    }
    this.#change(change)
  }

  #number(name) {
    const input = this.#$(name)
    const value = Math.round(Number(input.value))
    if (input.value.trim() === "" || !Number.isFinite(value)) input.value = this.#state[name]
    else this.#change({ [name]: value })
  }

  #showEntries() {
    const held = this.#$("entries")
    const { entries } = this.#state
    while (held.querySelectorAll(".entry").length > entries.length) held.lastChild.remove()
    while (held.querySelectorAll(".entry").length < entries.length) held.append(this.#entry(held.querySelectorAll(".entry").length))
    held.querySelectorAll(".entry").forEach((entry, i) => {
      const [method, rate, remove] = entry.querySelectorAll("select, input, button")
      const names = this.#choices.gradients.map(nameOf)
      if (method.options.length !== names.length) method.replaceChildren(...names.map((name) => option("gradient", name)))
      for (const choice of method.options) choice.textContent = named("gradient", choice.value)
      method.value = entries[i].gradient
      if (document.activeElement !== rate) rate.value = entries[i].rate
      remove.hidden = entries.length === 1
      method.setAttribute("aria-label", words("training.entry.gradient", { entry: i + 1 }))
      rate.setAttribute("aria-label", words("training.entry.rate", { entry: i + 1 }))
      remove.setAttribute("aria-label", words("training.entry.remove", { entry: i + 1 }))
      entry.querySelector(".by").textContent = words("training.rate")
    })
  }

  #entry(i) {
    const entry = document.createElement("div")
    entry.className = "entry"
    entry.innerHTML = `<i class="mark-of entry-${i + 1} ${SHAPES[i]}"></i><select></select>
      <span class="by" aria-hidden="true"></span><input type="text" inputmode="decimal" autocomplete="off" maxlength="12">
      <button type="button">×</button>`
    const [method, rate, remove] = entry.querySelectorAll("select, input, button")
    const replace = (values) => {
      const entries = this.#state.entries.map((entry, j) => (j === i ? { ...entry, ...values } : entry))
      this.#change({ entries })
    }
    method.addEventListener("change", () => replace({ gradient: method.value }))
    rate.addEventListener("change", () => {
      const value = Number(rate.value)
      if (value > 0 && Number.isFinite(value)) replace({ rate: value })
      else rate.value = this.#state.entries[i].rate
    })
    remove.addEventListener("click", () => {
      const entries = this.#state.entries.filter((_, j) => j !== i)
      this.#change({ entries, shown: 0 })
      this.#$("add").focus()
    })
    return entry
  }
}

const named = (kind, name) => {
  const key = `training.${kind}.${name || "usual"}`
  return knows(key) ? words(key) : name
}

const nameOf = (choice) => choice.name ?? choice

const option = (kind, name) => new Option(named(kind, name), name)
