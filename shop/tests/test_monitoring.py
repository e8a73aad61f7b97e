"""The dashboard and the alerts query metrics that exist, in expressions that Prometheus accepts."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import shop.observability.metrics  # noqa: F401 - registers the requests' metrics
from products import backlog
from products.metrics import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = (PROMETHEUS / "alerts.yml").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "shop.json").read_text(encoding="utf-8"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "operations" / "alerts.md").read_text(encoding="utf-8")

MADE_BY_PROMETHEUS = {"up", "ALERTS"}
SUFFIXES = {"gauge": [""], "counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
LABELS = {"le", "instance", "job"}  # beside each metric's own
# promtool does not read what Grafana fills in.
FILLED_IN = {"$__rate_interval": "5m", "$instance": ".*", "$route": ".*"}

needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


def metrics():
    """Return {name of a series: its possible labels}."""
    found = {}
    for family in REGISTRY._names_to_collectors.values():
        kind, labels = family._type, set(family._labelnames)
        found |= {family._name + suffix: labels for suffix in SUFFIXES[kind]}
    for family in backlog.Backlog().describe():
        found[family.name] = set(family._labelnames)
    return found


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def dashboard_expressions():
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def alert_expressions():
    blocks = re.findall(r"^( +)expr: (?:\|\n((?:\1 +.*\n)+)|(.*)\n)", ALERTS, flags=re.MULTILINE)
    return [" ".join((block or line).split()) for _, block, line in blocks]


def series_in(expression):
    """Return the series in an expression: [(name, labels that it selects by), …]."""
    found = re.findall(r"\b(up|ALERTS|shop_\w+)\b(?:\{([^}]*)\})?", re.sub(r'"[^"]*"', '""', expression))
    return [(name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors))) for name, selectors in found]


def grouped_by(expression):
    return {label for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", labels)}


def test_there_is_something_to_look_at():
    assert len(dashboard_expressions()) >= 20
    assert len(alert_expressions()) == ALERTS.count("- alert:") >= 8


@pytest.mark.parametrize("expression", dashboard_expressions() + alert_expressions())
def test_an_expression_names_series_and_labels_that_there_are(expression):
    there_are = metrics() | {name: set() for name in MADE_BY_PROMETHEUS}

    named = series_in(expression)

    assert named != []
    assert [name for name, _ in named if name not in there_are] == []
    for name, labels in named:
        assert labels | grouped_by(expression) <= there_are[name] | LABELS


def test_every_metric_is_shown_and_explained():
    shown = {name for expression in dashboard_expressions() for name, _ in series_in(expression)}
    families = {metric._name: metric._type for metric in REGISTRY._names_to_collectors.values()}
    families |= {family.name: family.type for family in backlog.Backlog().describe()}

    assert [name for name, kind in families.items() if not shown & {name + end for end in SUFFIXES[kind]}] == []
    assert [
        name for name, kind in families.items() if f"`{name}{'_total' if kind == 'counter' else ''}`" not in OPERATIONS
    ] == []


def test_every_panel_has_a_title_of_its_own_and_a_place():
    titles = [panel["title"] for panel in panels()]
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(set(titles)) == len(titles)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_every_alert_says_what_is_wrong_and_what_to_do_first():
    alerts = ALERTS.split("- alert: ")[1:]

    assert [alert.split()[0] for alert in alerts if "summary: " not in alert or "runbook: " not in alert] == []
    assert [alert.split()[0] for alert in alerts if f"`{alert.split()[0]}`" not in OPERATIONS] == []


def test_every_alert_has_a_paragraph_of_what_to_do_under_its_name_and_severity():
    alerts = re.findall(r"- alert: (\w+)\n(?:.*\n)*?.*severity: (\w+)", ALERTS)

    explained = re.findall(r"^## `(\w+)`\n\n(\w+) · ", RUNBOOK, flags=re.MULTILINE)

    assert explained == alerts


def promtool(*arguments, **options):
    process = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, **options)
    return process.returncode, process.stdout + process.stderr


@needs_promtool
@pytest.mark.parametrize(
    "command",
    ["check rules alerts.yml", "check config --syntax-only prometheus.yml", "test rules alerts_test.yml"],
)
def test_prometheus_understands_its_files_and_the_alerts_speak_up_when_they_should(command):
    code, said = promtool(*command.split())

    assert (code, "FAILED" in said) == (0, False), said


@needs_promtool
def test_prometheus_understands_the_dashboard(tmp_path):
    rules = []
    for number, expression in enumerate(dashboard_expressions()):
        for name, value in FILLED_IN.items():
            expression = expression.replace(name, value)
        rules.append({"record": f"panel:{number}", "expr": expression})
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    code, said = promtool("check", "rules", str(tmp_path / "rules.yml"))

    assert code == 0, said
