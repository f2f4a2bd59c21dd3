#!/usr/bin/env python3
"""Holds the simulated world, and what the providers ask of it, against the vendors' own
descriptions (PIPE_CONTRACTS): every request and answer of a release over TCP, and of calls
that no release makes. The world is the double of the vendors; this is the double's proof."""

import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse

CONTRACTS = os.environ.get("PIPE_CONTRACTS", "")
PIPE, ROOT = os.environ["PIPE"], os.environ["PIPE_ROOT"]
problems = []


# ---- JSON schemas, as OpenAPI 3.0 has them ----------------------------------------

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float)}


class Schema:
    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            at = self.document
            for part in node["$ref"].lstrip("#/").split("/"):
                at = at[part.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def check(self, schema, value, path="$"):
        """What is wrong with the value, as texts."""
        schema = self.resolve(schema)
        if value is None:
            kinds = schema.get("type")
            fine = schema.get("nullable") or not kinds or kinds == "null" or "null" in kinds
            return [] if fine or None in schema.get("enum", []) else [f"{path} is null"]
        found = []
        for one in schema.get("allOf", []):
            found += self.check(one, value, path)
        for word in ("anyOf", "oneOf"):
            tried = [self.check(one, value, path) for one in schema.get(word, [])]
            if tried and all(tried):
                found.append(f"{path} fits none of {word}: {min(tried, key=len)[0]}")
        return found + self.check_kind(schema, value, path) + self.check_members(schema, value, path)

    def check_kind(self, schema, value, path):
        kind = schema.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        if kind and not any(self.is_kind(k, value) for k in kinds):
            return [f"{path} is {type(value).__name__}, not {kind}"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{path} is {value!r}, none of {schema['enum']}"]
        if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
            return [f"{path} is {value!r}, not like {schema['pattern']}"]
        if isinstance(value, str) and schema.get("format") == "date-time" and \
                not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", value):
            return [f"{path} is {value!r}, no time"]
        return []

    @staticmethod
    def is_kind(kind, value):
        if isinstance(value, bool):
            return kind == "boolean"
        return isinstance(value, KINDS.get(kind, object))

    def check_members(self, schema, value, path):
        found = []
        if isinstance(value, dict):
            known = schema.get("properties", {})
            found += [f"{path} lacks {n}" for n in schema.get("required", []) if n not in value]
            rest = schema.get("additionalProperties", True)
            for name, member in value.items():
                if name in known:
                    found += self.check(known[name], member, f"{path}.{name}")
                elif rest is False:
                    found.append(f"{path} has {name}, which is unknown")
                elif isinstance(rest, dict):
                    found += self.check(rest, member, f"{path}.{name}")
        elif isinstance(value, list) and "items" in schema:
            for i, member in enumerate(value):
                found += self.check(schema["items"], member, f"{path}[{i}]")
        return found


class OpenAPI:
    """Judges exchanges with one service."""

    def __init__(self, name):
        with open(os.path.join(CONTRACTS, name, "openapi.json"), encoding="utf-8") as f:
            self.schema = Schema(json.load(f))
        self.routes, self.used = [], set()
        for template, item in self.schema.document["paths"].items():
            pattern = re.sub(r"\{(\w+)\}", lambda m: "(.+)" if m.group(1) in
                             ("ref", "basehead", "branch", "path") else "([^/]+)", template)
            self.routes.append((re.compile(pattern + "$"), template, item))

    def operation(self, method, path):
        fitting = [(t, i[method.lower()]) for p, t, i in self.routes
                   if p.match(path) and method.lower() in i]
        return min(fitting, key=lambda f: (f[0].count("{"), -len(f[0]))) if fitting else (None, None)

    def judge(self, e):
        template, operation = self.operation(e["method"], urllib.parse.urlsplit(e["path"]).path)
        if not operation:
            return [] if e["status"] == 404 else ["the service has no such operation"]
        self.used.add(f"{e['method']} {template}")
        found = []
        answers = operation["responses"]
        answer = self.schema.resolve(answers.get(str(e["status"]), answers.get("default")))
        if answer is None:
            # What is refused stands in few descriptions.
            return [] if e["status"] in (400, 401, 403, 404, 422, 429) else \
                [f"an answer {e['status']} is not described ({', '.join(answers)})"]
        content = answer.get("content", {}).get("application/json")
        if content and "schema" in content:
            found += [f"answer: {p}" for p in self.schema.check(content["schema"], e["answer"])]
        wanted = self.schema.resolve(operation.get("requestBody", {}))
        content = wanted.get("content", {}).get("application/json")
        if content and e["body"] is not None and e["status"] < 300:
            found += [f"request: {p}" for p in self.schema.check(content["schema"], e["body"])]
        return found + self.judge_query(operation, e)

    def judge_query(self, operation, e):
        known = {}
        for parameter in operation.get("parameters", []):
            parameter = self.schema.resolve(parameter)
            if parameter["in"] == "query":
                known[parameter["name"]] = parameter
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(e["path"]).query)
        return [f"request: the query has {n}, which is unknown" for n in query if n not in known] + \
            [f"request: the query lacks {n}" for n, p in known.items()
             if p.get("required") and n not in query and e["status"] < 300]


# ---- GraphQL: operations and answers against the introspected schema ----------------

class GraphQL:
    def __init__(self, name):
        with open(os.path.join(CONTRACTS, name, "schema.json"), encoding="utf-8") as f:
            self.types = {t["name"]: t for t in json.load(f)["data"]["__schema"]["types"]}
        self.used = set()

    def judge(self, e):
        answer = e["answer"]
        if e["status"] != 200 or not isinstance(answer, dict) or not answer.get("data"):
            return [] if isinstance(answer, dict) and answer.get("errors") else ["no GraphQL answer"]
        tokens = re.findall(r'"(?:[^"\\]|\\.)*"|\.\.\.|[\w.-]+|[^\s,]', e["body"]["query"])
        self.tokens, self.found = tokens, []
        kind = tokens.pop(0)
        name = tokens.pop(0) if tokens[0] not in "({" else ""
        self.used.add(f"{kind} {name}")
        if tokens[0] == "(":
            self.variables(e["body"].get("variables") or {})
        self.selection("Query" if kind == "query" else "Mutation", [answer["data"]])
        return self.found

    def variables(self, given):
        self.tokens.pop(0)
        known = {}
        while self.tokens[0] != ")":
            self.tokens.pop(0)
            name, _, kind = self.tokens.pop(0), self.tokens.pop(0), ""
            while self.tokens[0] not in "$)":
                kind += self.tokens.pop(0)
            known[name] = kind
        self.tokens.pop(0)
        for name, kind in known.items():
            if kind.endswith("!") and given.get(name) is None:
                self.found.append(f"request: variable {name} of {kind} is missing")
            if kind.strip("[]!") not in self.types:
                self.found.append(f"request: there is no type {kind}")
            elif name in given:
                self.input(kind.strip("!"), given[name], name)
        self.found += [f"request: variable {n} is unknown" for n in given if n not in known]

    def input(self, kind, value, path):
        known = self.types.get(kind, {})
        if known.get("kind") != "INPUT_OBJECT" or not isinstance(value, dict):
            return
        fields = {f["name"]: f for f in known["inputFields"]}
        self.found += [f"request: {path} has {n}, which is unknown" for n in value if n not in fields]
        self.found += [f"request: {path} lacks {n}" for n, f in fields.items()
                       if f["type"]["kind"] == "NON_NULL" and f["defaultValue"] is None and n not in value]

    def selection(self, kind, values):
        """The fields between { and }, and the same members of all these values."""
        fields = {f["name"]: f for f in self.types[kind]["fields"] or []}
        self.tokens.pop(0)
        while self.tokens[0] != "}":
            name = shown = self.tokens.pop(0)
            if self.tokens[0] == ":":
                self.tokens.pop(0)
                name = self.tokens.pop(0)
            if name not in fields:
                self.found.append(f"request: {kind} has no field {name}")
                return
            if self.tokens[0] == "(":
                self.arguments(fields[name], kind)
            self.member(fields[name]["type"], [v.get(shown) for v in values], f"{kind}.{name}")
        self.tokens.pop(0)

    def arguments(self, field, kind):
        known, depth, names = {a["name"] for a in field["args"]}, 0, []
        while True:
            token = self.tokens.pop(0)
            depth += (token in "({[") - (token in ")}]")
            if depth == 1 and self.tokens[0] == ":":
                names.append(token)
            if depth == 0:
                break
        self.found += [f"request: {kind}.{field['name']} takes no {n}" for n in names if n not in known]

    def member(self, kind, values, path):
        if kind["kind"] == "NON_NULL":
            self.found += [f"answer: {path} is null"] * any(v is None for v in values)
            kind = kind["ofType"]
        values = [v for v in values if v is not None]
        if kind["kind"] == "LIST":
            self.found += [f"answer: {path} is no list"] * any(not isinstance(v, list) for v in values)
            self.member(kind["ofType"], [m for v in values if isinstance(v, list) for m in v], path)
        elif self.tokens and self.tokens[0] == "{":
            self.selection(kind["name"], values)
        elif kind["kind"] == "ENUM":
            words = {v["name"] for v in self.types[kind["name"]]["enumValues"]}
            self.found += [f"answer: {path} is {v!r}" for v in values if v not in words]
        else:
            wanted = {"String": str, "ID": str, "Boolean": bool, "Int": int}.get(kind["name"])
            self.found += [f"answer: {path} is {v!r}, no {kind['name']}" for v in values
                           if wanted and not isinstance(v, wanted)]


# ---- the exchanges ---------------------------------------------------------------------

JUDGES = {"api.github.com": lambda: OpenAPI("github"), "api.supabase.com": lambda: OpenAPI("supabase"),
          "backboard.railway.com": lambda: GraphQL("railway")}
judges, seen = {}, []


def decoded(text):
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def judge(method, path, status, body, answer):
    host, _, rest = re.sub(r"^/@\d+", "", path).lstrip("/").partition("/")
    if host not in JUDGES:
        return
    judges.setdefault(host, JUDGES[host]())
    e = {"method": method, "path": "/" + rest, "status": status, "body": decoded(body),
         "answer": decoded(answer)}
    seen.append(e)
    for problem in judges[host].judge(e):
        line = f"{host}: {method} {re.sub(r'[0-9a-f]{40}', 'SHA', e['path'])} {status}: {problem}"
        if line not in problems:
            problems.append(line)


class Between(http.server.BaseHTTPRequestHandler):
    """Passes everything on to the world, and listens."""
    protocol_version, wbufsize, world = "HTTP/1.1", -1, ("", 0)

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        there = http.client.HTTPConnection(*self.world, timeout=30)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        there.request(self.command, self.path, body, headers)
        answer = there.getresponse()
        data = answer.read()
        there.close()
        judge(self.command, self.path, answer.status, body, data)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_one

    def log_message(self, *_):
        pass


def call(base, method, path, body=None, token="sim-github-token"):
    there = http.client.HTTPConnection(*base, timeout=30)
    there.request(method, path, None if body is None else json.dumps(body),
                  {"Authorization": f"Bearer {token}", "User-Agent": "contract", "Content-Type": "application/json"})
    answer = there.getresponse()
    data = answer.read()
    there.close()
    return decoded(data)


def more_calls(base):
    """What a release does not ask, and what the vendors refuse."""
    repo = "/api.github.com/repos/impulse/impulse"
    get = lambda path: call(base, "GET", repo + path)
    refs = {r["ref"]: r["object"]["sha"] for r in get("/git/matching-refs/heads")}
    main, production = refs["refs/heads/main"], refs["refs/heads/production"]
    for path in ("", "/commits", "/commits/main", f"/commits/{main}/status", f"/commits/{main}/pulls",
                 "/branches/main", "/branches/production", "/branches/none",
                 "/branches/production/protection/required_status_checks", "/rules/branches/main",
                 "/compare/production...main", "/compare/main...production", "/compare/none...main",
                 "/pulls", "/pulls?state=all", "/pulls/12", "/pulls/99", "/git/ref/heads/main",
                 "/git/ref/heads/none", "/actions/runs", "/actions/runs/1", "/actions/workflows",
                 "/actions/workflows/ci.yml/runs", "/tags"):
        get(path)
    run = get("/actions/runs?per_page=1")["workflow_runs"][0]["id"]
    get(f"/actions/runs/{run}")
    get(f"/actions/runs/{run}/jobs")
    post = lambda path, body: call(base, "POST", repo + path, body)
    post(f"/statuses/{main}", {"state": "success", "context": "contract"})
    post("/git/refs", {"ref": "refs/tags/v9.0.0", "sha": main})
    post("/git/refs", {"ref": "refs/tags/v9.0.0", "sha": main})
    post("/actions/workflows/db-deploy.yml/dispatches", {"ref": "main", "inputs": {"environment": "staging", "action": "dry-run"}})
    post("/actions/workflows/ci.yml/dispatches", {"ref": "main"})
    post(f"/actions/runs/{run}/rerun", None)
    call(base, "PATCH", repo + "/git/refs/heads/production", {"sha": main, "force": False})
    call(base, "PATCH", repo + "/git/refs/heads/production", {"sha": production, "force": False})
    call(base, "PUT", repo + "/pulls/12/merge", {"sha": production})
    call(base, "GET", repo + "/pulls/12", token="wrong")
    project = "/api.supabase.com/v1/projects"
    for path in ("", "/stgimpulseabcdefghij", "/stgimpulseabcdefghij/health?services=db&services=rest",
                 "/stgimpulseabcdefghij/database/migrations", "/stgimpulseabcdefghij/health"):
        call(base, "GET", project + path, token="sim-supabase-token")
    railway_calls(base)


def railway_calls(base):
    """The operations that were written down for this project."""
    with open(os.path.join(CONTRACTS, "railway/operations.graphql"), encoding="utf-8") as f:
        text = re.sub(r"#.*", "", f.read())
    ids = {"projectId": "6f0c1a52-7d35-4a0e-9c4b-2f1f6f0a1e01",
           "environmentId": "b2c4d6e8-1a3c-4e5f-8071-92a3b4c5d604",
           "serviceId": "0a7be2c4-53d1-4b8f-8a44-6b1d2f3c4e02"}
    newest = ""
    for operation in re.split(r"\n(?=query|mutation)", text):
        operation = operation.strip()
        names = re.findall(r"\$(\w+):", operation.split("{")[0])
        variables = {n: ids[n] for n in names if n in ids}
        variables.update({n: newest for n in names if n in ("id", "deploymentId")})
        if re.match(r"query ProjectByToken", operation):
            variables["id"] = ids["projectId"]
        if "$input: DeploymentListInput" in operation:
            variables["input"] = ids
        if not re.match(r"query (ProjectByToken|ServiceInstance|Deployments?|DeploymentTriggers|Variables|"
                        r"VariablesForServiceDeployment|DeploymentLogs|BuildLogs|EnvironmentLogs)\b", operation):
            continue
        answer = call(base, "POST", "/backboard.railway.com/graphql/v2",
                      {"query": operation, "variables": variables}, token="sim-railway-account-token")
        if not answer or answer.get("errors"):
            problems.append(f"railway refuses {operation[:60]!r}: {answer and answer.get('errors')}")
        elif "deployments" in (answer.get("data") or {}):
            newest = answer["data"]["deployments"]["edges"][0]["node"]["id"]


# ---- running -----------------------------------------------------------------------------

def release(port):
    there, direct = f"http://127.0.0.1:{port}", "http://%s:%d" % Between.world
    subprocess.run(["git", "clone", "-q", f"{direct}/git/impulse.git", "clone"], check=True)
    done = subprocess.run(
        [PIPE, "run", os.path.join(ROOT, "pipelines/release-friday.lua"), "pull=12", f"--sim={there}",
         "--repo=" + os.path.abspath("clone"), "--state=" + os.path.abspath("runs"), "--yes"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        problems.append("the release failed:\n" + done.stdout + done.stderr)


def main():
    if not os.path.isdir(CONTRACTS):
        print("skipped: there are no descriptions of the vendors here (PIPE_CONTRACTS)")
        sys.exit(77)
    world = subprocess.Popen([PIPE, "sim", "up", "--json", "--state=" + os.path.abspath("state")],
                             stdout=subprocess.PIPE, text=True)
    head = ""
    while not head.endswith("}\n"):
        line = world.stdout.readline()
        if not line:
            sys.exit("the world does not come up")
        head += line
    Between.world = ("127.0.0.1", urllib.parse.urlsplit(json.loads(head)["url"]).port)
    between = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=between.serve_forever, daemon=True).start()
    try:
        more_calls(("127.0.0.1", between.server_port))
        release(between.server_port)
    finally:
        between.shutdown()
        world.terminate()
        world.wait()
    used = sum(len(j.used) for j in judges.values())
    print(f"{len(seen)} exchanges, {used} operations")
    for problem in problems:
        print("FAIL", problem)
    if used < 30:
        sys.exit(f"FAIL only {used} operations were looked at")
    sys.exit(1 if problems else 0)


main()
