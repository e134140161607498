"""What is there before each call, and the call: one row for each operation that is held to a cloud.

A row is a list of steps and, last, the call that is predicted. A step is service, operation, parameters
and names for parts of its answer, which later parameters write in braces.
"""

import json

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}'
WIDER = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}'
TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
OTHER_TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
MANAGED = "arn:aws:iam::aws:policy/ReadOnlyAccess"
SEEN = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
SCHEDULED = {"Arn": "arn:aws:sqs:eu-central-1:111122223333:q", "RoleArn": "arn:aws:iam::111122223333:role/scheduler", "Input": "{}"}
EMPTY_ZIP = b"PK\x05\x06" + b"\0" * 18
TEMPLATE = '{"Parameters":{"Level":{"Type":"String","Default":"a"}},"Resources":{"Q":{"Type":"AWS::SQS::Queue"}}}'


def row(*steps):
    return list(steps)


# What several rows begin with. `{n}` is another name in each row.
def vpc(*more):
    return [("ec2", "CreateVpc", {"CidrBlock": "10.1.0.0/16"}, {"vpc": "Vpc.VpcId"}), *more]


def subnet(*more):
    step = ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.1.0/24"}, {"subnet": "Subnet.SubnetId"})
    return vpc(step, *more)


def group(*more):
    step = ("ec2", "CreateSecurityGroup", {"GroupName": "{n}", "Description": "d", "VpcId": "{vpc}"}, {"group": "GroupId"})
    return vpc(step, *more)


def instance(*more):
    run = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro"}
    return [("ec2", "RunInstances", run, {"instance": "Instances.0.InstanceId"}), *more]


def volume(*more):
    make = {"AvailabilityZone": "eu-central-1a", "Size": 8}
    return [("ec2", "CreateVolume", make, {"volume": "VolumeId"}), *more]


def table(*more):
    make = {
        "TableName": "{n}", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    return [("dynamodb", "CreateTable", make, {"table": "TableDescription.TableArn"}), *more]


def role(*more):
    return [("iam", "CreateRole", {"RoleName": "{n}", "AssumeRolePolicyDocument": TRUST, "Description": "old"}, {"role": "Role.Arn"}), *more]


def user(*more):
    return [("iam", "CreateUser", {"UserName": "{n}"}, {}), *more]


def function(*more):
    make = {
        "FunctionName": "{n}", "Runtime": "python3.12", "Handler": "a.b", "Role": "{role}", "MemorySize": 128,
        "Timeout": 3, "Code": {"ZipFile": EMPTY_ZIP}, "Environment": {"Variables": {"LEVEL": "info", "DB_PASSWORD": "hunter2"}},
    }
    return role(("lambda", "CreateFunction", make, {}), *more)


def version(*more):
    return function(
        ("lambda", "PublishVersion", {"FunctionName": "{n}"}, {}),
        ("lambda", "CreateAlias", {"FunctionName": "{n}", "Name": "live", "FunctionVersion": "$LATEST"}, {}),
        *more,
    )


def key(*more):
    return [("kms", "CreateKey", {"Description": "old"}, {"key": "KeyMetadata.KeyId"}), *more]


def bucket(*more):
    place = {"LocationConstraint": "eu-central-1"}
    return [("s3", "CreateBucket", {"Bucket": "{n}", "CreateBucketConfiguration": place}, {}), *more]


def database(*more):
    make = {
        "DBInstanceIdentifier": "{n}", "DBInstanceClass": "db.t3.micro", "Engine": "mysql", "AllocatedStorage": 20,
        "MasterUsername": "root", "MasterUserPassword": "hunter22", "BackupRetentionPeriod": 1,
        "Tags": [{"Key": "team", "Value": "billing"}],
    }
    return [("rds", "CreateDBInstance", make, {}), *more]


def cluster(*more):
    make = {"DBClusterIdentifier": "{n}", "Engine": "aurora-mysql", "MasterUsername": "root", "MasterUserPassword": "hunter22"}
    return [("rds", "CreateDBCluster", make, {}), *more]


def scaling(*more):
    template = {"LaunchTemplateName": "{n}", "LaunchTemplateData": {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}}
    make = {
        "AutoScalingGroupName": "{n}", "MinSize": 0, "MaxSize": 4, "DesiredCapacity": 1,
        "LaunchTemplate": {"LaunchTemplateName": "{n}"}, "AvailabilityZones": ["eu-central-1a"],
    }
    return [("ec2", "CreateLaunchTemplate", template, {}), ("autoscaling", "CreateAutoScalingGroup", make, {}), *more]


def targets(*more):
    make = {"Name": "{n}", "Protocol": "HTTP", "Port": 80, "VpcId": "{vpc}", "HealthCheckPath": "/old"}
    return vpc(("elbv2", "CreateTargetGroup", make, {"targets": "TargetGroups.0.TargetGroupArn"}), *more)


def balancer(*more):
    make = {"Name": "{n}", "Subnets": ["{subnet}"], "Scheme": "internal", "Type": "network"}
    return subnet(("elbv2", "CreateLoadBalancer", make, {"balancer": "LoadBalancers.0.LoadBalancerArn"}), *more)


def listener(*more):
    make = {
        "LoadBalancerArn": "{balancer}", "Protocol": "TCP", "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": "{targets}"}],
    }
    group = {"Name": "{n}", "Protocol": "TCP", "Port": 80, "VpcId": "{vpc}"}
    return balancer(
        ("elbv2", "CreateTargetGroup", group, {"targets": "TargetGroups.0.TargetGroupArn"}),
        ("elbv2", "CreateListener", make, {"listener": "Listeners.0.ListenerArn"}),
        *more,
    )


def alarm(*more):
    make = {
        "AlarmName": "{n}", "MetricName": "M", "Namespace": "N", "Statistic": "Sum", "Period": 60, "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
    }
    return [("cloudwatch", "PutMetricAlarm", make, {}), *more]


def logs(*more):
    return [("logs", "CreateLogGroup", {"logGroupName": "{n}"}, {}), ("logs", "PutRetentionPolicy", {"logGroupName": "{n}", "retentionInDays": 30}, {}), *more]


def queue(*more):
    return [("sqs", "CreateQueue", {"QueueName": "{n}", "Attributes": {"VisibilityTimeout": "30"}}, {"queue": "QueueUrl"}), *more]


def topic(*more):
    return [("sns", "CreateTopic", {"Name": "{n}", "Attributes": {"DisplayName": "old"}}, {"topic": "TopicArn"}), *more]


def secret(*more):
    return [("secretsmanager", "CreateSecret", {"Name": "{n}", "SecretString": "hunter2", "Description": "old"}, {}), *more]


def parameter(*more):
    return [("ssm", "PutParameter", {"Name": "{n}", "Type": "String", "Value": "a", "Description": "old"}, {}), *more]


def stack(*more):
    make = {"StackName": "{n}", "TemplateBody": TEMPLATE, "Parameters": [{"ParameterKey": "Level", "ParameterValue": "a"}]}
    return [("cloudformation", "CreateStack", make, {}), *more]


def zone(*more):
    return [("route53", "CreateHostedZone", {"Name": "{n}.example.", "CallerReference": "{n}"}, {"zone": "HostedZone.Id"}), *more]


def service(*more):
    task = {"family": "{n}", "containerDefinitions": [{"name": "a", "image": "a", "memory": 64}]}
    make = {"cluster": "{n}", "serviceName": "{n}", "taskDefinition": "{n}", "desiredCount": 1}
    return [
        ("ecs", "CreateCluster", {"clusterName": "{n}"}, {}),
        ("ecs", "RegisterTaskDefinition", task, {}),
        ("ecs", "CreateService", make, {}),
        *more,
    ]


PERMISSION = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
EGRESS = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
PUBLIC = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
LIFECYCLE = {"Bucket": "{n}", "LifecycleConfiguration": {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}]}}
RECORD = {"Name": "www.{n}.example.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}

def replication(name):
    rule = {"ID": name, "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": name}, "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": "arn:aws:s3:::{n}-b"}}
    return {"Role": "arn:aws:iam::{account}:role/r", "Rules": [rule]}


def images(priority, count):
    rule = {"rulePriority": priority, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}, "action": {"type": "expire"}}
    return json.dumps({"rules": [rule]})


def refuses(name):
    return {"Name": name, "Priority": 1, "Statement": {"GeoMatchStatement": {"CountryCodes": ["AQ"]}}, "Action": {"Block": {}}, "VisibilityConfig": SEEN}


def lifecycle(name, days):
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": name}, "Transitions": [{"Days": days, "StorageClass": "GLACIER"}]}


def cors(method, origin):
    return {"AllowedMethods": [method], "AllowedOrigins": [origin]}


def notifies(name):
    return {"QueueConfigurations": [{"Id": name, "QueueArn": "arn:aws:sqs:eu-central-1:{account}:{n}", "Events": ["s3:ObjectCreated:*"]}]}


ROWS = [
    # Auto Scaling
    scaling(("autoscaling", "UpdateAutoScalingGroup", {"AutoScalingGroupName": "{n}", "MaxSize": 6})),
    scaling(("autoscaling", "SetDesiredCapacity", {"AutoScalingGroupName": "{n}", "DesiredCapacity": 2})),
    scaling(("autoscaling", "SuspendProcesses", {"AutoScalingGroupName": "{n}", "ScalingProcesses": ["Launch"]})),
    scaling(
        ("autoscaling", "SuspendProcesses", {"AutoScalingGroupName": "{n}", "ScalingProcesses": ["Launch", "Terminate"]}, {}),
        ("autoscaling", "ResumeProcesses", {"AutoScalingGroupName": "{n}", "ScalingProcesses": ["Launch"]}),
    ),
    scaling(("autoscaling", "DeleteAutoScalingGroup", {"AutoScalingGroupName": "{n}", "ForceDelete": True})),
    # CloudFormation
    stack(("cloudformation", "UpdateStack", {"StackName": "{n}", "TemplateBody": TEMPLATE, "Parameters": [{"ParameterKey": "Level", "ParameterValue": "b"}]})),
    stack(("cloudformation", "DeleteStack", {"StackName": "{n}"})),
    # CloudWatch
    alarm(("cloudwatch", "PutMetricAlarm", {
        "AlarmName": "{n}", "MetricName": "M", "Namespace": "N", "Statistic": "Sum", "Period": 300, "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 2, "AlarmDescription": "new",
    })),
    alarm(("cloudwatch", "DisableAlarmActions", {"AlarmNames": ["{n}"]})),
    alarm(
        ("cloudwatch", "DisableAlarmActions", {"AlarmNames": ["{n}"]}, {}),
        ("cloudwatch", "EnableAlarmActions", {"AlarmNames": ["{n}"]}),
    ),
    alarm(("cloudwatch", "SetAlarmState", {"AlarmName": "{n}", "StateValue": "ALARM", "StateReason": "drill"})),
    alarm(("cloudwatch", "DeleteAlarms", {"AlarmNames": ["{n}"]})),
    # DynamoDB
    [("dynamodb", "CreateTable", table()[0][2])],
    table(("dynamodb", "UpdateTable", {"TableName": "{n}", "DeletionProtectionEnabled": True})),
    table(("dynamodb", "UpdateTimeToLive", {"TableName": "{n}", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires"}})),
    table(("dynamodb", "UpdateContinuousBackups", {"TableName": "{n}", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})),
    table(("dynamodb", "TagResource", {"ResourceArn": "{table}", "Tags": [{"Key": "team", "Value": "billing"}]})),
    table(
        ("dynamodb", "TagResource", {"ResourceArn": "{table}", "Tags": [{"Key": "team", "Value": "billing"}]}, {}),
        ("dynamodb", "UntagResource", {"ResourceArn": "{table}", "TagKeys": ["team"]}),
    ),
    table(("dynamodb", "DeleteTable", {"TableName": "{n}"})),
    # EC2
    instance(("ec2", "StopInstances", {"InstanceIds": ["{instance}"]})),
    instance(
        ("ec2", "StopInstances", {"InstanceIds": ["{instance}"]}, {}),
        ("ec2", "StartInstances", {"InstanceIds": ["{instance}"]}),
    ),
    instance(("ec2", "RebootInstances", {"InstanceIds": ["{instance}"]})),
    instance(("ec2", "TerminateInstances", {"InstanceIds": ["{instance}"]})),
    instance(
        ("ec2", "StopInstances", {"InstanceIds": ["{instance}"]}, {}),
        ("ec2", "ModifyInstanceAttribute", {"InstanceId": "{instance}", "InstanceType": {"Value": "t3.large"}}),
    ),
    group(("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "{group}", "IpPermissions": PERMISSION})),
    group(
        ("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": "{group}", "IpPermissions": PERMISSION}, {}),
        ("ec2", "RevokeSecurityGroupIngress", {"GroupId": "{group}", "IpPermissions": PERMISSION}),
    ),
    group(("ec2", "AuthorizeSecurityGroupEgress", {"GroupId": "{group}", "IpPermissions": PERMISSION})),
    group(("ec2", "RevokeSecurityGroupEgress", {"GroupId": "{group}", "IpPermissions": EGRESS})),
    group(("ec2", "DeleteSecurityGroup", {"GroupId": "{group}"})),
    vpc(("ec2", "CreateSecurityGroup", {"GroupName": "{n}", "Description": "new", "VpcId": "{vpc}"})),
    vpc(("ec2", "CreateTags", {"Resources": ["{vpc}"], "Tags": [{"Key": "team", "Value": "billing"}]})),
    vpc(
        ("ec2", "CreateTags", {"Resources": ["{vpc}"], "Tags": [{"Key": "team", "Value": "billing"}]}, {}),
        ("ec2", "DeleteTags", {"Resources": ["{vpc}"], "Tags": [{"Key": "team"}]}),
    ),
    subnet(("ec2", "ModifySubnetAttribute", {"SubnetId": "{subnet}", "MapPublicIpOnLaunch": {"Value": True}})),
    vpc(("ec2", "ModifyVpcAttribute", {"VpcId": "{vpc}", "EnableDnsHostnames": {"Value": True}})),
    subnet(("ec2", "DeleteSubnet", {"SubnetId": "{subnet}"})),
    vpc(("ec2", "DeleteVpc", {"VpcId": "{vpc}"})),
    volume(("ec2", "DeleteVolume", {"VolumeId": "{volume}"})),
    volume(
        ("ec2", "CreateSnapshot", {"VolumeId": "{volume}"}, {"snapshot": "SnapshotId"}),
        ("ec2", "DeleteSnapshot", {"SnapshotId": "{snapshot}"}),
    ),
    volume(*instance(("ec2", "AttachVolume", {"VolumeId": "{volume}", "InstanceId": "{instance}", "Device": "/dev/sdh"}))),
    volume(*instance(
        ("ec2", "AttachVolume", {"VolumeId": "{volume}", "InstanceId": "{instance}", "Device": "/dev/sdh"}, {}),
        ("ec2", "DetachVolume", {"VolumeId": "{volume}", "InstanceId": "{instance}", "Device": "/dev/sdh"}),
    )),
    row(
        ("ec2", "AllocateAddress", {"Domain": "vpc"}, {"address": "AllocationId"}),
        ("ec2", "ReleaseAddress", {"AllocationId": "{address}"}),
    ),
    row(("ec2", "CreateKeyPair", {"KeyName": "{n}"}, {}), ("ec2", "DeleteKeyPair", {"KeyName": "{n}"})),
    # ECS
    service(("ecs", "UpdateService", {"cluster": "{n}", "service": "{n}", "desiredCount": 3})),
    service(("ecs", "DeleteService", {"cluster": "{n}", "service": "{n}", "force": True})),
    row(("ecs", "CreateCluster", {"clusterName": "{n}"})),
    row(("ecs", "CreateCluster", {"clusterName": "{n}"}, {}), ("ecs", "DeleteCluster", {"cluster": "{n}"})),
    row(
        ("ecs", "RegisterTaskDefinition", {"family": "{n}", "containerDefinitions": [{"name": "a", "image": "a", "memory": 64}]}, {}),
        ("ecs", "DeregisterTaskDefinition", {"taskDefinition": "{n}:1"}),
    ),
    # Elastic Beanstalk
    row(("elasticbeanstalk", "CreateApplication", {"ApplicationName": "{n}", "Description": "old"}, {}), ("elasticbeanstalk", "DeleteApplication", {"ApplicationName": "{n}"})),
    row(
        ("elasticbeanstalk", "CreateApplication", {"ApplicationName": "{n}"}, {}),
        ("elasticbeanstalk", "CreateEnvironment", {"ApplicationName": "{n}", "EnvironmentName": "{n}"}, {"environment": "EnvironmentArn"}),
        ("elasticbeanstalk", "UpdateTagsForResource", {"ResourceArn": "{environment}", "TagsToAdd": [{"Key": "team", "Value": "billing"}]}),
    ),
    # Elastic Load Balancing
    balancer(("elbv2", "ModifyLoadBalancerAttributes", {"LoadBalancerArn": "{balancer}", "Attributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]})),
    listener(("elbv2", "ModifyListener", {"ListenerArn": "{listener}", "Port": 81})),
    listener(("elbv2", "DeleteListener", {"ListenerArn": "{listener}"})),
    balancer(("elbv2", "DeleteLoadBalancer", {"LoadBalancerArn": "{balancer}"})),
    targets(("elbv2", "ModifyTargetGroup", {"TargetGroupArn": "{targets}", "HealthCheckPath": "/new", "HealthCheckIntervalSeconds": 10})),
    targets(("elbv2", "DeleteTargetGroup", {"TargetGroupArn": "{targets}"})),
    instance(*targets(("elbv2", "RegisterTargets", {"TargetGroupArn": "{targets}", "Targets": [{"Id": "{instance}"}]}))),
    instance(*targets(
        ("elbv2", "RegisterTargets", {"TargetGroupArn": "{targets}", "Targets": [{"Id": "{instance}"}]}, {}),
        ("elbv2", "DeregisterTargets", {"TargetGroupArn": "{targets}", "Targets": [{"Id": "{instance}"}]}),
    )),
    # IAM
    role(("iam", "AttachRolePolicy", {"RoleName": "{n}", "PolicyArn": "{policy}"})),
    role(
        ("iam", "AttachRolePolicy", {"RoleName": "{n}", "PolicyArn": "{policy}"}, {}),
        ("iam", "DetachRolePolicy", {"RoleName": "{n}", "PolicyArn": "{policy}"}),
    ),
    user(("iam", "AttachUserPolicy", {"UserName": "{n}", "PolicyArn": "{policy}"})),
    user(
        ("iam", "AttachUserPolicy", {"UserName": "{n}", "PolicyArn": "{policy}"}, {}),
        ("iam", "DetachUserPolicy", {"UserName": "{n}", "PolicyArn": "{policy}"}),
    ),
    role(
        ("iam", "PutRolePolicy", {"RoleName": "{n}", "PolicyName": "p", "PolicyDocument": POLICY}, {}),
        ("iam", "PutRolePolicy", {"RoleName": "{n}", "PolicyName": "p", "PolicyDocument": WIDER}),
    ),
    role(
        ("iam", "PutRolePolicy", {"RoleName": "{n}", "PolicyName": "p", "PolicyDocument": POLICY}, {}),
        ("iam", "DeleteRolePolicy", {"RoleName": "{n}", "PolicyName": "p"}),
    ),
    row(("iam", "CreateRole", {"RoleName": "{n}", "AssumeRolePolicyDocument": TRUST, "Description": "new"})),
    role(("iam", "UpdateRole", {"RoleName": "{n}", "Description": "new", "MaxSessionDuration": 7200})),
    role(("iam", "UpdateAssumeRolePolicy", {"RoleName": "{n}", "PolicyDocument": OTHER_TRUST})),
    role(("iam", "DeleteRole", {"RoleName": "{n}"})),
    row(("iam", "CreateUser", {"UserName": "{n}"})),
    user(("iam", "DeleteUser", {"UserName": "{n}"})),
    user(("iam", "CreateGroup", {"GroupName": "{n}"}, {}), ("iam", "AddUserToGroup", {"UserName": "{n}", "GroupName": "{n}"})),
    user(
        ("iam", "CreateGroup", {"GroupName": "{n}"}, {}),
        ("iam", "AddUserToGroup", {"UserName": "{n}", "GroupName": "{n}"}, {}),
        ("iam", "RemoveUserFromGroup", {"UserName": "{n}", "GroupName": "{n}"}),
    ),
    user(
        ("iam", "CreateAccessKey", {"UserName": "{n}"}, {"access_key": "AccessKey.AccessKeyId"}),
        ("iam", "UpdateAccessKey", {"UserName": "{n}", "AccessKeyId": "{access_key}", "Status": "Inactive"}),
    ),
    user(
        ("iam", "CreateAccessKey", {"UserName": "{n}"}, {"access_key": "AccessKey.AccessKeyId"}),
        ("iam", "DeleteAccessKey", {"UserName": "{n}", "AccessKeyId": "{access_key}"}),
    ),
    # KMS
    key(("kms", "DisableKey", {"KeyId": "{key}"})),
    key(("kms", "DisableKey", {"KeyId": "{key}"}, {}), ("kms", "EnableKey", {"KeyId": "{key}"})),
    key(("kms", "ScheduleKeyDeletion", {"KeyId": "{key}", "PendingWindowInDays": 7})),
    key(("kms", "ScheduleKeyDeletion", {"KeyId": "{key}"}, {}), ("kms", "CancelKeyDeletion", {"KeyId": "{key}"})),
    key(("kms", "EnableKeyRotation", {"KeyId": "{key}"})),
    key(("kms", "EnableKeyRotation", {"KeyId": "{key}"}, {}), ("kms", "DisableKeyRotation", {"KeyId": "{key}"})),
    key(("kms", "PutKeyPolicy", {"KeyId": "{key}", "PolicyName": "default", "Policy": POLICY})),
    key(("kms", "UpdateKeyDescription", {"KeyId": "{key}", "Description": "new"})),
    key(("kms", "CreateAlias", {"AliasName": "alias/{n}", "TargetKeyId": "{key}"}, {}), ("kms", "DeleteAlias", {"AliasName": "alias/{n}"})),
    # Lambda
    role(("lambda", "CreateFunction", function()[1][2])),
    function(("lambda", "UpdateFunctionConfiguration", {"FunctionName": "{n}", "MemorySize": 512, "Timeout": 30, "Environment": {"Variables": {"LEVEL": "debug"}}})),
    function(("lambda", "UpdateFunctionCode", {"FunctionName": "{n}", "ZipFile": EMPTY_ZIP})),
    function(("lambda", "DeleteFunction", {"FunctionName": "{n}"})),
    function(("lambda", "PutFunctionConcurrency", {"FunctionName": "{n}", "ReservedConcurrentExecutions": 5})),
    function(
        ("lambda", "PutFunctionConcurrency", {"FunctionName": "{n}", "ReservedConcurrentExecutions": 5}, {}),
        ("lambda", "DeleteFunctionConcurrency", {"FunctionName": "{n}"}),
    ),
    version(("lambda", "UpdateAlias", {"FunctionName": "{n}", "Name": "live", "FunctionVersion": "1"})),
    version(("lambda", "DeleteAlias", {"FunctionName": "{n}", "Name": "live"})),
    function(("lambda", "AddPermission", {"FunctionName": "{n}", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"})),
    # Logs
    row(("logs", "CreateLogGroup", {"logGroupName": "{n}"})),
    logs(("logs", "PutRetentionPolicy", {"logGroupName": "{n}", "retentionInDays": 7})),
    logs(("logs", "DeleteRetentionPolicy", {"logGroupName": "{n}"})),
    logs(("logs", "CreateLogStream", {"logGroupName": "{n}", "logStreamName": "s"}, {}), ("logs", "DeleteLogStream", {"logGroupName": "{n}", "logStreamName": "s"})),
    logs(("logs", "DeleteLogGroup", {"logGroupName": "{n}"})),
    # RDS
    database(("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "{n}", "AllocatedStorage": 40, "DBInstanceClass": "db.t3.large", "BackupRetentionPeriod": 7, "ApplyImmediately": True})),
    database(("rds", "StopDBInstance", {"DBInstanceIdentifier": "{n}"})),
    database(("rds", "StopDBInstance", {"DBInstanceIdentifier": "{n}"}, {}), ("rds", "StartDBInstance", {"DBInstanceIdentifier": "{n}"})),
    database(("rds", "RebootDBInstance", {"DBInstanceIdentifier": "{n}"})),
    database(("rds", "DeleteDBInstance", {"DBInstanceIdentifier": "{n}", "SkipFinalSnapshot": True})),
    cluster(("rds", "ModifyDBCluster", {"DBClusterIdentifier": "{n}", "BackupRetentionPeriod": 7})),
    cluster(("rds", "DeleteDBCluster", {"DBClusterIdentifier": "{n}", "SkipFinalSnapshot": True})),
    database(("rds", "CreateDBSnapshot", {"DBInstanceIdentifier": "{n}", "DBSnapshotIdentifier": "{n}-s"})),
    database(
        ("rds", "CreateDBSnapshot", {"DBInstanceIdentifier": "{n}", "DBSnapshotIdentifier": "{n}-s"}, {}),
        ("rds", "DeleteDBSnapshot", {"DBSnapshotIdentifier": "{n}-s"}),
    ),
    # Route 53
    zone(("route53", "ChangeResourceRecordSets", {"HostedZoneId": "{zone}", "ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": RECORD}]}})),
    zone(("route53", "UpdateHostedZoneComment", {"Id": "{zone}", "Comment": "new"})),
    zone(("route53", "ChangeTagsForResource", {"ResourceType": "hostedzone", "ResourceId": "{zone}", "AddTags": [{"Key": "team", "Value": "billing"}]})),
    zone(("route53", "DeleteHostedZone", {"Id": "{zone}"})),
    # S3
    row(("s3", "CreateBucket", {"Bucket": "{n}", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}})),
    bucket(("s3", "PutBucketVersioning", {"Bucket": "{n}", "VersioningConfiguration": {"Status": "Enabled"}})),
    bucket(("s3", "PutBucketPolicy", {"Bucket": "{n}", "Policy": POLICY})),
    bucket(("s3", "PutBucketPolicy", {"Bucket": "{n}", "Policy": POLICY}, {}), ("s3", "DeleteBucketPolicy", {"Bucket": "{n}"})),
    bucket(("s3", "PutPublicAccessBlock", {"Bucket": "{n}", "PublicAccessBlockConfiguration": PUBLIC})),
    bucket(
        ("s3", "PutPublicAccessBlock", {"Bucket": "{n}", "PublicAccessBlockConfiguration": PUBLIC}, {}),
        ("s3", "DeletePublicAccessBlock", {"Bucket": "{n}"}),
    ),
    bucket(("s3", "PutBucketEncryption", {"Bucket": "{n}", "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}}]}})),
    bucket(("s3", "PutBucketTagging", {"Bucket": "{n}", "Tagging": {"TagSet": [{"Key": "team", "Value": "billing"}]}})),
    bucket(
        ("s3", "PutBucketTagging", {"Bucket": "{n}", "Tagging": {"TagSet": [{"Key": "team", "Value": "billing"}]}}, {}),
        ("s3", "DeleteBucketTagging", {"Bucket": "{n}"}),
    ),
    bucket(
        ("s3", "PutBucketLifecycleConfiguration", {"Bucket": "{n}", "LifecycleConfiguration": {"Rules": [lifecycle("old", 30), lifecycle("cold", 60)]}}, {}),
        ("s3", "PutBucketLifecycleConfiguration", {"Bucket": "{n}", "LifecycleConfiguration": {"Rules": [lifecycle("cold", 90), lifecycle("new", 9)]}}),
    ),
    bucket(
        ("s3", "PutBucketCors", {"Bucket": "{n}", "CORSConfiguration": {"CORSRules": [cors("GET", "https://a.example"), cors("GET", "https://b.example")]}}, {}),
        ("s3", "PutBucketCors", {"Bucket": "{n}", "CORSConfiguration": {"CORSRules": [cors("PUT", "https://a.example")]}}),
    ),
    bucket(
        ("sqs", "CreateQueue", {"QueueName": "{n}"}, {}),
        ("s3", "PutBucketNotificationConfiguration", {"Bucket": "{n}", "NotificationConfiguration": notifies("one")}, {}),
        ("s3", "PutBucketNotificationConfiguration", {"Bucket": "{n}", "NotificationConfiguration": notifies("two")}),
    ),
    bucket(
        ("s3", "PutObject", {"Bucket": "{n}", "Key": "a", "Body": b"one", "Tagging": "team=billing&tier=two"}, {}),
        ("s3", "PutObjectTagging", {"Bucket": "{n}", "Key": "a", "Tagging": {"TagSet": [{"Key": "team", "Value": "orders"}]}}),
    ),
    bucket(("s3", "PutObject", {"Bucket": "{n}", "Key": "a", "Body": b"one"}, {}), ("s3", "PutObject", {"Bucket": "{n}", "Key": "a", "Body": b"other"})),
    bucket(("s3", "PutObject", {"Bucket": "{n}", "Key": "a", "Body": b"one"}, {}), ("s3", "DeleteObject", {"Bucket": "{n}", "Key": "a"})),
    bucket(("s3", "PutBucketLifecycleConfiguration", LIFECYCLE, {}), ("s3", "DeleteBucketLifecycle", {"Bucket": "{n}"})),
    bucket(
        ("s3", "PutBucketAcl", {"Bucket": "{n}", "ACL": "log-delivery-write"}, {}),
        ("s3", "PutBucketLogging", {"Bucket": "{n}", "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "{n}", "TargetPrefix": "log/"}}}),
    ),
    bucket(("s3", "DeleteBucket", {"Bucket": "{n}"})),
    # Secrets Manager
    secret(("secretsmanager", "UpdateSecret", {"SecretId": "{n}", "Description": "new"})),
    secret(("secretsmanager", "PutSecretValue", {"SecretId": "{n}", "SecretString": "hunter3"})),
    secret(("secretsmanager", "TagResource", {"SecretId": "{n}", "Tags": [{"Key": "team", "Value": "billing"}]})),
    secret(("secretsmanager", "DeleteSecret", {"SecretId": "{n}"})),
    secret(("secretsmanager", "DeleteSecret", {"SecretId": "{n}"}, {}), ("secretsmanager", "RestoreSecret", {"SecretId": "{n}"})),
    # SNS
    topic(("sns", "SetTopicAttributes", {"TopicArn": "{topic}", "AttributeName": "DisplayName", "AttributeValue": "new"})),
    topic(("sns", "DeleteTopic", {"TopicArn": "{topic}"})),
    topic(*queue(
        ("sns", "Subscribe", {"TopicArn": "{topic}", "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-central-1:{account}:{n}", "ReturnSubscriptionArn": True}, {"subscription": "SubscriptionArn"}),
        ("sns", "SetSubscriptionAttributes", {"SubscriptionArn": "{subscription}", "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}),
    )),
    topic(*queue(
        ("sns", "Subscribe", {"TopicArn": "{topic}", "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-central-1:{account}:{n}", "ReturnSubscriptionArn": True}, {"subscription": "SubscriptionArn"}),
        ("sns", "Unsubscribe", {"SubscriptionArn": "{subscription}"}),
    )),
    # SQS
    queue(("sqs", "SetQueueAttributes", {"QueueUrl": "{queue}", "Attributes": {"VisibilityTimeout": "60", "DelaySeconds": "5"}})),
    queue(("sqs", "TagQueue", {"QueueUrl": "{queue}", "Tags": {"team": "billing"}})),
    queue(("sqs", "TagQueue", {"QueueUrl": "{queue}", "Tags": {"team": "billing"}}, {}), ("sqs", "UntagQueue", {"QueueUrl": "{queue}", "TagKeys": ["team"]})),
    queue(("sqs", "SendMessage", {"QueueUrl": "{queue}", "MessageBody": "a"}, {}), ("sqs", "PurgeQueue", {"QueueUrl": "{queue}"})),
    queue(("sqs", "DeleteQueue", {"QueueUrl": "{queue}"})),
    # SSM
    parameter(("ssm", "PutParameter", {"Name": "{n}", "Type": "String", "Value": "b", "Description": "new", "Overwrite": True})),
    parameter(("ssm", "AddTagsToResource", {"ResourceType": "Parameter", "ResourceId": "{n}", "Tags": [{"Key": "team", "Value": "billing"}]})),
    parameter(("ssm", "DeleteParameter", {"Name": "{n}"})),
    parameter(("ssm", "DeleteParameters", {"Names": ["{n}"]})),
    # Wholes of other services.
    row(
        ("events", "PutRule", {"Name": "{n}", "ScheduleExpression": "rate(1 day)", "Description": "old", "State": "DISABLED"}, {}),
        ("events", "PutRule", {"Name": "{n}", "ScheduleExpression": "rate(2 days)", "State": "ENABLED"}),
    ),
    row(
        ("ecr", "CreateRepository", {"repositoryName": "{n}"}, {}),
        ("ecr", "SetRepositoryPolicy", {"repositoryName": "{n}", "policyText": TRUST}, {}),
        ("ecr", "SetRepositoryPolicy", {"repositoryName": "{n}", "policyText": OTHER_TRUST}),
    ),
    row(
        ("wafv2", "CreateIPSet", {"Name": "{n}", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/32", "192.0.2.1/32"]}, {"set": "Summary.Id", "lock": "Summary.LockToken"}),
        ("wafv2", "UpdateIPSet", {"Name": "{n}", "Scope": "REGIONAL", "Id": "{set}", "LockToken": "{lock}", "Addresses": ["192.0.2.1/32", "192.0.2.2/32"]}),
    ),
    row(
        ("cognito-idp", "CreateUserPool", {"PoolName": "{n}", "AutoVerifiedAttributes": ["email"], "UserPoolTags": {"team": "billing"}}, {"pool": "UserPool.Id"}),
        ("cognito-idp", "UpdateUserPool", {"UserPoolId": "{pool}", "AutoVerifiedAttributes": ["email", "phone_number"], "UserPoolTags": {"tier": "two"}}),
    ),
    row(
        ("glue", "CreateDatabase", {"DatabaseInput": {"Name": "{n}"}}, {}),
        ("glue", "CreateTable", {"DatabaseName": "{n}", "TableInput": {"Name": "t", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}, {"Name": "b", "Type": "int"}]}}}, {}),
        ("glue", "UpdateTable", {"DatabaseName": "{n}", "TableInput": {"Name": "t", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "string"}]}}}),
    ),
    row(
        ("secretsmanager", "CreateSecret", {"Name": "{n}", "SecretString": "hunter2"}, {}),
        ("secretsmanager", "PutResourcePolicy", {"SecretId": "{n}", "ResourcePolicy": TRUST}, {}),
        ("secretsmanager", "PutResourcePolicy", {"SecretId": "{n}", "ResourcePolicy": OTHER_TRUST}),
    ),
    group(
        ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.1.0/24"}, {"subnet": "Subnet.SubnetId"}),
        ("ec2", "CreateSecurityGroup", {"GroupName": "{n}-b", "Description": "d", "VpcId": "{vpc}"}, {"other": "GroupId"}),
        ("ec2", "CreateNetworkInterface", {"SubnetId": "{subnet}", "Groups": ["{group}"]}, {"card": "NetworkInterface.NetworkInterfaceId"}),
        ("ec2", "ModifyNetworkInterfaceAttribute", {"NetworkInterfaceId": "{card}", "Groups": ["{other}"]}),
    ),
    row(
        ("scheduler", "CreateSchedule", {"Name": "{n}", "ScheduleExpression": "rate(1 day)", "Description": "old", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": SCHEDULED}, {}),
        ("scheduler", "UpdateSchedule", {"Name": "{n}", "ScheduleExpression": "rate(2 days)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": SCHEDULED}),
    ),
    bucket(
        ("s3", "PutBucketVersioning", {"Bucket": "{n}", "VersioningConfiguration": {"Status": "Enabled"}}, {}),
        ("s3", "CreateBucket", {"Bucket": "{n}-b", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}, {}),
        ("s3", "PutBucketVersioning", {"Bucket": "{n}-b", "VersioningConfiguration": {"Status": "Enabled"}}, {}),
        ("s3", "PutBucketReplication", {"Bucket": "{n}", "ReplicationConfiguration": replication("one")}, {}),
        ("s3", "PutBucketReplication", {"Bucket": "{n}", "ReplicationConfiguration": replication("two")}),
    ),
    row(
        ("ecr", "CreateRepository", {"repositoryName": "{n}"}, {}),
        ("ecr", "PutLifecyclePolicy", {"repositoryName": "{n}", "lifecyclePolicyText": images(1, 9)}, {}),
        ("ecr", "PutLifecyclePolicy", {"repositoryName": "{n}", "lifecyclePolicyText": images(2, 9)}),
    ),
    row(
        ("ecs", "CreateCluster", {"clusterName": "{n}", "capacityProviders": ["FARGATE"]}, {}),
        ("ecs", "PutClusterCapacityProviders", {"cluster": "{n}", "capacityProviders": ["FARGATE_SPOT"], "defaultCapacityProviderStrategy": []}),
    ),
    group(
        ("elb", "CreateLoadBalancer", {"LoadBalancerName": "{n}", "Listeners": [{"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 80}], "AvailabilityZones": ["eu-central-1a"]}, {}),
        ("elb", "ApplySecurityGroupsToLoadBalancer", {"LoadBalancerName": "{n}", "SecurityGroups": ["{group}"]}),
    ),
    group(
        ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.1.0/24", "AvailabilityZone": "eu-central-1a"}, {"subnet": "Subnet.SubnetId"}),
        ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.2.0/24", "AvailabilityZone": "eu-central-1b"}, {"second": "Subnet.SubnetId"}),
        ("elbv2", "CreateLoadBalancer", {"Name": "{n}", "Subnets": ["{subnet}", "{second}"], "Scheme": "internal"}, {"balancer": "LoadBalancers.0.LoadBalancerArn"}),
        ("elbv2", "SetSecurityGroups", {"LoadBalancerArn": "{balancer}", "SecurityGroups": ["{group}"]}),
    ),
    vpc(
        ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.1.0/24", "AvailabilityZone": "eu-central-1a"}, {"first": "Subnet.SubnetId"}),
        ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.2.0/24", "AvailabilityZone": "eu-central-1b"}, {"second": "Subnet.SubnetId"}),
        ("ec2", "CreateSubnet", {"VpcId": "{vpc}", "CidrBlock": "10.1.3.0/24", "AvailabilityZone": "eu-central-1c"}, {"third": "Subnet.SubnetId"}),
        ("elbv2", "CreateLoadBalancer", {"Name": "{n}", "Subnets": ["{first}", "{second}"], "Scheme": "internal"}, {"balancer": "LoadBalancers.0.LoadBalancerArn"}),
        ("elbv2", "SetSubnets", {"LoadBalancerArn": "{balancer}", "Subnets": ["{second}", "{third}"]}),
    ),
    function(
        ("sqs", "CreateQueue", {"QueueName": "{n}"}, {}),
        ("lambda", "CreateEventSourceMapping", {"FunctionName": "{n}", "EventSourceArn": "arn:aws:sqs:eu-central-1:{account}:{n}", "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-central-1:{account}:{n}"}}}, {"mapping": "UUID"}),
        ("lambda", "UpdateEventSourceMapping", {"UUID": "{mapping}", "DestinationConfig": {}}),
    ),
    row(
        ("wafv2", "CreateWebACL", {"Name": "{n}", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": SEEN, "Rules": [refuses("one")]}, {"list": "Summary.Id", "lock": "Summary.LockToken"}),
        ("wafv2", "UpdateWebACL", {"Name": "{n}", "Scope": "REGIONAL", "Id": "{list}", "LockToken": "{lock}", "DefaultAction": {"Allow": {}}, "VisibilityConfig": SEEN, "Rules": [refuses("two")]}),
    ),
    row(
        ("wafv2", "CreateRuleGroup", {"Name": "{n}", "Scope": "REGIONAL", "Capacity": 9, "VisibilityConfig": SEEN, "Rules": [refuses("one")]}, {"group": "Summary.Id", "lock": "Summary.LockToken"}),
        ("wafv2", "UpdateRuleGroup", {"Name": "{n}", "Scope": "REGIONAL", "Id": "{group}", "LockToken": "{lock}", "VisibilityConfig": SEEN, "Rules": [refuses("two")]}),
    ),
]
