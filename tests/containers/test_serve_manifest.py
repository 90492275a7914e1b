#!/usr/bin/env python3
"""The manifest of keel serve against its schema, and what no schema says: selectors that find the pods, ports and volumes that are there,
probes, limits, time to stop, a configuration that keel takes, and a queue that is one pod's alone. Each check is shown to fail on a
manifest that breaks it. With the path of keel as argument its own checks of the configuration run as well. 77: skipped, python3-yaml or
python3-jsonschema is missing."""
import copy
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
SCHEMA = json.loads((HERE / "kubernetes.schema.json").read_text())
DEPLOYMENT, STATEFUL, HTTP_SERVICE, DICOM_SERVICE, CONFIG = "Deployment", "StatefulSet", "keel-serve", "keel-dicom", "ConfigMap"


def setting(text, key):
    found = re.search(rf'^{key} = "?([^"\n]*)"?$', text, re.MULTILINE)
    return found.group(1) if found else None


def container_problems(kind, pod, config):
    container = pod["containers"][0]
    volumes = {v["name"] for v in pod.get("volumes", [])}
    found = [f"{kind} mounts '{m['name']}', which is no volume" for m in container.get("volumeMounts", []) if m["name"] not in volumes]
    ports = {p["name"]: p["containerPort"] for p in container.get("ports", [])}
    for probe, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
        if probe not in container:
            found.append(f"{kind} has no {probe}")
        elif container[probe]["httpGet"]["path"] != f"/v2/health/{path}" or container[probe]["httpGet"]["port"] not in ports:
            found.append(f"the {probe} of {kind} asks for something else than /v2/health/{path} of its own port")
    resources = container.get("resources", {})
    if set(resources.get("limits", {})) != {"cpu", "memory"} or resources["limits"] != resources.get("requests"):
        found.append(f"{kind} has no limits that are its requests")
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation", True) or not security.get("readOnlyRootFilesystem") or not pod.get("securityContext", {}).get("runAsNonRoot"):
        found.append(f"{kind} may do more than it has to")
    text = config["data"].get(Path(container["args"][1]).name)
    if text is None:
        return found + [f"{kind} has no configuration of that name"]
    if int(setting(text, "listen").rsplit(":", 1)[1]) != ports.get("http"):
        found.append(f"{kind} listens at another port than its container's")
    pause = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])[1])
    if pod.get("terminationGracePeriodSeconds", 30) <= float(setting(text, "drain_seconds")) + pause:
        found.append(f"{kind} is killed before it has answered")
    dicom = setting(text, "dicom")
    if (dicom is not None) != ("dicom" in ports) or (dicom and int(dicom.rsplit(":", 1)[1]) != ports["dicom"]):
        found.append(f"{kind} has another port for DICOM than its container")
    return found


def problems(objects):
    """What is wrong with a manifest, as a list of sentences."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    found = [f"{o.get('kind')}: {e.message[:200]}" for o in objects for e in validator.iter_errors(o)]
    if found:
        return found
    config = next(o for o in objects if o["kind"] == CONFIG)
    pods = {}
    for o in objects:
        if o["kind"] not in (DEPLOYMENT, STATEFUL):
            continue
        template = copy.deepcopy(o["spec"]["template"])
        labels = template["metadata"]["labels"]
        if not o["spec"]["selector"]["matchLabels"].items() <= labels.items():
            found.append(f"{o['kind']} does not select its own pods")
        pods[o["kind"]] = labels, template["spec"]
        claims = [c["metadata"]["name"] for c in o["spec"].get("volumeClaimTemplates", [])]
        template["spec"].setdefault("volumes", []).extend({"name": c} for c in claims)
        found += container_problems(o["kind"], template["spec"], config)
        if o["kind"] == STATEFUL:
            modes = [c["spec"]["accessModes"] for c in o["spec"].get("volumeClaimTemplates", [])]
            queue = [m["mountPath"] for m in template["spec"]["containers"][0]["volumeMounts"] if m["name"] in claims]
            folder = setting(config["data"][Path(template["spec"]["containers"][0]["args"][1]).name], "dicom_queue") or ""
            if o["spec"].get("replicas") != 1 or modes != [["ReadWriteOncePod"]]:
                found.append("the queue is not one pod's alone")
            if not any(folder.startswith(path + "/") for path in queue):
                found.append("the queue is not on the claimed disk")
    for o in objects:
        if o["kind"] == "Service":
            chosen = [pod for labels, pod in pods.values() if o["spec"]["selector"].items() <= labels.items()]
            names = {p["name"] for pod in chosen for p in pod["containers"][0].get("ports", [])}
            if len(chosen) != 1 or any(p["targetPort"] not in names for p in o["spec"]["ports"]):
                found.append(f"the service {o['metadata']['name']} leads to no port of one kind of pod")
    return found


def changed(objects, kind, path, value):
    other = copy.deepcopy(objects)
    at = next(o for o in other if kind in (o["kind"], o["metadata"]["name"]) and (kind != HTTP_SERVICE and kind != DICOM_SERVICE or o["kind"] == "Service"))
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return other


def keel_takes(keel, config):
    """Whether keel reads each configuration, and stops at the model, which is not here."""
    found = []
    for name, text in config["data"].items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "token").write_text("0123456789abcdef\n")
            file = Path(folder, name)
            file.write_text(text.replace("/etc/keel-token/token", f"{folder}/token").replace("/var/lib/keel", folder))
            run = subprocess.run([keel, "serve", "--config", file], capture_output=True, text=True, timeout=120)
            if run.returncode == 0 or "/models/chexnet.safetensors" not in run.stderr:
                found.append(f"keel says of {name}: {run.stderr}")
    return found


def main():
    objects = list(yaml.safe_load_all((HERE.parents[1] / "scripts/containers/serve.yaml").read_text()))
    found = problems(objects)
    pod = ["spec", "template", "spec"]
    container = pod + ["containers", 0]
    config = next(o for o in objects if o["kind"] == CONFIG)["data"]["serve.toml"]
    breaks = {
        "a word that is not known": (DEPLOYMENT, ["spec", "replica"], 2),
        "another version": (DEPLOYMENT, ["apiVersion"], "apps/v1beta1"),
        "a text for a number": (DEPLOYMENT, ["spec", "replicas"], "2"),
        "a quantity that is none": (DEPLOYMENT, container + ["resources", "limits", "memory"], "4 GB"),
        "labels that are not selected": (DEPLOYMENT, ["spec", "template", "metadata", "labels", "app"], "other"),
        "no limits": (DEPLOYMENT, container + ["resources", "limits"], None),
        "limits beyond the requests": (DEPLOYMENT, container + ["resources", "limits", "cpu"], 8),
        "no readiness": (DEPLOYMENT, container + ["readinessProbe"], None),
        "a probe of another path": (STATEFUL, container + ["livenessProbe", "httpGet", "path"], "/"),
        "a probe of another port": (STATEFUL, container + ["startupProbe", "httpGet", "port"], "web"),
        "no time to answer": (DEPLOYMENT, pod + ["terminationGracePeriodSeconds"], None),
        "a volume that is missing": (DEPLOYMENT, pod + ["volumes", 0, "name"], "other"),
        "a configuration that is missing": (DEPLOYMENT, container + ["args", 1], "/etc/keel/other.toml"),
        "another port of HTTP": (CONFIG, ["data", "serve.toml"], config.replace(":8080", ":8081")),
        "root": (DEPLOYMENT, pod + ["securityContext", "runAsNonRoot"], False),
        "a writable root": (STATEFUL, container + ["securityContext", "readOnlyRootFilesystem"], False),
        "two nodes of one queue": (STATEFUL, ["spec", "replicas"], 2),
        "a disk that others may mount": (STATEFUL, ["spec", "volumeClaimTemplates", 0, "spec", "accessModes"], ["ReadWriteMany"]),
        "a queue elsewhere": (STATEFUL, container + ["volumeMounts", 3, "mountPath"], "/queue"),
        "another port of DICOM": (STATEFUL, container + ["ports", 1, "containerPort"], 104),
        "a service of nobody": (HTTP_SERVICE, ["spec", "selector", "app"], "other"),
        "a service of no port": (DICOM_SERVICE, ["spec", "ports", 0, "targetPort"], "imaging"),
    }
    for name, (kind, path, value) in breaks.items():
        if not problems(changed(objects, kind, path, value)):
            found.append(f"not noticed: {name}")
    if len(sys.argv) > 1:
        found += keel_takes(sys.argv[1], next(o for o in objects if o["kind"] == CONFIG))
    print("\n".join(found) or f"the manifest is sound, {len(breaks)} broken ones are not")
    sys.exit(1 if found else 0)


main()
