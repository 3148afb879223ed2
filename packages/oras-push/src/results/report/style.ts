/** The style sheet of a report. The style sheet contains no data of artifacts. */
export const STYLE: string = `
:root { color-scheme: light dark;
  --page: #fff; --text: #1f2328; --soft: #59636e; --line: #d1d9e0; --panel: #f6f8fa; --link: #0550ae;
  --succeeded: #116329; --failed: #b3131f; --incomplete: #8a4600; --checkpoint: #0550ae; --other: #59636e; --outside: #59636e; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0d1117; --text: #f0f6fc; --soft: #a3adb8; --line: #3d444d; --panel: #151b23; --link: #79b8ff;
  --succeeded: #56d364; --failed: #ff8a84; --incomplete: #e3b341; --checkpoint: #79b8ff; --other: #a3adb8; --outside: #a3adb8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 100rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 1.5rem 0 .5rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.soft, .axis { color: var(--soft); }
.axis { display: flex; justify-content: space-between; gap: 1rem; margin: 0; font-size: .85rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.scroll { overflow: auto; max-height: 32rem; border: 1px solid var(--line); border-radius: 6px; padding: .5rem; }
svg { display: block; }
.bar.succeeded, .box.succeeded rect { fill: var(--succeeded); stroke: var(--succeeded); }
.bar.failed, .box.failed rect { fill: var(--failed); stroke: var(--failed); }
.bar.incomplete, .box.incomplete rect { fill: var(--incomplete); stroke: var(--incomplete); }
.bar.checkpoint, .box.checkpoint rect { fill: var(--checkpoint); stroke: var(--checkpoint); }
.bar.other, .box.other rect, .box.outside rect { fill: var(--other); stroke: var(--other); }
.box.outside rect { stroke-dasharray: 4 3; }
.box rect { fill-opacity: .12; stroke-width: 1.5; }
.box text { fill: var(--text); font-size: 13px; }
.edge { fill: none; stroke: var(--soft); stroke-width: 1.5; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .5rem 0; }
form p { margin: 0; color: var(--soft); }
input, select, button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; padding: .25rem .5rem; min-height: 2rem; }
button { cursor: pointer; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .4rem .5rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th button { width: 100%; text-align: left; font-weight: 600; white-space: nowrap; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
td:nth-child(1) { width: 40%; min-width: 20rem; }
td:nth-child(n+3):nth-child(-n+6) { white-space: nowrap; }
tr:target td { background: var(--panel); }
.state { font-weight: 600; white-space: nowrap; }
.state.succeeded { color: var(--succeeded); } .state.failed { color: var(--failed); }
.state.incomplete { color: var(--incomplete); } .state.checkpoint { color: var(--checkpoint); }
.state.other { color: var(--other); }
summary { cursor: pointer; }
dl { margin: .5rem 0; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0 0 .5rem; }
ul { margin: 0; padding-left: 1.2rem; }
code, pre { font: .85rem/1.4 ui-monospace, monospace; }
pre { margin: 0; padding: .5rem; max-height: 20rem; overflow: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
.command { display: flex; gap: .5rem; align-items: start; justify-content: space-between; padding: .25rem .5rem;
  background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
.command code { padding-top: .3rem; }
.copy { flex: none; }
@media (max-width: 45rem) {
  table, tbody, tr, td { display: block; }
  thead tr { display: flex; flex-wrap: wrap; gap: .25rem; }
  th { padding: 0; border: 0; }
  tr { padding: .5rem 0; }
  tbody tr { border-bottom: 1px solid var(--line); }
  td { border: 0; padding: .1rem 0; white-space: normal; }
  td:nth-child(1) { width: auto; min-width: 0; }
  td:nth-child(n+2)::before { content: attr(data-title) ": "; color: var(--soft); }
  tr[hidden] { display: none; }
}
@media print { form, .copy { display: none; } .scroll, pre { max-height: none; } }
`;
