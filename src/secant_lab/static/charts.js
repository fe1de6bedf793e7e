// What all charts share: the page's colours, and axes in its hand.

// Whose colours: the page's, or those of a cell that is still there.
const roots = [document.documentElement]
export const paintLike = (element) => roots.push(element)

export const color = (name) =>
  getComputedStyle(roots.findLast((root) => root.isConnected)).getPropertyValue(`--${name}`).trim()

// An axis of uPlot's; the colours are those of the moment: build anew on `theme`.
export const axis = () => ({
  stroke: color("quiet"),
  grid: { stroke: color("grid"), width: 1 },
  ticks: { stroke: color("grid"), width: 1, size: 4 },
  font: `12px ${color("font")}`,
  labelFont: `12px ${color("font")}`,
  labelSize: 22,
})
