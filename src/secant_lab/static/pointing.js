// Pointing at a picture: by a press, and during a drag.
//
// A finger that moves up or down scrolls the page (the picture's `touch-action` is
// `pan-y`). So it points only after it has moved sideways, or when it is lifted.

const SIDEWAYS = 8 // pixels

// `point(event)` is called for every position. Before it, at the press, `take(event)`
// returns whether the finger has taken something that follows it in all directions.
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
