#!/usr/bin/env python3
"""AWS for tests: moto behind a small layer that does what moto does not.

usage: moto_server.py PORT CONTROL-DIR

The layer plays ECS' rollouts (moto never changes a service's deployments)
and, as the files in CONTROL-DIR say, faults:

  bad               lines FAMILY:REVISION; a rollout of one of them fails
  mode              circuit: ECS goes back by itself; failed: it does not;
                    stuck: it stays in progress
  exit_code         a task that was run ends with that code
  denied            every call is refused as with an expired token
  cut               connections are closed without an answer

POST /filot/account empties the account and fills it with what a deployment
rests on; the answer is NAME=value lines of the settings for it.

A file that is not there is a fault that is not. Each call is noted as a line
SERVICE.ACTION in CONTROL-DIR/calls. README.md says where moto falls short.
"""

import io
import json
import os
import socket
import sys
import time
import urllib.parse
import urllib.request

import boto3
from moto.ecs.models import EC2ContainerServiceBackend
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


# Fargate places by the task's size; moto adds up containers' sizes, which need not be given.
EC2ContainerServiceBackend._calculate_task_resource_requirements = lambda _self, _task: {
    "CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}

SERVICE_SETTINGS = ("deploymentConfiguration", "networkConfiguration", "healthCheckGracePeriodSeconds")


class Aws:
    def __init__(self, control):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.control = control
        self.settings = {}  # service → what moto forgets of it
        self.rollouts = {}  # service → {"id", "now", "before", "good", "looks"}

    def file(self, name):
        try:
            with open(os.path.join(self.control, name), encoding="utf-8") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None

    def __call__(self, environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"] == "/filot/account":
            self.rollouts.clear()
            self.settings.clear()
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [account(environ["HTTP_HOST"], json.loads(body)).encode()]
        action = action_of(environ, body)
        with open(os.path.join(self.control, "calls"), "a", encoding="utf-8") as calls:
            calls.write(action + "\n")
        if self.file("cut") is not None:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            start_response("200 OK", [])  # to nobody
            return []
        if self.file("denied") is not None:
            return refuse(environ, start_response, body)
        status, headers, answer = self.ask(environ)
        if action.startswith("AmazonEC2ContainerServiceV20141113.") and status.startswith("200"):
            answer = self.ecs(action.split(".")[1], json.loads(body), json.loads(answer))
            headers = [(n, v) for n, v in headers if n.lower() != "content-length"]
        start_response(status, headers)
        return [answer]

    def ask(self, environ):
        kept = {}

        def start(status, headers, _exception=None):
            kept.update(status=status, headers=headers)

        answer = b"".join(self.moto(environ, start))
        return kept["status"], kept["headers"], answer

    def ecs(self, action, asked, answer):
        if action in ("CreateService", "UpdateService"):
            name = answer["service"]["serviceName"]
            kept = self.settings.setdefault(name, {})
            kept.update({key: asked[key] for key in SERVICE_SETTINGS if key in asked})
            self.roll_out(answer["service"])
            answer["service"] = self.service(answer["service"], looked=False)
        elif action == "DescribeServices":
            answer["services"] = [self.service(service, looked=True) for service in answer["services"]]
        elif action == "ListTasks" and asked.get("desiredStatus") == "STOPPED":
            answer["taskArns"] = ["arn:aws:ecs:ap-southeast-2:123456789012:task/c/" + "f" * 32] if self.file("bad") else []
        elif action == "DescribeTasks":
            answer = self.tasks(asked, answer)
        return json.dumps(answer).encode()

    def roll_out(self, service):
        name, wanted = service["serviceName"], short(service["taskDefinition"])
        last = self.rollouts.get(name)
        if last and last["now"] == wanted:
            return
        self.rollouts[name] = {
            "id": f"ecs-svc/{len(self.rollouts)}{int(time.time() * 1000)}",
            "now": wanted, "before": last and last["good"], "good": last and last["good"], "looks": 0,
        }

    def service(self, service, looked):
        """The service with its deployments, one look later."""
        rollout = self.rollouts.get(service["serviceName"])
        if rollout is None:
            return service
        service.update(self.settings[service["serviceName"]])
        rollout["looks"] += looked
        prefix = service["taskDefinition"].rpartition("/")[0] if "/" in service["taskDefinition"] else "arn:aws:ecs:ap-southeast-2:123456789012:task-definition"
        desired = service["desiredCount"]
        state, reason, running = "IN_PROGRESS", "in progress", rollout["looks"] and desired - 1
        bad = rollout["now"] in (self.file("bad") or "").split()
        mode = self.file("mode") or "circuit"
        if bad:
            running = 0
            if rollout["looks"] >= 2 and mode != "stuck":
                state, reason = "FAILED", "tasks failed to start"
                if mode == "circuit" and rollout["before"]:
                    rollout.update(now=rollout["before"], looks=0)
                    state, reason = "IN_PROGRESS", "rolling back"
        elif rollout["looks"] >= 2:
            state, reason, running = "COMPLETED", "completed", desired
            rollout["good"] = rollout["now"]
        service["taskDefinition"] = f"{prefix}/{rollout['now']}"
        service["runningCount"], service["pendingCount"] = running, desired - running
        service["deployments"] = [{
            "id": rollout["id"], "status": "PRIMARY", "taskDefinition": service["taskDefinition"], "desiredCount": desired,
            "pendingCount": desired - running, "runningCount": running, "failedTasks": 2 if bad else 0,
            "rolloutState": state, "rolloutStateReason": reason, "createdAt": 1700000000.0, "updatedAt": 1700000000.0,
        }]
        service["events"] = [{"id": "e", "createdAt": 1800000000.0 + rollout["looks"], "message": f"(service {service['serviceName']}) {reason}"}]
        return service

    def tasks(self, asked, answer):
        """Tasks as ECS shows stopped ones: with exit codes and reasons."""
        if asked["tasks"][0].endswith("f" * 32):
            bad = self.file("bad").split()[0]
            answer["tasks"] = [{
                "taskArn": asked["tasks"][0], "taskDefinitionArn": f"arn:aws:ecs:ap-southeast-2:123456789012:task-definition/{bad}",
                "lastStatus": "STOPPED", "stoppedReason": "Essential container in task exited",
                "containers": [{"name": "filot-backend", "exitCode": 78, "lastStatus": "STOPPED"}],
            }]
            answer["failures"] = []
            return answer
        for task in answer["tasks"]:
            code = int(self.file("exit_code") or 0)
            task.update(lastStatus="STOPPED", stoppedReason="Essential container in task exited")
            task["containers"] = [{"name": "ops", "exitCode": code, "lastStatus": "STOPPED"}]
        return answer


def account(host, secrets):
    """An empty account with network, clusters, roles, logs and the secrets."""
    urllib.request.urlopen(urllib.request.Request(f"http://{host}/moto-api/reset", method="POST")).read()

    def client(name):
        return boto3.client(name, endpoint_url=f"http://{host}", region_name="ap-southeast-2",
                            aws_access_key_id="test", aws_secret_access_key="test")

    ec2, ecs, iam, logs = client("ec2"), client("ecs"), client("iam"), client("logs")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    target = client("elbv2").create_target_group(Name="filot-backend", Protocol="HTTP", Port=8080, TargetType="ip",
                                                 VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    for name in ("filot-backend-cluster", "filot-ocr-gpu-cluster"):
        ecs.create_cluster(clusterName=name)
    for name in ("ecsTaskExecutionRole", "filot-backend-task-role", "filot-ocr-gpu-task-role"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    for name in ("filot-backend", "filot-ops", "filot-ocr-gpu-worker"):
        logs.create_log_group(logGroupName=f"/ecs/{name}")
    manager = client("secretsmanager")
    for name in secrets:
        manager.create_secret(Name=name, SecretString="x")
    return "\n".join([
        f"SUBNETS={','.join(subnets)}", f"BACKEND_SECURITY_GROUPS={group}", f"OCR_GPU_SECURITY_GROUPS={group}",
        f"BACKEND_TARGET_GROUP_ARN={target['TargetGroups'][0]['TargetGroupArn']}",
        "BACKEND_RESOURCE_LABEL=app/a/1/targetgroup/b/2", ""])


def short(name):
    return name.rpartition("/")[2]


def action_of(environ, body):
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return target
    action = urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("Action")
    return action[0] if action else f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def refuse(environ, start_response, body):
    """As AWS answers when a session's token is over."""
    if environ.get("HTTP_X_AMZ_TARGET"):
        kind, answer = "application/x-amz-json-1.1", json.dumps({"__type": "ExpiredTokenException", "message": "The security token included in the request is expired"})
    else:
        kind = "text/xml"
        answer = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>"
    start_response("403 FORBIDDEN", [("Content-Type", kind)])
    return [answer.encode()]


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), Aws(sys.argv[2]), threaded=True).serve_forever()
