// The room of slopes, for `secant_lab.widgets.Slope`.

import page from "../app.css"
import * as room from "../rooms/slope/room.js"
import sheet from "../rooms/slope/room.css"
import uplot from "../vendor/uplot/uPlot.min.css"
import { inNotebook } from "./room.js"

export default inNotebook(room, [uplot, page, sheet])
