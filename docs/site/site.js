// The menu of a narrow window, and the search over titles and parts of pages (search.js has them).
const button = document.querySelector('header button')
const box = document.querySelector('header input')
const list = document.querySelector('#found')
const root = document.querySelector('header a').getAttribute('href').replace(/index\.html$/, '')

button.addEventListener('click', () => {
  const open = document.body.classList.toggle('open')
  button.setAttribute('aria-expanded', open)
})

// How well a place fits the words: all must be there; names that begin with one, and short ones, come first.
function score([title, above], words) {
  const name = title.toLowerCase(), whole = name + ' ' + above.toLowerCase()
  if (!words.every((word) => whole.includes(word))) return 0
  return words.reduce((sum, word) => sum + (name.startsWith(word) ? 4 : name.includes(word) ? 2 : 1), 1 / (1 + whole.length))
}

box.addEventListener('input', () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean)
  const fitting = words.length === 0 ? [] : pages.map((page) => [score(page, words), page]).filter(([fit]) => fit > 0)
  fitting.sort(([a], [b]) => b - a)
  list.replaceChildren(...fitting.slice(0, 12).map(([, [title, above, place]]) => {
    const link = Object.assign(document.createElement('a'), { href: root + place, textContent: title })
    const small = Object.assign(document.createElement('small'), { textContent: above })
    link.append(small)
    const item = document.createElement('li')
    item.append(link)
    return item
  }))
  list.hidden = fitting.length === 0
})

document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== box) { event.preventDefault(); box.focus() }
  if (event.key === 'Escape') { list.hidden = true; box.blur() }
  if (event.key === 'Enter' && document.activeElement === box) list.querySelector('a')?.click()
})
document.addEventListener('click', (event) => { if (!event.target.closest('header')) list.hidden = true })
