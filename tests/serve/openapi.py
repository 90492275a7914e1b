#!/usr/bin/env python3
"""The server against its own OpenAPI document: tests/serve/openapi.py KEEL [--examples 80] [--seed 1] [--report FOLDER]. PyPI's schemathesis makes
requests of every operation by the document that the server sends, such as fit it and such as do not, and holds the answers to it: no 5xx, status,
content type, fields and body as documented, what does not fit refused, methods that are not there refused with 405, and the token asked for where the
document says so. Four times: names of models by chance, the name of a model that is there, all that can be said of one image, and with a token.
Afterwards the server lives, gives the same scores as before, and stops in good order. A document that says what is not true has to be found out, too.
KEEL_PEERS_PYTHON names the Python that has schemathesis 4; skipped (77) where none has."""
import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))

from peers import run_among_peers

if __name__ == "__main__":
    run_among_peers("schemathesis")
    if metadata.version("schemathesis").split(".")[0] != "4":
        print("skipped: wanted schemathesis 4, got", metadata.version("schemathesis"))
        sys.exit(77)

PATIENCE = 120  # seconds
TOKEN = "0123456789abcdef-of-a-test"
NAME, VERSION = "small", "1"
INFER = f"/v2/models/{NAME}/infer"
LEAST_SCORED = 5  # answers of a model that a run by its name has to get: requests that fit do reach it

LIED = {"/v2/health/live", "/v2", "/v2/repository/index"}

# Of what is to be inferred no schema says everything: that there are as many elements as the shape says, that bytes are an image, that the model has
# the label. And a request's own deadline may pass, with 504.
INFER_CHECKS = """
[[operations]]
include-path-regex = "/infer$"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "404", "422", "429", "504"]
[operations.checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "504"]
"""
# Of what is narrowed to one image all that fits is answered.
NARROW_CHECKS = INFER_CHECKS.replace('["2xx", "400", "404", "422", "429", "504"]', '["2xx", "429", "504"]')
NAMES = f"""
[parameters]
"path.model" = "{NAME}"
"path.version" = "{VERSION}"
"""


def fail(what):
    sys.exit(f"FAILED: {what}")


class Server:
    def __init__(self, keel, model, folder, *options):
        self.log, self.token = folder / "serve.log", "--token-file" in options
        with self.log.open("w") as log:
            self.process = subprocess.Popen([keel, "serve", f"{NAME}={model}", "--listen", "127.0.0.1:0", "--threads", "1", *options], stderr=log)
        end = time.monotonic() + PATIENCE
        while "\n" not in self.said().partition("listening on ")[2]:
            if self.process.poll() is not None or time.monotonic() > end:
                fail(f"the server does not start\n{self.said()}")
            time.sleep(0.05)
        self.url = self.said().split("listening on ")[1].split()[0]

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ask(self, path, body=None):
        """The status and the text of an answer."""
        request = urllib.request.Request(self.url + path, data=None if body is None else json.dumps(body).encode())
        if self.token:
            request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def document(self):
        return json.loads(self.ask("/openapi.json")[1])

    def scores(self):
        """What the document's own examples are answered with."""
        operation = self.document()["paths"]["/v2/models/{model}/infer"]["post"]
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        answers = {name: self.ask(INFER, example["value"]) for name, example in examples.items()}
        if not answers or any(status != 200 for status, _ in answers.values()):
            fail(f"the document's examples are answered with {answers}")
        return answers

    def answered(self):
        """How many answers the server counts: of all, and of models with scores."""
        lines = [line.rsplit(" ", 1) for line in self.ask("/metrics")[1].splitlines() if not line.startswith("#")]
        total = sum(float(value) for name, value in lines if name.startswith("keel_http_answers_total"))
        scored = sum(float(value) for name, value in lines if name.startswith("keel_requests_total") and 'code="200"' in name)
        return int(total), int(scored)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE) != 0:
            fail(f"the server does not stop in good order\n{self.said()}")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def schemathesis(document, url, config, folder, examples, seed, *options):
    """A run of it: its exit code, report and text. The document is a file: what it loads by HTTP itself it does not test."""
    folder.mkdir(parents=True)
    (folder / "document.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "schemathesis.toml").write_text(config, encoding="utf-8")
    # Nothing in it hangs on how fast the machine is.
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "--config-file", folder / "schemathesis.toml", "run",
               folder / "document.json", "--url", url, "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples),
               "--seed", str(seed), "--continue-on-failure", "--suppress-health-check", "all", "--generation-database", "none", "--request-timeout",
               str(PATIENCE), "--no-color", "--report-json-path", folder / "report.json", "--report-ndjson-path", folder / "events.ndjson", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=1800)
    (folder / "text").write_text(done.stdout + done.stderr, encoding="utf-8")
    if not (folder / "report.json").exists():
        fail(f"schemathesis wrote no report\n{done.stdout}\n{done.stderr}")
    return done.returncode, json.loads((folder / "report.json").read_text(encoding="utf-8")), done.stdout + done.stderr


def narrowed(document):
    """The document with requests of one image alone, so that what fits is answered, and what does not fit has nothing else that is wrong with it."""
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        if path.endswith("/infer"):
            operation = item["post"]
            content = operation["requestBody"]["content"]
            pixels = content["application/json"]["examples"]["pixels"]["value"]["inputs"][0]
            del content["application/octet-stream"], operation["parameters"]
    one = next(kind for kind in schemas["InferInput"]["oneOf"] if kind["properties"]["datatype"]["enum"] == [pixels["datatype"]])
    for key in ("shape", "data"):
        one["properties"][key] = {"type": "array", "enum": [pixels[key]]}
    schemas["InferInput"] = one
    schemas["InputParameters"]["properties"]["layout"]["enum"] = ["NHWC"]
    output = schemas["InferOutput"]["properties"]
    for parameters in (output["parameters"], schemas["InferRequest"]["properties"]["parameters"]):
        parameters["properties"]["label"]["enum"] = ["Cardiomegaly", "Mass"]
    others = json.loads(json.dumps(schemas["InferOutput"]))
    output["name"]["enum"] = ["probabilities"]
    others["properties"]["name"]["enum"].remove("probabilities")
    del others["properties"]["parameters"]["properties"]["classification"]
    schemas["InferOutput"] = {"oneOf": [schemas["InferOutput"], others]}
    return document


def operations_of(document):
    return sum(method in ("get", "post", "put", "delete", "patch") for item in document["paths"].values() for method in item)


def check(keel, model, folder, examples, seed, what, config, *options, narrow=False):
    """One server, from its start to its end, and a run of schemathesis in between."""
    folder.mkdir(parents=True)
    if "--token-file" in options:
        Path(options[options.index("--token-file") + 1]).write_text(TOKEN + "\n", encoding="utf-8")
    server = Server(keel, model, folder, *options)
    try:
        before, (all_before, scored_before) = server.scores(), server.answered()
        header = ["--header", f"Authorization: Bearer {TOKEN}"] if server.token else []
        code, report, text = schemathesis(narrowed(server.document()) if narrow else server.document(), server.url,
                                          (NARROW_CHECKS if narrow else INFER_CHECKS) + config, folder / "run", examples, seed, *header)
        if server.process.poll() is not None:
            fail(f"{what}: the server ended with {server.process.returncode}\n{server.said()}\n{text}")
        answered, scored = server.answered()
        operations, cases = report["operations"], report["test_cases"]
        print(f"{what}: {operations['tested']} operations, {cases['generated']} examples, {answered - all_before} answers, "
              f"{scored - scored_before} of them scores, {cases['unique_failures']} findings, {report['running_time']:.0f} s", flush=True)
        if code != 0 or cases["unique_failures"] or cases["errored"] or report["errors"]:
            fail(f"{what}: schemathesis ended with {code}\n{text}")
        if operations["tested"] != operations_of(server.document()) or operations["errored"] or operations["skipped"]:
            fail(f"{what}: the document has {operations_of(server.document())} operations, {operations}")
        if config == NAMES and scored - scored_before < LEAST_SCORED:
            fail(f"{what}: only {scored - scored_before} requests reached a model")
        if server.ask("/v2/health/live") != (200, '{"live":true}') or server.scores() != before:
            fail(f"{what}: the server is not what it was before")
        server.stop()
    finally:
        server.end()


def check_that_it_would_be_found(keel, model, folder, seed):
    """Lies in a document are findings: of a body, of a status and of a method."""
    folder.mkdir(parents=True)
    server = Server(keel, model, folder)
    try:
        lie = server.document()
        lie["components"]["schemas"]["Live"]["properties"]["live"]["type"] = "string"
        lie["paths"]["/v2"]["get"]["responses"]["201"] = lie["paths"]["/v2"]["get"]["responses"].pop("200")
        del lie["paths"]["/v2/repository/index"]["post"]
        paths = [option for path in sorted(LIED) for option in ("--include-path", path)]
        code, report, text = schemathesis(lie, server.url, "", folder / "run", 10, seed, *paths)
        found = {operation.split()[1] for failure in report["failures"] for operation in failure["operations"]}
        if code != 1 or found != LIED:
            fail(f"of three lies these are found out: {found}\n{text}")
        server.stop()
    finally:
        server.end()


def train(keel, folder):
    model = folder / "run/checkpoints/best.safetensors"
    for command in (["data", "synth", folder / "phantom", "--count", "60", "--size", "64", "--balanced", "--quiet"],
                    ["train", "--model", "resnet20", "--data", f"phantom:{folder / 'phantom'}", "--out", folder / "run", "--image-size", "32",
                     "--batch-size", "8", "--epochs", "1", "--threads", "1", "--quiet"],
                    ["threshold", "--checkpoint", model, "--data", f"phantom:{folder / 'phantom'}", "--threads", "1", "--quiet"]):
        done = subprocess.run([keel, *command], capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            fail(f"keel {command[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keel", type=Path)
    parser.add_argument("--examples", type=int, default=80, help="of each operation, beside those that schemathesis always makes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="a new folder for what schemathesis writes")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, out, keel = Path(name), (args.report or Path(name) / "runs").resolve(), args.keel.resolve()
        model = train(keel, folder)
        check_that_it_would_be_found(keel, model, out / "lie", args.seed)
        fewer = max(1, args.examples // 4)  # of what is mostly refused before anybody looks at it, and of what differs by a field
        check(keel, model, out / "any", fewer, args.seed, "names by chance", "")
        check(keel, model, out / "named", args.examples, args.seed, "a model's name", NAMES)
        check(keel, model, out / "one", fewer, args.seed, "one image", NAMES, narrow=True)
        check(keel, model, out / "token", fewer, args.seed, "a token", NAMES, "--token-file", str(folder / "token"))
    print("ok")


if __name__ == "__main__":
    main()
