// The marks of the descents, which also differ in shape. Paths around (0, 0), radius 1.

export const MARKS = [
  "M0-.9A.9.9 0 1 1 0 .9A.9.9 0 1 1 0-.9Z",
  "M-.8-.8H.8V.8H-.8Z",
  "M0-1 .95.75H-.95Z",
  "M0-1.1 1.1 0 0 1.1-1.1 0Z",
]

// The mark of a descent, as an element.
export function mark(number) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "-1.3 -1.3 2.6 2.6")
  svg.setAttribute("class", `mark run-${number}`)
  svg.setAttribute("aria-hidden", "true")
  svg.innerHTML = `<path d="${MARKS[number]}"/>`
  return svg
}
