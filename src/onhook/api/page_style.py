"""How the pages below ``/docs`` look: a menu beside the text, on a phone below it; dark on request."""

from typing import Final

CSS: Final = """
:root {
  --paper: #fff; --ink: #1c2126; --soft: #57606a; --line: #d8dee4; --code: #f2f4f7; --link: #0a58ca;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e3e7ec; --soft: #9aa5b1; --line: #303841; --code: #1f252c; --link: #7ab4ff;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 72rem; padding: 0 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
a { color: var(--link); }
.skip { left: -99rem; position: absolute; }
.skip:focus { left: 1rem; top: .5rem; }
header { align-items: center; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap;
  gap: .5rem 2rem; justify-content: space-between; padding: .75rem 0; }
.home { color: inherit; font-size: 1.25rem; font-weight: 600; text-decoration: none; }
small { color: var(--soft); font-size: .8rem; font-weight: normal; }
form { display: flex; flex: 0 1 24rem; gap: .5rem; }
input, button { background: var(--paper); border: 1px solid var(--line); border-radius: .375rem;
  color: inherit; font: inherit; padding: .35rem .6rem; }
input { flex: 1; min-width: 0; }
h1 { margin: 1.25rem 0 .5rem; }
h2 { margin: 1.75rem 0 .25rem; font-size: 1.05rem; }
nav h2 { color: var(--soft); font-size: .8rem; margin: 1rem 0 .25rem; text-transform: uppercase; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; overflow-wrap: anywhere; padding: .2rem .5rem; text-decoration: none; }
nav a[aria-current] { background: var(--code); border-radius: .25rem; color: inherit; }
code { background: var(--code); border-radius: .25rem; padding: .1em .3em; overflow-wrap: anywhere;
  font: .9em/1.45 ui-monospace, monospace; }
pre { background: var(--code); border-radius: .375rem; margin: .5rem 0; overflow-x: auto;
  padding: .75rem 1rem; }
pre code { background: none; overflow-wrap: normal; padding: 0; }
dl { margin: .5rem 0; }
dl div { border-top: 1px solid var(--line); padding: .5rem 0; }
dl div:first-child { border-top: 0; }
dt span { color: var(--soft); font-size: .875rem; }
dd { margin: .15rem 0 0; }
.found p { color: var(--soft); margin: 0 0 .75rem; }
@media (min-width: 56rem) {
  .columns { display: grid; gap: 0 2.5rem; grid-template-columns: 14rem minmax(0, 1fr); }
  nav { grid-column: 1; align-self: start; max-height: 100vh; overflow-y: auto; padding-bottom: 2rem;
    position: sticky; top: 0; }
  main { grid-column: 2; }
  nav, main { grid-row: 1; }
  .to-menu { display: none; }
  dl div { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0 1.5rem; }
  dd { margin: 0; }
}
"""
"""Inline in each page, whose policy names its hash and allows no other."""
