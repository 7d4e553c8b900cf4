"""Makes docs/thread.svg, the picture of the README, from the pictures of a demo's report.

    cargo run --release -- demo -o target/demo/report.html
    python3 tools/readme_picture.py target/demo/report.html docs/thread.svg
"""
import re
import sys

report, picture = sys.argv[1:3]
html = open(report, encoding="utf-8").read()
found = re.findall(r'<img src="(data:image/png;base64,[^"]+)"[^>]*alt="([^"]*)"', html)


def image(caption):
    return next(uri for uri, alt in found if alt.startswith(caption))


shown = [
    (image("x: a test digit"), "x", "a digit"),
    (image("f⁺(f(x))"), "f⁺(f(x))", "the pseudo-inverse"),
    (image("the part that is kept"), "kept", "what f sees of x"),
    (image("the part that is lost"), "lost", "what f does not see"),
    (image("x₂"), "x′", "f(x′) = f(x) to 1e-12"),
]
size, gap, top = 140, 24, 8
width = len(shown) * (size + gap) - gap
height = top + size + 48
parts = [
    f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width} {height}" '
    f'width="{width}" height="{height}" font-family="system-ui, sans-serif">',
    "<style>text{fill:#444}@media(prefers-color-scheme:dark){text{fill:#ccc}}image{image-rendering:pixelated}</style>",
]
for index, (uri, name, caption) in enumerate(shown):
    left = index * (size + gap)
    middle = left + size // 2
    parts.append(f'<image x="{left}" y="{top}" width="{size}" height="{size}" xlink:href="{uri}"/>')
    parts.append(f'<text x="{middle}" y="{top + size + 19}" text-anchor="middle" font-size="15" font-weight="600">{name}</text>')
    parts.append(f'<text x="{middle}" y="{top + size + 38}" text-anchor="middle" font-size="12">{caption}</text>')
parts.append("</svg>")
with open(picture, "w", encoding="utf-8") as file:
    file.write("\n".join(parts) + "\n")
