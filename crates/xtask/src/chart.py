"""Checks the chart with Helm's own library and Kubernetes' own schemas; writes what is made from it.

Called by `cargo xtask chart`, with the root of the workspace and `check` or `write`. Prints what is wrong, a line each.
"""

import json
import pathlib
import re
import sys

import kubernetes_validate
import yaml
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError

ROOT = pathlib.Path(sys.argv[1])
WRITE = sys.argv[2] == "write"
CHART = ROOT / "helm/coditect"

# The oldest Kubernetes that Chart.yaml allows, and the newest whose schemas are here.
KUBERNETES = ["1.29", kubernetes_validate.latest_version()]

# Kinds that operators bring; Kubernetes has no schema for them.
FOREIGN = {"ScaledObject", "ServiceMonitor", "PrometheusRule", "PodMonitoring"}

# Sections of the configuration that the chart sets itself.
OWN_SECTIONS = {"$schema", "database", "redis", "listen", "shutdown", "repository"}

# Files that the chart needs inside its folder, and where they are kept.
COPIES = {
    "files/coditect.rules.yaml": "ops/alerts/coditect.rules.yaml",
    "files/coditect.json": "ops/grafana/coditect.json",
}

problems = []


def problem(where, what):
    problems.append(f"{where}: {what}")


def same(path, text):
    """The file says this; with `write`, it does from now on."""
    old = path.read_text() if path.exists() else None
    if old == text:
        return
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")
    else:
        problem(path.relative_to(ROOT), "is not what the sources make of it; run `cargo xtask chart --write`")


def merged(*files):
    """Values files over each other, as `helm --values a --values b` does."""

    def over(low, high):
        if not (isinstance(low, dict) and isinstance(high, dict)):
            return high
        return low | {key: over(low.get(key), value) for key, value in high.items()}

    values = {}
    for file in files:
        values = over(values, yaml.safe_load(file.read_text()) or {})
    return values


def made():
    """What the chart has from elsewhere in the tree."""
    for copy, source in COPIES.items():
        same(CHART / copy, (ROOT / source).read_text())
    config = json.loads((ROOT / "config/orchestrator-config.schema.json").read_text())
    for key in ("$schema", "title"):
        config.pop(key, None)
    for section in OWN_SECTIONS:
        config["properties"].pop(section, None)
    path = CHART / "values.schema.json"
    schema = json.loads(path.read_text())
    schema["$defs"]["config"] = config
    same(path, json.dumps(schema, indent=2) + "\n")


def documents(rendered):
    """Every object, as text and as data."""
    for template in sorted(rendered):
        if not template.endswith(".yaml"):
            continue
        for text in re.split(r"^---[ \t]*$", rendered[template], flags=re.MULTILINE):
            data = yaml.safe_load(text)
            if data:
                yield text.strip("\n"), data


def render(values):
    with Chart.load(CHART) as chart:
        chart.validate_schema(chart.merge_values(values))
        return list(documents(chart.render(values, name="coditect", namespace="coditect")))


def pods(objects):
    for data in objects:
        if data["kind"] == "Pod":
            yield data, data["metadata"], data["spec"]
        elif "template" in (data.get("spec") or {}):
            template = data["spec"]["template"]
            yield data, template["metadata"], template["spec"]


def selected(labels, objects, kind, key):
    """Whether an object of this kind selects these labels."""
    for data in objects:
        if data["kind"] == kind:
            wanted = data["spec"][key]["matchLabels"].items()
            if "app.kubernetes.io/component" in dict(wanted) and wanted <= labels.items():
                return True
    return False


def laws(where, objects, policies, budgets):
    """What holds of everything that the chart makes."""
    names = [(data["kind"], data["metadata"]["name"]) for data in objects]
    for name in {name for name in names if names.count(name) > 1}:
        problem(where, f"{' '.join(name)} is there twice")
    deployments = [data["metadata"]["labels"]["app.kubernetes.io/component"] for data in objects if data["kind"] == "Deployment"]
    five = ["agent-executor", "dependency-resolver", "orchestrator", "sync-daemon", "task-dispatcher"]
    if sorted(deployments) != five:
        problem(where, f"the Deployments are {sorted(deployments)}, not one for each service")
    for data, metadata, spec in pods(objects):
        name = f"{where}: {data['kind']} {data['metadata']['name']}"
        context = spec.get("securityContext", {})
        if not context.get("runAsNonRoot") or context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            problem(name, "the Pod may run as root, or without seccomp")
        if spec.get("automountServiceAccountToken") is not False:
            problem(name, "the Pod gets a token for the cluster")
        for container in spec["containers"] + spec.get("initContainers", []):
            inner = container.get("securityContext", {})
            hardened = (
                inner.get("allowPrivilegeEscalation") is False
                and inner.get("readOnlyRootFilesystem") is True
                and inner.get("capabilities", {}).get("drop") == ["ALL"]
            )
            if not hardened:
                problem(name, f"container {container['name']} is not hardened")
            if "memory" not in container.get("resources", {}).get("limits", {}):
                problem(name, f"container {container['name']} has no limit on memory")
        if data["kind"] in ("Deployment", "StatefulSet"):
            if data["spec"]["selector"]["matchLabels"].items() - metadata["labels"].items():
                problem(name, "its selector does not select its Pods")
            for container in spec["containers"]:
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    if probe not in container:
                        problem(name, f"container {container['name']} has no {probe}")
            if budgets and not selected(metadata["labels"], objects, "PodDisruptionBudget", "selector"):
                problem(name, "no PodDisruptionBudget is about it")
        if policies and not selected(metadata["labels"], objects, "NetworkPolicy", "podSelector"):
            problem(name, "no NetworkPolicy of its own is about it")
        if metadata["labels"].get("app.kubernetes.io/component") == "agent-executor":
            if re.search(r"database|postgres", json.dumps(spec), flags=re.IGNORECASE):
                problem(name, "executors hold no database credentials, and this one has something of the database")


def on_a_branch(where, objects):
    """What holds where the plan is on a branch: nobody has a checkout, and the sync-daemon reaches the repository."""
    for data, metadata, spec in pods(objects):
        if any(volume["name"] == "repository" for volume in spec.get("volumes", [])):
            problem(where, f"{data['metadata']['name']} has a volume with a checkout")
        if metadata["labels"].get("app.kubernetes.io/component") == "sync-daemon":
            variables = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
            if ":" not in variables["CODITECT_REPOSITORY__PATH"] or "initContainers" in spec:
                problem(where, "the sync-daemon does not work on the repository's URL")


def validated(where, objects):
    for data in objects:
        if data["kind"] in FOREIGN:
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(data, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(part) for part in error.path)
                problem(where, f"{data['kind']} {data['metadata']['name']}: {path}: {error.message} (Kubernetes {version})")
            except Exception as error:
                problem(where, f"{data['kind']} {data['metadata']['name']}: {getattr(error, 'message', error)}")


def plain(rendered):
    """`k8s/`: what the default values make, a file for each component."""
    files = {}
    for text, data in rendered:
        if "helm.sh/hook" not in data["metadata"].get("annotations", {}):
            component = data["metadata"]["labels"]["app.kubernetes.io/component"]
            files.setdefault(component, []).append(text)
    head = "# Made from helm/coditect with its default values by `cargo xtask chart --write`. Not to be edited.\n"
    folder = ROOT / "k8s"
    for component, texts in files.items():
        same(folder / f"{component}.yaml", head + "".join(f"---\n{text}\n" for text in texts))
    for path in folder.glob("*.yaml"):
        if path.stem not in files:
            if WRITE:
                path.unlink()
            else:
                problem(path.relative_to(ROOT), "is nothing that the chart makes; run `cargo xtask chart --write`")


def main():
    made()
    cases = {"default values": []}
    for file in sorted((CHART / "ci").glob("*.yaml")):
        base = [CHART / "values-ha.yaml"] if file.name.startswith("ha-") else []
        cases[str(file.relative_to(ROOT))] = [*base, file]
    for where, files in cases.items():
        values = merged(*files)
        report = lint(CHART, values, strict=True, kube_version="v1.31.0")
        for message in report["messages"]:
            if message["severity"] >= 2:
                problem(where, f"lint: {message['error']}")
        try:
            rendered = render(values)
        except HelmError as error:
            problem(where, error)
            continue
        objects = [data for _, data in rendered]
        with Chart.load(CHART) as chart:
            settled = chart.merge_values(values)
        laws(where, objects, settled["networkPolicy"]["enabled"], settled["podDisruptionBudget"]["enabled"])
        validated(where, objects)
        if settled["config"].get("plan", {}).get("source") == "git":
            on_a_branch(where, objects)
        if not files:
            plain(rendered)
    for file in sorted((CHART / "ci/refused").glob("*.yaml")):
        where = file.relative_to(ROOT)
        wanted = file.read_text().splitlines()[0].removeprefix("# refused with: ")
        try:
            render(merged(file))
            problem(where, "is taken, and should be refused")
        except HelmError as error:
            if wanted not in str(error):
                problem(where, f"is refused, but without `{wanted}`: {error}")
    for line in problems:
        print(line)
    if not problems:
        print(f"{len(cases)} sets of values")
    sys.exit(1 if problems else 0)


main()
