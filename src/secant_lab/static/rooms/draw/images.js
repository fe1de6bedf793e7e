// Pictures of 28×28 numbers in colours.

const SIDE = 28

export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16))
export const mixed = (from, to, part) => from.map((c, i) => c + (to[i] - c) * part)

// The colour between two others for a number between 0 and `most`.
export function gray(none, all, most) {
  const [from, to] = [rgb(none), rgb(all)]
  return (value) => mixed(from, to, value / most)
}

// A canvas with the numbers as pixels; `shade(value, i)` is the colour of each.
export function image(values, shade, canvas = document.createElement("canvas")) {
  canvas.width = canvas.height = SIDE
  const pen = canvas.getContext("2d")
  const pixels = pen.createImageData(SIDE, SIDE)
  values.forEach((value, i) => pixels.data.set([...shade(value, i), 255], 4 * i))
  pen.putImageData(pixels, 0, 0)
  return canvas
}
