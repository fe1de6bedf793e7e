// The page's state in its address: `#slope?formula=x**2&x=1`.

export function read() {
  const [room, query = ""] = location.hash.slice(1).split("?")
  return { room, values: Object.fromEntries(new URLSearchParams(query)) }
}

let waiting = 0

// Browsers allow about a hundred changes of the address in half a minute. A drag makes
// more, so only the last change is written.
export function write(room, values) {
  clearTimeout(waiting)
  waiting = setTimeout(() => {
    history.replaceState(null, "", `#${room}?${new URLSearchParams(values)}`)
  }, 150)
}

// Remove the token: a copied link must not pass it on.
export function forgetToken() {
  if (location.search) history.replaceState(null, "", location.pathname + location.hash)
}
