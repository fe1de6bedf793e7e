// What is pointed at in a picture: by a press, and all along a drag.
//
// A finger that goes up or down scrolls the page (the picture's `touch-action` is
// `pan-y`): it points at nothing before it has gone sideways, or is lifted again.

const SIDEWAYS = 8 // pixels

// `point(event)` for every place. `take(event)` comes first, at the press, and says
// whether something was taken that follows the finger in all directions.
export function onPoint(el, { take = () => false, point }) {
  let pressed = null
  el.addEventListener("pointerdown", (event) => {
    if (event.button) return
    el.setPointerCapture(event.pointerId)
    const taken = take(event)
    pressed = event.pointerType === "touch" && !taken ? event : null
    if (!pressed) point(event)
  })
  el.addEventListener("pointermove", (event) => {
    if (!el.hasPointerCapture(event.pointerId)) return
    if (pressed && Math.abs(event.clientX - pressed.clientX) < SIDEWAYS) return
    pressed = null
    point(event)
  })
  el.addEventListener("pointerup", (event) => {
    if (pressed) point(event)
    pressed = null
  })
  el.addEventListener("pointercancel", () => (pressed = null))
}
