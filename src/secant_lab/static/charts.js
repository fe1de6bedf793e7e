// Colours and axes for all charts.

// The elements whose colours apply: the page, or a notebook's cell that still exists.
const roots = [document.documentElement]
export const paintLike = (element) => roots.push(element)

export const color = (name) =>
  getComputedStyle(roots.findLast((root) => root.isConnected)).getPropertyValue(`--${name}`).trim()

// An axis for uPlot with the present colours: build it again on `theme`.
export const axis = () => ({
  stroke: color("quiet"),
  grid: { stroke: color("grid"), width: 1 },
  ticks: { stroke: color("grid"), width: 1, size: 4 },
  font: `12px ${color("font")}`,
  labelFont: `12px ${color("font")}`,
  labelSize: 22,
})
