"""How a report looks: one style sheet, for light, dark and paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfbfa; --card: #ffffff; --ink: #1d2129;
  --soft: #5c6470; --line: #e1e4e8; --accent: #0062a3; --hit: #0072b2; --miss: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1c1f25; --ink: #e6e8eb;
  --soft: #a2a9b4; --line: #333842; --accent: #6cb8f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .9rem; }
h4 { margin: 1rem 0 .3rem; }
.kind { margin: 0; color: var(--accent); font-weight: 600; letter-spacing: .04em; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.4rem 1.5rem; margin: 1.2rem 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 0; }
.tile { flex: 1 1 9.5rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: .8rem 1rem; }
.tile dt { color: var(--soft); font-size: .85rem; }
.tile dd { margin: 0; font-size: 1.5rem; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile dd.detail { font-size: .8rem; font-weight: 400; color: var(--soft); min-height: 1.2em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0 1rem; font-size: .92rem; min-width: 40%; }
caption { text-align: left; color: var(--soft); padding: .2rem 0 .4rem; }
th, td { padding: .38rem .8rem .38rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 500; overflow-wrap: anywhere; }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
td.n, thead th.n { text-align: right; white-space: nowrap; }
.facts { min-width: 0; } .facts th { color: var(--soft); padding-right: 1.5rem; }
.matrix { min-width: 0; } .matrix td, .matrix th { padding: .35rem .6rem; }
.matrix td.hit { background: color-mix(in srgb, var(--hit) calc(var(--share) * .6), transparent); }
.matrix td.miss { background: color-mix(in srgb, var(--miss) calc(var(--share) * .6),
  transparent); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { margin: 0 0 1rem; max-width: 100%; }
figure img { max-width: 100%; max-height: 34rem; background: #fff; border-radius: 8px;
  padding: .4rem; border: 1px solid var(--line); }
.figures img { max-height: 20rem; }
figcaption { color: var(--soft); font-size: .85rem; }
.note, footer { color: var(--soft); font-size: .87rem; }
details { margin: .8rem 0; } summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; padding: .8rem 1rem; font-size: .85rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
@media print { :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; }
  main { max-width: none; padding: 0; } body { font-size: 10.5pt; }
  section { border: 0; padding: 0; } tr, figure, .tile { break-inside: avoid; } }
"""
