// The reasons of a prediction: the ink in colours, the units as images, and sentences.

import { color } from "../../charts.js"
import { words } from "../../i18n.js"
import { image, mixed, rgb } from "./images.js"
import { sentences, signed } from "./saying.js"

const UNITS = 4 // for each of the two classes
const NOTHING = Array(784).fill(0)

// `$` finds an element of the room; `why` is the server's answer or null, and `coming`
// whether one is on its way.
export function showReasons($, why, coming) {
  const { form, reasons } = why ?? { form: NOTHING, reasons: null }
  const [nothing, digit, yes, no] = ["nothing", "digit", "for", "against"].map((name) => rgb(color(name)))
  const tint = (base, part) => mixed(base, part < 0 ? no : yes, Math.min(1, Math.abs(part)))
  const effects = reasons?.pixels ?? form
  const most = Math.max(...effects.map(Math.abs)) || 1
  image(effects, (effect, i) => tint(mixed(nothing, digit, form[i] / 255), effect / most), $("heat"))
  const facts = { a: reasons?.digit ?? words("draw.it"), b: reasons?.against ?? words("draw.other") }
  for (const side of ["for", "against"]) {
    $(`scale-${side}`).textContent = words(`draw.scale.${side}`, facts)
    $(`units-${side}-title`).textContent = words(`draw.units.${side}`, facts)
    const units = reasons?.units[side] ?? []
    $(`units-${side}`).replaceChildren(...Array.from({ length: UNITS }, (_, i) => {
      const { unit, effect, weights } = units[i] ?? {}
      const figure = document.createElement("figure")
      const picture = image(weights ?? NOTHING, (weight) => tint(nothing, weight / 127))
      const change = weights ? signed(effect) : "\u00a0"
      picture.setAttribute(...(weights ? ["role", "img"] : ["aria-hidden", "true"]))
      if (weights) picture.setAttribute("aria-label", words("draw.unit.label", { unit: unit + 1, effect: change }))
      const caption = document.createElement("figcaption")
      caption.textContent = change
      figure.append(picture, caption)
      return figure
    }))
  }
  const said = reasons ? sentences(reasons) : [words(coming ? "draw.why.coming" : "draw.why.nothing")]
  $("why").replaceChildren(...said.map((text) => Object.assign(document.createElement("p"), { textContent: text })))
  $("heat").setAttribute("aria-label", [words("draw.heat"), ...said].join(" "))
}
