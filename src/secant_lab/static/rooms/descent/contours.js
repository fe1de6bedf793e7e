// Filled contours of a grid of heights, drawn into a canvas.

import { color } from "../../charts.js"
import { shades } from "./shades.js"

// `rows[j][i]`: the height of the i-th column from the left, the j-th row from below.
export function drawContours(canvas, { rows, levels }) {
  const context = canvas.getContext("2d")
  const { width, height } = canvas
  context.clearRect(0, 0, width, height)
  if (!levels.length) return
  const grid = rows.map((row) => Float64Array.from(row, (z) => z ?? NaN))
  fill(context, grid, levels.slice(1, -1), width, height)
  context.strokeStyle = color("height-line")
  context.lineWidth = Math.max(1, devicePixelRatio * 0.75)
  context.beginPath()
  for (const level of levels.slice(1, -1)) trace(context, grid, level, width, height)
  context.stroke()
}

function fill(context, grid, levels, width, height) {
  const colors = shades(levels.length + 1)
  const image = context.createImageData(width, height)
  const [across, up] = [grid[0].length - 1, grid.length - 1]
  let pixel = 0
  for (let y = 0; y < height; y++) {
    const v = (1 - (y + 0.5) / height) * up
    const j = Math.min(Math.floor(v), up - 1)
    const [below, above, b] = [grid[j], grid[j + 1], v - j]
    for (let x = 0; x < width; x++, pixel += 4) {
      const u = ((x + 0.5) / width) * across
      const i = Math.min(Math.floor(u), across - 1)
      const a = u - i
      const low = below[i] + a * (below[i + 1] - below[i])
      const z = low + b * (above[i] + a * (above[i + 1] - above[i]) - low)
      if (Number.isNaN(z)) continue
      let [first, last] = [0, levels.length]
      while (first < last) {
        const middle = (first + last) >> 1
        if (levels[middle] <= z) first = middle + 1
        else last = middle
      }
      const rgb = colors[first]
      image.data[pixel] = rgb[0]
      image.data[pixel + 1] = rgb[1]
      image.data[pixel + 2] = rgb[2]
      image.data[pixel + 3] = 255
    }
  }
  context.putImageData(image, 0, 0)
}

// A contour line by marching squares: the points where a square's sides cross the level.
function trace(context, grid, level, width, height) {
  const [across, up] = [grid[0].length - 1, grid.length - 1]
  const px = (i) => (i / across) * width
  const py = (j) => (1 - j / up) * height
  for (let j = 0; j < up; j++) {
    for (let i = 0; i < across; i++) {
      const [a, b, c, d] = [grid[j][i], grid[j][i + 1], grid[j + 1][i + 1], grid[j + 1][i]]
      const crossed = []
      if (a < level !== b < level) crossed.push(px(i + (level - a) / (b - a)), py(j))
      if (b < level !== c < level) crossed.push(px(i + 1), py(j + (level - b) / (c - b)))
      if (d < level !== c < level) crossed.push(px(i + (level - d) / (c - d)), py(j + 1))
      if (a < level !== d < level) crossed.push(px(i), py(j + (level - a) / (d - a)))
      if (!(Math.abs(a + b + c + d) < Infinity)) continue
      for (let k = 0; k + 3 < crossed.length; k += 4) {
        context.moveTo(crossed[k], crossed[k + 1])
        context.lineTo(crossed[k + 2], crossed[k + 3])
      }
    }
  }
}
