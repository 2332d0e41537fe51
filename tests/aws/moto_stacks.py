"""What moto's CloudFormation does not make: alarms, capacity providers and
their clusters, scanning and lifecycles of image repositories, the full names
of load balancers and target groups. Each resource's properties go to the
API's own call, whose model botocore checks them against."""

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.ecr.models import Repository
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup


parsing.DEFAULT_REGION = "ap-southeast-2"  # where Fn::GetAZs '' takes its zones from
MODULE = "tests.aws"  # moto files its models by their module's second name


def camel(value):
    """ECS' API writes as capacityProvider what CloudFormation writes as CapacityProvider."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: camel(item) for name, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


class Made:
    client = None  # main's, of this moto

    def __init__(self, physical_resource_id):
        self.physical_resource_id = physical_resource_id

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        return cls(cls.make(Made.client, cloudformation_json["Properties"]))


class Alarm(Made, CloudFormationModel):
    __module__ = MODULE

    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @staticmethod
    def make(client, properties):
        client("cloudwatch").put_metric_alarm(**properties)
        return properties["AlarmName"]


class CapacityProvider(Made, CloudFormationModel):
    __module__ = MODULE

    @staticmethod
    def cloudformation_type():
        return "AWS::ECS::CapacityProvider"

    @staticmethod
    def make(client, properties):
        properties = camel(properties)
        groups = client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[properties["autoScalingGroupProvider"]["autoScalingGroupArn"]])["AutoScalingGroups"]
        properties["autoScalingGroupProvider"]["autoScalingGroupArn"] = groups[0]["AutoScalingGroupARN"]
        client("ecs").create_capacity_provider(**properties)
        return properties["name"]


class Associations(Made, CloudFormationModel):
    __module__ = MODULE

    @staticmethod
    def cloudformation_type():
        return "AWS::ECS::ClusterCapacityProviderAssociations"

    @staticmethod
    def make(client, properties):
        client("ecs").put_cluster_capacity_providers(**camel(properties))
        return properties["Cluster"]


def load_balancer_attribute(self, name):
    return self.arn.partition(":loadbalancer/")[2] if name == "LoadBalancerFullName" else plain_attribute(self, name)


plain_attribute = FakeLoadBalancer.get_cfn_attribute
FakeLoadBalancer.get_cfn_attribute = load_balancer_attribute
FakeTargetGroup.get_cfn_attribute = lambda self, _name: self.arn.rpartition(":")[2]  # TargetGroupFullName


def repository(resource_name, cloudformation_json, *place, **known):
    made, told, ecr = plain_repository(resource_name, cloudformation_json, *place, **known), cloudformation_json["Properties"], Made.client("ecr")
    name = told["RepositoryName"]
    ecr.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=camel(told["ImageScanningConfiguration"]))
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=told["LifecyclePolicy"]["LifecyclePolicyText"])
    return made


plain_repository = Repository.create_from_cloudformation_json
Repository.create_from_cloudformation_json = repository
