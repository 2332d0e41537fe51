#!/usr/bin/env python3
"""What filot-smoke asks of AWS, for tests: ECS, CloudWatch Logs, and where credentials come from.

usage: aws_server.py REGION STATE-FILE       (its port is printed, then each call as SERVICE.ACTION)

POST / answers as AWS does (the answers are those of moto 5.2.5, without what nobody reads), but only to who has signed:
the signature is computed anew from what came over the wire.
GET /v2/credentials/task is a container's endpoint, /latest/ an instance's (IMDSv2).

STATE-FILE is JSON, read at each request: "groups" (names of log groups), "services" ({name: members}), "error"
({"service.Action": [exception, message]}), "role" (false: the instance has none), "container" (status of its endpoint).
"""

import datetime
import hashlib
import hmac
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sigv4 import canonical_request, signature

REGION, STATE = sys.argv[1:3]
# access key → secret, session token
KEYS = {
    "AKIAENVIRONMENT": ("environment/secret+key=", None),
    "ASIATEMPORARY": ("temporary-secret", "temporary/token=="),
    "ASIACONTAINER": ("container-secret", "container/token=="),
    "ASIAINSTANCE": ("instance-secret", "instance/token=="),
}
CONTAINER_TOKEN = "shown-by-the-container"
INSTANCE_TOKEN = "of-imds-v2"
SERVICES = {"AmazonEC2ContainerServiceV20141113": "ecs", "Logs_20140328": "logs"}


def refusal(method, path, headers, body, service):
    """Why AWS would refuse it: (exception, message), or None."""
    authorization = headers.get("Authorization", "")
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        return "MissingAuthenticationTokenException", "Missing Authentication Token"
    parts = dict(part.strip().split("=", 1) for part in authorization.split(" ", 1)[1].split(","))
    key, date, region, named, end = parts["Credential"].split("/")
    names = parts["SignedHeaders"].split(";")
    if key not in KEYS:
        return "UnrecognizedClientException", "The security token included in the request is invalid"
    secret, token = KEYS[key]
    if headers.get("X-Amz-Security-Token") != token:
        return "UnrecognizedClientException", "The security token included in the request is invalid"
    if (region, named, end) != (REGION, service, "aws4_request"):
        return "InvalidSignatureException", f"Credential should be scoped to a valid region and service, not {region}/{named}"
    time = headers.get("X-Amz-Date", "")
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        then = datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        return "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'"
    if time[:8] != date or abs((now - then).total_seconds()) > 300:
        return "InvalidSignatureException", f"Signature expired: {time}"
    wanted = {"host", "x-amz-date", "x-amz-target", "content-type"} | ({"x-amz-security-token"} if token else set())
    if names != sorted(names) or not wanted <= set(names):
        return "InvalidSignatureException", f"not all that must be signed is: {';'.join(names)}"
    canonical = canonical_request(method, path, "", headers, names, hashlib.sha256(body).hexdigest())
    if not hmac.compare_digest(signature(secret, canonical, time, f"{date}/{region}/{service}/aws4_request"), parts["Signature"]):
        return "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
    return None


def log_groups(state, asked):
    names = sorted(name for name in state["groups"] if name.startswith(asked["logGroupNamePrefix"]))
    return {"logGroups": [{"logGroupName": name, "creationTime": 1700000000000, "metricFilterCount": 0, "storedBytes": 0,
                           "arn": f"arn:aws:logs:{REGION}:123456789012:log-group:{name}:*"} for name in names[:asked["limit"]]]}


def services(state, asked):
    found, failures = [], []
    for name in asked["services"]:
        arn = f"arn:aws:ecs:{REGION}:123456789012:service/{asked['cluster']}/{name}"
        if name not in state["services"]:
            failures.append({"arn": arn, "reason": "MISSING"})
            continue
        service = {"serviceArn": arn, "serviceName": name, "status": "ACTIVE", "desiredCount": 2, "runningCount": 2,
                   "pendingCount": 0, "events": [{"id": "e", "createdAt": 1700000000.0,
                                                  "message": f"(service {name}) has reached a steady state."}],
                   "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED",
                                    "taskDefinition": f"arn:aws:ecs:{REGION}:123456789012:task-definition/{name}:1"}]}
        service.update(state["services"][name])
        found.append(service)
    return {"services": found, "failures": failures}


ACTIONS = {"logs.DescribeLogGroups": log_groups, "ecs.DescribeServices": services}


def credentials(key):
    secret, token = KEYS[key]
    return {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
            "Expiration": "2037-01-01T00:00:00Z"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/x-amz-json-1.1"):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def state(self):
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        prefix, _, action = self.headers.get("X-Amz-Target", "").partition(".")
        service = SERVICES.get(prefix, "")
        name = f"{service}.{action}"
        state = self.state()
        why = refusal("POST", self.path, self.headers, body, service) or state.get("error", {}).get(name)
        if why:
            self.answer(400, {"__type": f"com.amazonaws.{service}#{why[0]}", "message": why[1]})
        elif name in ACTIONS:
            self.answer(200, ACTIONS[name](state, json.loads(body)))
            print(name, flush=True)
        else:
            self.answer(400, {"__type": "UnknownOperationException"})

    def do_PUT(self):
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path == "/latest/api/token" and ttl.isdigit() and 1 <= int(ttl) <= 21600:
            self.answer(200, INSTANCE_TOKEN, "text/plain")
        else:
            self.answer(400, "", "text/plain")

    def do_GET(self):
        state = self.state()
        roles = "/latest/meta-data/iam/security-credentials/"
        if self.path == "/v2/credentials/task":
            shown = self.headers.get("Authorization") == CONTAINER_TOKEN
            status = state.get("container", 200 if shown else 401)
            self.answer(status, credentials("ASIACONTAINER") if status == 200 else {"code": "no"})
        elif self.headers.get("X-aws-ec2-metadata-token") != INSTANCE_TOKEN:
            self.answer(401, "", "text/plain")
        elif self.path == roles and state.get("role", True):
            self.answer(200, "filot role", "text/plain")
        elif self.path == roles + "filot%20role":
            self.answer(200, credentials("ASIAINSTANCE"))
        else:
            self.answer(404, "", "text/plain")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
