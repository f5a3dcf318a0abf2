"""The page on which a person labels one document after another, by keyboard; what is chosen is saved at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment

from include.data_preparation.labelling.review_queue import ReviewTask

KEYS = "1234567890abcdefghijkmoqrstuvwxyz"
_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Review {{ use_case }}</title>
<style nonce="{{ nonce }}">
 :root { color-scheme: light dark; }
 html { background: Canvas; color: CanvasText; }
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 1.5rem auto; padding: 0 1rem; }
 h1 { font-size: 1.2rem; margin: 0 0 .2rem; }
 .small { opacity: .75; font-size: .9em; margin: 0 0 1rem; }
 article { border: 1px solid #8886; border-radius: .4rem; padding: .8rem 1rem; margin-bottom: .5rem; }
 article h2 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
 pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 45vh; overflow: auto; margin: 0; }
 .choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .5rem; margin: 1rem 0; }
 button { font: inherit; color: inherit; background: #8881; text-align: left; padding: .5rem .7rem;
  border: 1px solid #8886; border-radius: .4rem; }
 button small { display: block; opacity: .8; }
 button:hover, button:focus { border-color: #3b7dd8; }
 button.suggested { border: 2px solid #3b7dd8; }
 button.said { background: #3b7dd833; }
 kbd { border: 1px solid #8888; border-radius: .2rem; padding: 0 .35em; font-size: .85em; margin-right: .4em; }
 #problem { color: light-dark(#b3261e, #ff8a80); min-height: 1.5em; }
</style>
<h1>Review {{ use_case }}</h1>
<p class="small">{{ annotator }}: {{ done }} of {{ total }} labelled.</p>
{% if task %}
<article>
<h2>{{ task.title or "Without a title" }}</h2>
<pre tabindex="0">{{ task.text }}</pre>
</article>
<p class="small">{% if task.anonymized %}Personal data that was found is replaced in this text; what was not found
 is still there.{% else %}This text is shown as it is: the use case does not have its source anonymized.{% endif %}</p>
<p class="small">{{ position + 1 }} of {{ total }} &middot; {{ task.id }}
 {%- if task.taxonomy %} &middot; {{ task.taxonomy }}{% endif %} &middot; why: {{ task.reason }} &middot;
 label {{ task.label }}, confidence {{ "%.2f"|format(task.confidence) }}{% if said %} &middot; you said
 <b>{{ said }}</b>{% endif %}</p>
<div class="choices" data-document="{{ task.id }}" data-shown="{{ task.shown }}" data-position="{{ position }}">
{% for key, label, told in choices %}
<button type="button" data-key="{{ key }}" data-label="{{ label }}"
 class="{{ "suggested " if label == task.suggested }}{{ "said" if label == said }}">
{%- if key %}<kbd>{{ key }}</kbd>{% endif %}{{ label }}
{%- if label == task.suggested %} (suggested){% endif %}{% if told %}<small>{{ told }}</small>{% endif %}</button>
{% endfor %}
</div>
<p class="small"><kbd>Enter</kbd>takes the suggestion &middot; <kbd>n</kbd><a id="next"
 href="?position={{ (position + 1) % total }}">skip</a> &middot; <kbd>p</kbd><a id="previous"
 href="?position={{ (position - 1) % total }}">back</a></p>
<p id="problem" role="alert"></p>
<script nonce="{{ nonce }}">
"use strict";
const box = document.querySelector(".choices");
const buttons = [...box.querySelectorAll("button")];
let saving = false;
async function save(button) {
  if (saving) return;
  saving = true;
  const problem = document.getElementById("problem");
  problem.textContent = "";
  try {
    const answer = await fetch("annotations", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      credentials: "same-origin",
      body: JSON.stringify({document: box.dataset.document, shown: box.dataset.shown, label: button.dataset.label}),
    });
    if (answer.ok) {
      location.replace("?start=" + (Number(box.dataset.position) + 1));
      return;
    }
    const told = await answer.json().catch(() => ({}));
    problem.textContent = "Not saved: " + (told.detail || "HTTP " + answer.status);
  } catch (error) {
    problem.textContent = "Not saved: " + error.message;
  }
  saving = false;
}
buttons.forEach(button => button.addEventListener("click", () => save(button)));
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const chosen = event.key === "Enter"
    ? (document.activeElement.tagName === "BODY" || document.activeElement.tagName === "PRE")
      && buttons.find(button => button.classList.contains("suggested"))
    : buttons.find(button => button.dataset.key === event.key);
  if (chosen) { event.preventDefault(); save(chosen); }
  else if (event.key === "n") location.assign(document.getElementById("next").href);
  else if (event.key === "p") location.assign(document.getElementById("previous").href);
});
</script>
{% elif total %}
<p>Nothing is left for you. The next run takes the labels over.</p>
<p><a href="?position=0">Look at them again</a></p>
{% else %}
<p>No document waits for review.</p>
{% endif %}
</html>
""")


@dataclass(frozen=True)
class Desk:
    """What one annotator has in front: the tasks of the queue, and what this person said of them, by document."""

    use_case: str
    annotator: str
    tasks: tuple[ReviewTask, ...]
    said: Mapping[str, str]

    def position(self, start: int) -> int | None:
        """The first task from `start` on, and around, that this person has not labelled; None where none is left."""
        order = [*range(start, len(self.tasks)), *range(min(start, len(self.tasks)))]
        return next((place for place in order if self.tasks[place].id not in self.said), None)


def review_page(desk: Desk, position: int | None, nonce: str) -> str:
    """The page with the task at a position; scripts and styles run by `nonce` alone. All text is escaped."""
    task = desk.tasks[position] if position is not None else None
    return _PAGE.render(
        use_case=desk.use_case,
        annotator=desk.annotator,
        task=task,
        position=position,
        total=len(desk.tasks),
        done=sum(one.id in desk.said for one in desk.tasks),
        said=desk.said.get(task.id, "") if task else "",
        choices=[(KEYS[place : place + 1], *one) for place, one in enumerate(task.described.items())] if task else [],
        nonce=nonce,
    )
