// Numbers as text.

const MINUS = "−"
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"

const raised = (n) =>
  String(n).replace(/\d/g, (d) => RAISED[d]).replace("-", "⁻")

// A number with some digits; very large and very small ones as 3.2×10⁻⁷.
export function shown(value, digits = 6) {
  if (value === null || value === undefined) return "–"
  if (value === 0) return "0"
  const size = Math.abs(value)
  if (size >= 1e6 || size < 1e-4) {
    const [front, power] = value.toExponential(Math.min(digits, 3) - 1).split("e")
    const factor = Number(front)
    const sign = factor < 0 ? MINUS : ""
    const ten = `10${raised(Number(power))}`
    return Math.abs(factor) === 1 ? sign + ten : `${sign}${Math.abs(factor)}×${ten}`
  }
  return String(Number(value.toPrecision(digits))).replace("-", MINUS)
}

// 39,760
const grouping = new Intl.NumberFormat("en-US")
export const grouped = (value) => grouping.format(value)

// A power of ten: 10⁻⁴, and 1.
export const power = (value) => {
  const n = Math.round(Math.log10(value))
  return n === 0 ? "1" : `10${raised(n)}`
}

// About `count` round numbers between two numbers.
export function ticks(low, high, count) {
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].find((m) => m * power >= rough) * power
  const places = []
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    places.push(Number((i * step).toPrecision(12)))
  }
  return places
}
