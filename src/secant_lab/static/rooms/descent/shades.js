// The colours of the heights, between three of the page's, in steps that look equal.
//
// Mixed in OKLab (Ottosson 2020), where equal distances look alike.

import { color } from "../../charts.js"

const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
const coded = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055)

function toLab(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => linear(parseInt(hex.slice(i, i + 2), 16) / 255))
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

function toRgb([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((c) => Math.round(255 * coded(Math.max(0, Math.min(1, c)))))
}

// `count` colours from the lowest to the highest, each [red, green, blue].
export function shades(count) {
  const stops = ["low", "middle", "high"].map((name) => toLab(color(`height-${name}`)))
  return Array.from({ length: count }, (_, i) => {
    const at = (2 * i) / Math.max(count - 1, 1)
    const [from, to] = at < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]]
    const part = at < 1 ? at : at - 1
    return toRgb(from.map((c, j) => c + part * (to[j] - c)))
  })
}
