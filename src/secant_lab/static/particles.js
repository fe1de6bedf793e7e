// Korean particles depend on the end of the word before: "7은(는)" is read 칠은.

// The digits, read 영 to 구: which end in a consonant, and which in ㄹ.
const CLOSED = "013678"
const FLOWING = "178"

const PARTICLE = /(\S)(은\(는\)|이\(가\)|을\(를\)|와\(과\)|\(으\)로|\(이\)라는|\(이\)에요)/g

// After a consonant, and after a vowel.
const FORMS = {
  "은(는)": ["은", "는"], "이(가)": ["이", "가"], "을(를)": ["을", "를"], "와(과)": ["과", "와"],
  "(으)로": ["으로", "로"], "(이)라는": ["이라는", "라는"], "(이)에요": ["이에요", "예요"],
}

// Replace a particle where the reading is certain; after Latin letters both forms stay.
export function settled(text) {
  return text.replace(PARTICLE, (whole, sign, particle, at) => {
    const last = /[)\]’”"'`]/.test(sign) ? text.slice(0, at).match(/[^)\]’”"'`]$/)?.[0] ?? "" : sign
    const end = ending(last)
    if (!end) return whole
    const [closed, open] = FORMS[particle]
    return sign + (end === "open" || (end === "flowing" && particle === "(으)로") ? open : closed)
  })
}

function ending(sign) {
  if (/[0-9]/.test(sign)) return FLOWING.includes(sign) ? "flowing" : CLOSED.includes(sign) ? "closed" : "open"
  if (sign === "%") return "open"
  if (/[⁰¹²³⁴⁵⁶⁷⁸⁹]/.test(sign)) return "closed" // …제곱, …승
  if (!/[가-힣]/.test(sign)) return null
  const coda = (sign.codePointAt(0) - 0xac00) % 28
  return coda === 0 ? "open" : coda === 8 ? "flowing" : "closed"
}
