// What all charts share: the page's colours, and axes in its hand.

export const color = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

// An axis of uPlot's; the colours are those of the moment: build anew on `theme`.
export const axis = () => ({
  stroke: color("quiet"),
  grid: { stroke: color("grid"), width: 1 },
  ticks: { stroke: color("grid"), width: 1, size: 4 },
  font: `12px ${color("font")}`,
  labelFont: `12px ${color("font")}`,
  labelSize: 22,
})
