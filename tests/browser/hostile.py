"""Text that nobody should be able to show as anything but text."""

HOSTILE = {
    "script": "<script>window.taken = 'script'</script>",
    "image": "<img src=x onerror=\"window.taken = 'image'\">",
    "picture": "<svg onload=\"window.taken = 'picture'\"><title>t</title></svg>",
    "end of a drawing": "</title></text></svg></details></td></table><h1>out</h1>",
    "attribute": "\" onmouseover=\"window.taken = 'attribute'\" x='",
    "link": "[press here](javascript:window.taken='link') https://evil.invalid/x.png",
    "picture in Markdown": "![seen](https://evil.invalid/seen.png)",
    "terminal": "\x1b[31mred\x1b[0m\x1b]8;;https://evil.invalid\x07here\x1b]8;;\x07\x07\r\x08",
    "right to left": "pay \u202e000,1\u202c now \u2066\u200b\ufeff",
    "tags": "a\U000e0041\U000e0042b",
    "template": "$key ${data} {{ 7 * 7 }} %s {0}",
    "long word": "w" * 2_000,
}
"""By what it tries."""

LONG = "0123456789" * 10_000
"""A message of 100,000 characters without a space."""
