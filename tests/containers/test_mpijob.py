#!/usr/bin/env python3
"""The MPIJob manifest against its schema, and what no schema says: volumes that are there, room in /dev/shm, time to save, as many ranks
as slots. Each check is shown to fail on a manifest that breaks it. 77: skipped, python3-yaml or python3-jsonschema is missing."""
import copy
import json
import re
import sys
from pathlib import Path

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

HERE = Path(__file__).resolve().parent
SCHEMA = json.loads((HERE / "mpijob.schema.json").read_text())
UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
LARGEST = 528 * 2**20  # bytes of VGG16's gradients, the largest of keel models


def bytes_of(quantity):
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity)).groups()
    return float(number) * UNITS[unit]


def problems(job):
    """What is wrong with a manifest, as a list of sentences."""
    found = [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(job)]
    if found:
        return found
    spec = job["spec"]
    launcher, worker = (spec["mpiReplicaSpecs"][kind] for kind in ("Launcher", "Worker"))
    for kind, replica in (("launcher", launcher), ("worker", worker)):
        pod = replica["template"]["spec"]
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        for container in pod["containers"]:
            found += [f"the {kind} mounts '{mount['name']}', which is no volume"
                      for mount in container.get("volumeMounts", []) if mount["name"] not in volumes]
    command = launcher["template"]["spec"]["containers"][0]["command"]
    ranks = int(command[command.index("-np") + 1])
    if ranks != spec["slotsPerWorker"] * worker["replicas"]:
        found.append(f"{ranks} ranks on {worker['replicas']} nodes of {spec['slotsPerWorker']} slots")
    if f"ppr:{spec['slotsPerWorker']}:node" not in command:
        found.append("ranks of a node are not its slots")
    timeout = int(command[command.index("odls_base_sigkill_timeout") + 1]) if "odls_base_sigkill_timeout" in command else 1
    for kind, replica in (("launcher", launcher), ("worker", worker)):
        grace = replica["template"]["spec"].get("terminationGracePeriodSeconds", 30)
        if timeout < 60 or grace <= timeout:
            found.append(f"ranks have {timeout} s from SIGTERM to SIGKILL, the {kind} {grace}")
    pod = worker["template"]["spec"]
    mounted = {m["name"] for m in pod["containers"][0].get("volumeMounts", []) if m["mountPath"] == "/dev/shm"}
    shm = [v["emptyDir"] for v in pod["volumes"] if v["name"] in mounted and v.get("emptyDir", {}).get("medium") == "Memory"]
    wanted = spec["slotsPerWorker"] * LARGEST
    if not shm or bytes_of(shm[0].get("sizeLimit", "64Mi")) < wanted:
        found.append(f"/dev/shm of a worker is smaller than {wanted / 2**20:.0f} MiB")
    return found


def changed(job, path, value):
    other = copy.deepcopy(job)
    at = other
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return other


def main():
    job = yaml.safe_load((HERE.parents[1] / "scripts/containers/mpijob.yaml").read_text())
    found = problems(job)
    pods = ["spec", "mpiReplicaSpecs"]
    launcher, worker = pods + ["Launcher"], pods + ["Worker"]
    breaks = {
        "a word that is not known": (["spec", "slotPerWorker"], 2),
        "another version": (["apiVersion"], "kubeflow.org/v1"),
        "a text for a number": (["spec", "slotsPerWorker"], "2"),
        "an unknown policy": (["spec", "runPolicy", "cleanPodPolicy"], "Always"),
        "no workers": (worker, None),
        "two launchers": (launcher + ["replicas"], 2),
        "one worker more": (worker + ["replicas"], 5),
        "other slots": (["spec", "slotsPerWorker"], 4),
        "no time to save": (worker + ["template", "spec", "terminationGracePeriodSeconds"], 30),
        "the default time": (launcher + ["template", "spec", "terminationGracePeriodSeconds"], None),
        "no room in /dev/shm": (worker + ["template", "spec", "volumes", 1, "emptyDir", "sizeLimit"], "64Mi"),
        "/dev/shm on a disk": (worker + ["template", "spec", "volumes", 1, "emptyDir", "medium"], ""),
        "a volume that is missing": (worker + ["template", "spec", "volumes", 0, "name"], "other"),
        "a quantity that is none": (worker + ["template", "spec", "containers", 0, "resources", "limits", "memory"], "64 GB"),
    }
    for name, (path, value) in breaks.items():
        if not problems(changed(job, path, value)):
            found.append(f"not noticed: {name}")
    command = job["spec"]["mpiReplicaSpecs"]["Launcher"]["template"]["spec"]["containers"][0]["command"]
    if not problems(changed(job, launcher + ["template", "spec", "containers", 0, "command"],
                            [word for word in command if word not in ("--mca", "odls_base_sigkill_timeout", "120")])):
        found.append("not noticed: one second from SIGTERM to SIGKILL")
    print("\n".join(found) or f"the manifest is sound, {len(breaks) + 1} broken ones are not")
    sys.exit(1 if found else 0)


main()
