// What one lane has gone through: its losses as means over equally many steps, and its
// scores epoch by epoch. Bounded: once there are too many means, two become one.

const MOST = 400

export class Curve {
  step = 0
  seconds = 0
  within = 0 // of the step that is being computed, 0 to 1
  perSecond = 0
  failed = null
  // The points of the curve; the last one may still grow.
  steps = []
  times = []
  losses = []
  epochs = []
  #every = 1 // steps that a point stands for
  #last = 0 // steps that the last point stands for so far

  get loss() {
    return this.losses.at(-1) ?? this.epochs.at(-1)?.train_loss ?? null
  }

  // Takes in what the server says of this lane. `losses` are means over `every` steps
  // from `from` on, and stand for whatever was known from there on.
  hear({ step, steps_per_second, seconds, within, anew, from, every, losses, epochs, failed }) {
    const since = anew ? 0 : this.seconds
    this.#forget(anew ? -1 : from)
    if (anew) this.#every = every
    // Between two news the time is not told step by step: a method's pace is even.
    const time = (at) => since + ((seconds - since) * (at - from)) / Math.max(1, step - from)
    losses.forEach((loss, i) => {
      const end = Math.min(step, from + every * (i + 1))
      this.#add(end, time(end), loss, end - from - every * i)
    })
    this.epochs.push(...epochs.map((epoch) => ({ ...epoch, seconds: time(epoch.step) })))
    if (this.epochs.length > MOST) this.epochs = everySecond(this.epochs)
    Object.assign(this, { step, seconds, within, failed, perSecond: steps_per_second })
  }

  // What was known beyond a step.
  #forget(from) {
    const kept = this.steps.findLastIndex((step) => step <= from) + 1
    if (kept < this.steps.length) this.#last = this.#every
    for (const list of [this.steps, this.times, this.losses]) list.length = kept
    while (this.epochs.at(-1)?.step > from) this.epochs.pop()
  }

  #add(step, time, loss, count) {
    const last = this.steps.length - 1
    if (last >= 0 && this.#last < this.#every) {
      const share = count / (this.#last + count)
      this.losses[last] += share * (loss - this.losses[last])
      this.steps[last] = step
      this.times[last] = time
      this.#last += count
      return
    }
    this.steps.push(step)
    this.times.push(time)
    this.losses.push(loss)
    this.#last = count
    if (this.steps.length > MOST) this.#halve()
  }

  #halve() {
    this.losses = this.losses.filter((_, i) => i % 2).map((loss, i) => (loss + this.losses[2 * i]) / 2)
    this.steps = this.steps.filter((_, i) => i % 2)
    this.times = this.times.filter((_, i) => i % 2)
    this.#every *= 2
    this.#last = this.#every
  }
}

const everySecond = (list) => list.filter((_, i) => i % 2 === 0 || i === list.length - 1)
