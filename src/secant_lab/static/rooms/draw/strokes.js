// A drawing as text: four characters a point, a dot between strokes. `secant_lab.strokes`
// parses it and defines the characters.

export const GRID = 1000
export const PEN = 80
export const MOST_POINTS = 1500

const FORM = /^(?:[0-9a-z]{4})+(?:\.(?:[0-9a-z]{4})+)*$/
const digits = (n) => n.toString(36).padStart(2, "0")

export const encode = (strokes) =>
  strokes.map((points) => points.map(([x, y]) => digits(x) + digits(y)).join("")).join(".")

// The strokes of a text; none if the text is not a drawing.
export function decode(text) {
  if (!FORM.test(text)) return []
  const strokes = text.split(".").map((stroke) =>
    stroke.match(/.{4}/g).map((point) => [parseInt(point.slice(0, 2), 36), parseInt(point.slice(2), 36)]),
  )
  const points = strokes.flat()
  const fits = points.length <= MOST_POINTS && Math.max(...points.flat()) <= GRID
  return fits ? strokes : []
}
