"""How the page at ``/docs`` looks: one column on a phone, two on a desk, dark where that is asked for."""

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
  margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
h1 { margin: .5rem 0 0; }
h1 small { color: var(--soft); font-size: 1rem; font-weight: normal; }
h2 { margin: 0 0 .5rem; }
h3 { margin: 1.75rem 0 .25rem; font-size: 1rem; }
section { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1.5rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
nav a { padding: .35rem 0; }
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
@media (min-width: 48rem) {
  dl div { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0 1.5rem; }
  dd { margin: 0; }
}
"""
"""Inline in the page, whose policy names its hash and allows no other."""
