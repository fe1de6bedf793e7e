// The room of descents, for `secant_lab.widgets.Descent`.

import page from "../app.css"
import * as room from "../rooms/descent/room.js"
import sheet from "../rooms/descent/room.css"
import uplot from "../vendor/uplot/uPlot.min.css"
import { inNotebook } from "./room.js"

export default inNotebook(room, [uplot, page, sheet])
