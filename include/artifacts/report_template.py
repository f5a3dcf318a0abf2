"""How the blocks of a report look: HTML and SVG without script, in light and dark, with words for who cannot see."""

from jinja2 import Environment

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
 :root { color-scheme: light dark; --c0: #2f6fc9; --c1: #c2620a; --c2: #3a8f4d; --c3: #8a54b8;
         --yes: #1b7a3d; --no: #b3261e; }
 @media (prefers-color-scheme: dark) {
  :root { --c0: #6ea8f7; --c1: #f0a04b; --c2: #79c98b; --c3: #c39be8; --yes: #79c98b; --no: #ff8a80; }
 }
 html { background: Canvas; color: CanvasText; }
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
 table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
 th, td { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #8884; vertical-align: top; }
 th, td { overflow-wrap: break-word; }
 td.number { text-align: right; font-variant-numeric: tabular-nums; }
 td.scale { width: 24rem; }
 .wide { overflow-x: auto; }
 .bar { display: inline-block; height: .8em; background: var(--c0); }
 .bar.p1 { background: var(--c1); } .bar.p2 { background: var(--c2); } .bar.p3 { background: var(--c3); }
 .key { margin-right: 1.2rem; white-space: nowrap; }
 .verdict { border-left: .4rem solid; padding: .6rem 1rem; background: #8881; }
 .verdict b { display: block; font-size: 1.15rem; }
 .yes { color: var(--yes); } .no { color: var(--no); font-weight: 600; }
 .verdict span { color: CanvasText; }
 svg { max-width: 100%; height: auto; }
 svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
 .s0 { fill: var(--c0); } .s1 { fill: var(--c1); } .s2 { fill: var(--c2); } .s3 { fill: var(--c3); }
 .axis { stroke: #8888; }
 pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .6rem; }
</style>
<h1>{{ title }}</h1>
{% for block in blocks %}
{% if block.heading %}<h2>{{ block.heading }}</h2>{% endif %}
{% if block.kind == "text" %}<p>{{ block.text }}</p>
{% elif block.kind == "verdict" %}
<p class="verdict {{ "yes" if block.passed else "no" }}"><b>{{ block.word }}</b><span>{{ block.text }}</span></p>
{% elif block.kind == "table" %}
<div class="wide"><table>
<tr>{% for name in block.headers %}<th scope="col">{{ name }}</th>{% endfor %}</tr>
{% for row in block.rows %}
<tr>{% for cell in row %}
{% if cell is boolean %}<td class="{{ "yes" if cell else "no" }}">{{ "yes" if cell else "no" }}</td>
{% elif cell.href is defined %}<td><a href="{{ cell.href }}">{{ cell.text }}</a></td>
{% else %}<td{% if cell is number %} class="number"{% endif %}>{{ cell }}</td>{% endif %}
{% endfor %}</tr>
{% endfor %}
</table></div>
{% elif block.kind == "bars" and not block.rows %}<p>None.</p>
{% elif block.kind == "bars" %}
<table>
{% for name, value, width in block.rows %}
<tr><th scope="row">{{ name }}</th><td class="number">{{ value }}</td>
<td class="scale"><span class="bar" style="width:{{ width }}%"></span></td></tr>
{% endfor %}
</table>
{% elif block.kind == "stacks" %}
<p>{% for name in block.names %}
<span class="key"><span class="bar p{{ loop.index0 % 4 }}" style="width:.8em"></span> {{ name }}</span>
{% endfor %}</p>
<table>
{% for name, total, parts in block.rows %}
<tr><th scope="row">{{ name }}</th><td class="number">{{ total }}</td>
<td class="scale">{% for part in parts %}<span class="bar p{{ loop.index0 % 4 }}" title="{{ part.title }}"
 style="width:{{ part.width }}%"></span>{% endfor %}</td></tr>
{% endfor %}
</table>
{% elif block.kind == "quote" %}
<p>{{ block.name }}</p>
<pre>{{ block.text }}</pre>
{% elif block.kind == "columns" %}
<svg viewBox="0 0 720 250" role="img" aria-labelledby="t{{ loop.index }} d{{ loop.index }}">
<title id="t{{ loop.index }}">{{ block.heading or block.unit }}</title>
<desc id="d{{ loop.index }}">{{ block.description }}</desc>
{% for name, x in block.legend %}
<rect class="s{{ loop.index0 }}" x="{{ x }}" y="2" width="10" height="10"/>
<text x="{{ x + 14 }}" y="11">{{ name }}</text>
{% endfor %}
<line class="axis" x1="40" x2="712" y1="210" y2="210"/>
<text x="36" y="34" text-anchor="end">{{ block.top }}</text><text x="36" y="213" text-anchor="end">0</text>
{% for column in block.columns %}
<rect class="s{{ column.series }}" x="{{ column.x }}" y="{{ column.y }}" width="{{ column.width }}" \
height="{{ column.height }}"><title>{{ column.label }}</title></rect>
{% endfor %}
{% for label, x in block.labels %}<text x="{{ x }}" y="225" text-anchor="middle">{{ label }}</text>{% endfor %}
<text x="376" y="245" text-anchor="middle">{{ block.unit }}</text>
</svg>
{% elif block.kind == "scatter" %}
<svg viewBox="0 0 640 340" role="img" aria-labelledby="t{{ loop.index }} d{{ loop.index }}">
<title id="t{{ loop.index }}">{{ block.heading }}</title>
<desc id="d{{ loop.index }}">{% for point in block.points %}{{ point.title }}. {% endfor %}</desc>
{% for group, x in block.legend %}
<circle class="s{{ loop.index0 }}" cx="{{ x + 5 }}" cy="8" r="5"/><text x="{{ x + 14 }}" y="12">{{ group }}</text>
{% endfor %}
<line class="axis" x1="60" x2="510" y1="275" y2="275"/><line class="axis" x1="60" x2="60" y1="20" y2="275"/>
{% if block.line %}<polyline class="axis" fill="none" points="{{ block.line }}"/>{% endif %}
{% for point in block.points %}
<circle class="s{{ point.series }}" cx="{{ point.x }}" cy="{{ point.y }}" r="5">\
<title>{{ point.title }}</title></circle>
<text x="{{ point.x + 8 }}" y="{{ point.y + 4 }}">{{ point.name }}</text>
{% endfor %}
<text x="60" y="291">{{ block.ends[0] }}</text><text x="510" y="291" text-anchor="end">{{ block.ends[1] }}</text>
<text x="56" y="275" text-anchor="end">{{ block.ends[2] }}</text>
<text x="56" y="28" text-anchor="end">{{ block.ends[3] }}</text>
<text x="285" y="308" text-anchor="middle">{{ block.x }}</text>
<text x="60" y="330">up: {{ block.y }}</text>
</svg>
{% elif block.kind == "lines" %}
<svg viewBox="0 0 720 250" role="img" aria-labelledby="t{{ loop.index }} d{{ loop.index }}">
<title id="t{{ loop.index }}">{{ block.heading or block.y }}</title>
<desc id="d{{ loop.index }}">{{ block.description }}</desc>
{% for name, x in block.legend %}
<rect class="s{{ loop.index0 }}" x="{{ x }}" y="2" width="10" height="10"/>
<text x="{{ x + 14 }}" y="11">{{ name }}</text>
{% endfor %}
<line class="axis" x1="48" x2="710" y1="208" y2="208"/><line class="axis" x1="48" x2="48" y1="26" y2="208"/>
{% for line in block.lines %}
<polyline fill="none" stroke="var(--c{{ loop.index0 }})" stroke-width="1.5" points="{{ line }}"/>
{% endfor %}
<text x="44" y="34" text-anchor="end">{{ block.top }}</text><text x="44" y="211" text-anchor="end">0</text>
<text x="48" y="223">{{ block.ends[0] }}</text><text x="710" y="223" text-anchor="end">{{ block.ends[1] }}</text>
<text x="376" y="223" text-anchor="middle">{{ block.x }}</text><text x="48" y="243">up: {{ block.y }}</text>
</svg>
{% elif block.kind == "curve" %}
<svg viewBox="0 0 640 240" role="img" aria-label="{{ block.heading }}">
<polyline fill="none" stroke="var(--c0)" stroke-width="2" points="{{ block.points }}"/>
<text x="4" y="14">{{ block.top }}</text>
<text x="4" y="234">{{ block.bottom }}</text>
<text x="560" y="234">{{ block.last }}</text>
</svg>
{% endif %}
{% endfor %}
</html>
""")
