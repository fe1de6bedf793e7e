// The model that a view reads and writes, with the methods of anywidget:
// `get`, `set`, `on("change:name")`, `off`, `save_changes`, `send`.

export class Model {
  #values
  #listeners = new Map()
  #unsaved = new Set()
  #save
  #hear

  // `save` gets the changed names at each save; `hear` gets the commands of the view.
  constructor(values, save = () => {}, hear = () => {}) {
    this.#values = { ...values }
    this.#save = save
    this.#hear = hear
  }

  get(name) {
    return this.#values[name]
  }

  set(name, value) {
    if (Object.is(this.#values[name], value)) return
    this.#values[name] = value
    this.#unsaved.add(name)
    for (const event of [`change:${name}`, "change"]) {
      for (const listener of [...(this.#listeners.get(event) ?? [])]) listener()
    }
  }

  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set())
    this.#listeners.get(event).add(listener)
  }

  off(event, listener) {
    this.#listeners.get(event)?.delete(listener)
  }

  save_changes() {
    const names = [...this.#unsaved]
    this.#unsaved.clear()
    if (names.length) this.#save(names)
  }

  send(message) {
    this.#hear(message)
  }
}
