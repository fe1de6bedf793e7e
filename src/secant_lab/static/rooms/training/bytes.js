// Arrays of numbers that travel as base64 in JSON.

export function bytes(text) {
  const binary = atob(text)
  const found = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) found[i] = binary.charCodeAt(i)
  return found
}

export const signed = (text) => new Int8Array(bytes(text).buffer)
