"""200 texts that run a script or fetch something where a page takes them for markup: eight vectors by 25 disguises."""

BEACON = "//127.0.0.1:9"  # off the origin; nobody listens there
CODE = "pwned=1"

VECTORS = [
    f"<script>{CODE}</script>",
    f'<img src="{BEACON}" onerror="{CODE}">',
    f'<svg onload="{CODE}"><use href="{BEACON}#x"/></svg>',
    f'<iframe src="javascript:{CODE}" srcdoc="<script>top.{CODE}</script>"></iframe>',
    f'<a href="javascript:{CODE}" onmouseover="{CODE}" autofocus onfocus="{CODE}">x</a>',
    f'<style>@import "{BEACON}";body{{background:url({BEACON})}}</style><link rel=stylesheet href={BEACON}>',
    f'<form action="{BEACON}"><input autofocus onfocus="{CODE}"></form><meta http-equiv=refresh content="0;{BEACON}">',
    f"![x]({BEACON}) [x](javascript:{CODE}) <object data={BEACON}></object><base href={BEACON}>",
]  # fmt: skip

DISGUISES = [
    "{}", "</p>{}", "</article>{}", '"/>{}', "'>{}", "--><!-- -->{}", "]]>{}", "</textarea>{}", "</title>{}",
    "</script>{}", "</template>{}", "</noscript>{}", "\u2028{}", "\u0000{}", "\ufeff{}",
    "a\n\nevent: done\ndata: {}\n\n",
    'data: {{"html": "{}"}}', "{{{{ {} }}}}", "${{`{}`}}", "&lt;{}", "\u202e{}", "\\u003c{}", "{}<plaintext>",
    "`{}`", "<![CDATA[{}]]>",
]  # fmt: skip

PAYLOADS = [disguise.format(vector) for vector in VECTORS for disguise in DISGUISES]
SHORT = [
    disguise.format(VECTORS[number % len(VECTORS)]) for number, disguise in enumerate(DISGUISES)
]  # each once or more
