/** The style of `/docs`. Its hash is part of the page's policy, so it lives in one string. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #fff; --shade: #f6f8fa; --amber: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #30363d; --paper: #0d1117; --shade: #161b22; --amber: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); display: grid; grid-template-columns: 14rem minmax(0, 52rem); gap: 0 2.5rem; padding: 2rem; justify-content: center; }
header { grid-column: 1 / -1; border-bottom: 3px solid var(--amber); margin-bottom: 1.5rem; }
h1 { margin: 0; font-size: 2rem; } header p { margin: .25rem 0 1rem; color: var(--soft); }
nav ul { list-style: none; margin: 0; padding: 0; position: sticky; top: 1.5rem; } nav a { display: block; padding: .3rem 0; }
a { color: inherit; text-decoration-color: var(--amber); text-underline-offset: .2em; } a:focus-visible, pre:focus-visible, summary:focus-visible { outline: 2px solid var(--amber); outline-offset: 2px; }
h2 { margin: 2.5rem 0 .25rem; font-size: 1.5rem; } section > p { color: var(--soft); margin-top: 0; }
article { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.25rem; margin: 1rem 0; } article:target { border-color: var(--amber); }
h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; } article p { margin: .4rem 0; } h4 { margin: 1rem 0 .25rem; }
.method { font: 700 .8rem ui-monospace, monospace; border: 1px solid currentColor; border-radius: .3rem; padding: .1rem .4rem; color: var(--amber); }
.who, .codes { color: var(--soft); font-size: .9rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: .88em; } pre { background: var(--shade); padding: .75rem 1rem; border-radius: .4rem; overflow-x: auto; margin: .75rem 0; }
summary { cursor: pointer; color: var(--soft); } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; } tr:target { background: var(--shade); }
@media (max-width: 50rem) { body { display: block; padding: 1rem; } nav ul { position: static; columns: 2; margin-bottom: 1rem; } }
`;
