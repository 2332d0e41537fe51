#!/usr/bin/env python3
"""AWS for tests: moto behind a small layer that does what moto does not.

usage: moto_server.py PORT CONTROL-DIR SECRETS-FILE SETTINGS-FILE

Starts with an account that has what a deployment rests on, with the secrets
that SECRETS-FILE names (a JSON list), and writes the settings for it to
SETTINGS-FILE as NAME=value lines.

POST /filot/again brings the account back to what it was at the start, or
when POST /filot/keep was last asked for: each generation of the account is
a fork, which costs a test milliseconds instead of a second.

The layer plays ECS' rollouts (moto never changes a service's deployments)
and, as the files in CONTROL-DIR say, faults:

  bad               lines FAMILY:REVISION; a rollout of one of them fails
  mode              circuit: ECS goes back by itself; failed: it does not;
                    stuck: it stays in progress; unplaced: no instance has
                    room for its tasks
  exit_code         a task that was run ends with that code
  denied            every call is refused as with an expired token
  cut               connections are closed without an answer
  wrong             an answer breaks the API's model

A file that is not there is a fault that is not. Each call is noted as a line
SERVICE.ACTION in CONTROL-DIR/calls, and what the layer's answers have that
the service's model does not allow in CONTROL-DIR/contract. README.md says
where moto falls short.
"""

import ctypes
import io
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
import urllib.parse

import boto3
import botocore.session
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import contract
import moto_stacks

REGION = "ap-southeast-2"
# Fargate places by the task's size; moto adds up containers' sizes, which need not be given.
EC2ContainerServiceBackend._calculate_task_resource_requirements = lambda _self, _task: {
    "CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
# A VPC with names of its own has them for tasks, too; moto forgets it.
NetworkInterface.private_dns_name = ""

SERVICE_SETTINGS = ("deploymentConfiguration", "networkConfiguration", "healthCheckGracePeriodSeconds")


class Aws:
    def __init__(self, control):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.model = botocore.session.get_session().get_service_model("ecs")
        self.control = control
        self.server = self.end = self.asker = None
        self.settings = {}  # service → what moto forgets of it
        self.rollouts = {}  # service → {"id", "now", "before", "good", "looks"}

    def serve(self, server):
        """Until the generation's end is asked for: "again" or "keep"."""
        self.server, self.end = server, None
        socketserver.BaseServer.serve_forever(server, 0.01)
        self.asker.join()
        return self.end

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
        if environ["PATH_INFO"] in ("/filot/keep", "/filot/again"):
            self.end = environ["PATH_INFO"].rpartition("/")[2]
            self.asker = threading.current_thread()
            self.server.shutdown()  # whoever comes now waits for the next generation
            start_response("200 OK", [("Connection", "close")])
            return []
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
            answer["taskArns"] = [self.stopped_arn()] if self.file("bad") and self.file("mode") != "unplaced" else []
        elif action == "DescribeTasks":
            answer = self.tasks(asked, answer)
        else:
            return json.dumps(answer).encode()
        if self.file("wrong") is not None:
            answer["services"][0]["deployments"][0]["rolloutState"] = "DONE"
        shape = self.model.operation_model(action).output_shape
        with open(os.path.join(self.control, "contract"), "a", encoding="utf-8") as file:
            file.writelines(f"the layer: {line}\n" for line in contract.violations(shape, answer, action))
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
        desired = service["desiredCount"]
        state, reason, running = "IN_PROGRESS", "in progress", rollout["looks"] and desired - 1
        bad = rollout["now"] in (self.file("bad") or "").split()
        mode = self.file("mode") or "circuit"
        if bad:
            running = 0
            if mode == "unplaced":
                reason = "was unable to place a task because no container instance met all of its requirements."
            elif rollout["looks"] >= 2 and mode != "stuck":
                state, reason = "FAILED", "tasks failed to start"
                if mode == "circuit" and rollout["before"]:
                    rollout.update(now=rollout["before"], looks=0)
                    state, reason = "IN_PROGRESS", "rolling back"
        elif rollout["looks"] >= 2:
            state, reason, running = "COMPLETED", "completed", desired
            rollout["good"] = rollout["now"]
        service["taskDefinition"] = arn(f"task-definition/{rollout['now']}")
        service["runningCount"], service["pendingCount"] = running, desired - running
        service["deployments"] = [{
            "id": rollout["id"], "status": "PRIMARY", "taskDefinition": service["taskDefinition"], "desiredCount": desired,
            "pendingCount": desired - running, "runningCount": running, "failedTasks": 2 if bad and mode != "unplaced" else 0,
            "rolloutState": state, "rolloutStateReason": reason, "createdAt": 1700000000.0, "updatedAt": 1700000000.0,
        }]
        service["events"] = [{"id": "e", "createdAt": 1800000000.0 + rollout["looks"], "message": f"(service {service['serviceName']}) {reason}"}]
        return service

    @staticmethod
    def stopped_arn():
        return arn("task/cluster/" + "f" * 32)

    def tasks(self, asked, answer):
        """Tasks as ECS shows stopped ones: with exit codes and reasons."""
        if asked["tasks"] == [self.stopped_arn()]:
            bad = self.file("bad").split()[0]
            containers = ecs_backends[DEFAULT_ACCOUNT_ID][REGION].describe_task_definition(bad).container_definitions
            return {"failures": [], "tasks": [{
                "taskArn": self.stopped_arn(), "taskDefinitionArn": arn(f"task-definition/{bad}"),
                "lastStatus": "STOPPED", "stoppedReason": "Essential container in task exited",
                "containers": [{"name": containers[0]["name"], "exitCode": 78, "lastStatus": "STOPPED"}],
            }]}
        for task in answer["tasks"]:
            code = int(self.file("exit_code") or 0)
            task.update(lastStatus="STOPPED", stoppedReason="Essential container in task exited")
            task["containers"] = [{"name": "ops", "exitCode": code, "lastStatus": "STOPPED"}]
        return answer


def arn(rest):
    return f"arn:aws:ecs:{REGION}:{DEFAULT_ACCOUNT_ID}:{rest}"


def account(client, secrets):
    """An account with network, clusters, GPU capacity, roles, logs and the secrets; its settings."""
    ec2, ecs, iam, logs, scaling = client("ec2"), client("ecs"), client("iam"), client("logs"), client("autoscaling")
    found = ec2.describe_subnets()["Subnets"]
    subnets = [subnet["SubnetId"] for subnet in found]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    target = client("elbv2").create_target_group(Name="filot-backend", Protocol="HTTP", Port=8080, TargetType="ip",
                                                 VpcId=found[0]["VpcId"])
    ec2.create_launch_template(LaunchTemplateName="gpu", LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "g5.xlarge"})
    scaling.create_auto_scaling_group(AutoScalingGroupName="filot-ocr-gpu-asg", MinSize=0, MaxSize=4, VPCZoneIdentifier=",".join(subnets),
                                      LaunchTemplate={"LaunchTemplateName": "gpu"}, NewInstancesProtectedFromScaleIn=True)
    ecs.create_capacity_provider(name="filot-ocr-gpu-capacity", autoScalingGroupProvider={
        "autoScalingGroupArn": scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"]})
    for name in ("filot-backend-cluster", "filot-ocr-gpu-cluster"):
        ecs.create_cluster(clusterName=name)
    for name in ("ecsTaskExecutionRole", "filot-backend-task-role", "filot-ocr-gpu-task-role"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    for name in ("filot-backend", "filot-ops", "filot-ocr-gpu-worker"):
        logs.create_log_group(logGroupName=f"/ecs/{name}")
    manager = client("secretsmanager")
    for name in secrets:
        manager.create_secret(Name=name, SecretString="x")
    return {
        "SUBNETS": ",".join(subnets), "BACKEND_SECURITY_GROUPS": group, "OCR_GPU_SECURITY_GROUPS": group,
        "BACKEND_TARGET_GROUP_ARN": target["TargetGroups"][0]["TargetGroupArn"], "BACKEND_RESOURCE_LABEL": "app/a/1/targetgroup/b/2",
    }


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


def generations(serve):
    """Serve in a fork until "again"; a fork that is to be kept becomes the parent of the next ones."""
    while True:
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no longer than its parent
            if serve() == "again":
                os._exit(0)
        elif os.waitpid(child, 0)[1] != 0:
            sys.exit("a generation of the account ended by itself")


def main(port, control, secrets, settings):
    aws = Aws(control)

    def client(name):
        return boto3.client(name, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION,
                            aws_access_key_id="test", aws_secret_access_key="test")

    moto_stacks.Made.client = client
    server = make_server("127.0.0.1", int(port), aws, threaded=True)
    filling = threading.Thread(target=socketserver.BaseServer.serve_forever, args=(server, 0.01))
    filling.start()
    with open(secrets, encoding="utf-8") as file:
        values = account(client, json.load(file))
    server.shutdown()
    filling.join()
    with open(settings + ".new", "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    os.rename(settings + ".new", settings)
    generations(lambda: aws.serve(server))


if __name__ == "__main__":
    main(*sys.argv[1:])
