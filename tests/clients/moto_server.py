"""moto's server, which says of a change set that is not there what AWS says.

CDK deletes a change set of the name before it makes one, whether it is there or not, and waits until it is gone.
"""

from moto.cloudformation import exceptions, models
from moto.server import main

Backend = models.CloudFormationBackend
described, deleted = Backend.describe_change_set, Backend.delete_change_set


class ChangeSetNotFound(exceptions.ValidationError):
    code = "ChangeSetNotFound"


def describe(self, change_set_name):
    try:
        return described(self, change_set_name)
    except exceptions.ValidationError:
        raise ChangeSetNotFound(
            message=f"ChangeSet [{change_set_name}] does not exist"
        ) from None


def delete(self, change_set_name):
    try:
        described(self, change_set_name)
    except exceptions.ValidationError:
        return
    deleted(self, change_set_name)


Backend.describe_change_set, Backend.delete_change_set = describe, delete

if __name__ == "__main__":
    main()
