// A room in a notebook: the kernel holds its state and answers its requests.

import { askInstead, Refusal } from "../asking.js"
import { speak } from "../i18n.js"
import { cell } from "./cell.js"

const PATIENCE = 60_000

export const inNotebook = (room, sheets) => ({
  // Once for each widget, however often it is shown.
  initialize({ model }) {
    const { ask, end } = kernel(model)
    askInstead(ask)
    return end
  },

  render({ model, el }) {
    if (model.get("language")) speak(model.get("language"), false)
    const names = model.get("_state")
    const values = Object.fromEntries(names.map((name) => [name, String(model.get(name))]))
    const inside = room.connect(values, (state) => {
      for (const name of names) model.set(name, state[name])
      model.save_changes()
    })
    const hear = () => {
      for (const name of names) inside.set(name, model.get(name))
      inside.save_changes()
    }
    for (const name of names) model.on(`change:${name}`, hear)
    const end = cell(el, sheets, (place) => room.default.render({ model: inside, el: place }))
    return () => {
      for (const name of names) model.off(`change:${name}`, hear)
      end()
    }
  },
})

// Requests are numbered messages; an answer has the number of its request.
function kernel(model) {
  const waiting = new Map()
  const hear = ({ id, answer }) => {
    waiting.get(id)?.(answer)
    waiting.delete(id)
  }
  model.on("msg:custom", hear)
  const ask = (name, given) =>
    new Promise((resolve, reject) => {
      const id = Math.floor(Math.random() * 2 ** 50)
      waiting.set(id, resolve)
      model.send({ id, ask: name, given })
      setTimeout(() => {
        if (!waiting.delete(id)) return
        reject(new Refusal({ code: "kernel", message: "the kernel does not answer", facts: {} }))
      }, PATIENCE)
    })
  return { ask, end: () => model.off("msg:custom", hear) }
}
