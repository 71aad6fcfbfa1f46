"""`GET /`: the page of somebody who has just started Foothold. It needs no network and no script."""

import html

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)


@router.get("/")
async def front(request: Request) -> HTMLResponse:
    """The page, its commands addressed to where it was asked for."""
    return HTMLResponse(_PAGE.replace("ORIGIN", html.escape(str(request.base_url).rstrip("/"))))


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Foothold</title>
<style>
:root { color-scheme: light dark; --ink: #1d2b2a; --soft: #5d6f6c; --paper: #fbfaf7; --card: #fff; --line: #e2ded3;
  --mark: #0b7a5b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eeea; --soft: #9fb0ab; --paper: #141b1a; --card: #1c2524;
  --line: #2d3937; --mark: #4fc79f; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 4rem 1.25rem; }
h1 { font-size: 2.4rem; letter-spacing: -.02em; margin: 0; }
h1::before { content: ""; display: inline-block; width: .55em; height: .55em; margin-right: .4em;
  background: var(--mark); clip-path: polygon(0 100%, 0 66%, 34% 66%, 34% 33%, 67% 33%, 67% 0, 100% 0, 100% 100%); }
p.lead { font-size: 1.15rem; color: var(--soft); margin: .4rem 0 2.5rem; }
nav { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .9rem; }
nav a { display: block; padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; color: inherit; text-decoration: none; }
nav a:hover, nav a:focus { border-color: var(--mark); }
nav b { display: block; color: var(--mark); } nav span { color: var(--soft); font-size: .92rem; }
h2 { margin: 2.8rem 0 .6rem; font-size: 1.15rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem;
  overflow-x: auto; font: 14px/1.6 ui-monospace, monospace; }
pre i { color: var(--soft); font-style: normal; }
</style>
<main>
<h1>Foothold</h1>
<p class="lead">Who decides, where we stand with them, what to do next.</p>
<nav>
<a href="/docs"><b>Documentation</b><span>Every operation, to read and to try</span></a>
<a href="/openapi.json"><b>OpenAPI</b><span>The same for machines</span></a>
<a href="/readyz"><b>Health</b><span>Can the gateway do its work?</span></a>
</nav>
<h2>What to try</h2>
<pre><i># a token of the development issuer</i>
TOKEN=$(.venv/bin/foothold token admin@example.com)

<i># who am I?</i>
curl -s ORIGIN/v1/me -H "Authorization: Bearer $TOKEN"

<i># search accounts by name</i>
curl -s "ORIGIN/v1/accounts?q=con&amp;limit=5" -H "Authorization: Bearer $TOKEN"

<i># one account across all services: people, deals, activities</i>
curl -s ORIGIN/v1/accounts/ID/view -H "Authorization: Bearer $TOKEN"</pre>
</main>
</html>
"""
