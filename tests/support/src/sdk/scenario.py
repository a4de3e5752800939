"""Everything that an application does with the SDK, against the server and key of the command line."""
import sys
from datetime import datetime, timedelta, timezone

from openfga_sdk import CreateStoreRequest, ReadRequestTupleKey, WriteAuthorizationModelRequest
from openfga_sdk.client import ClientConfiguration
from openfga_sdk.client.models import (
    ClientAssertion,
    ClientBatchCheckItem,
    ClientBatchCheckRequest,
    ClientCheckRequest,
    ClientExpandRequest,
    ClientListObjectsRequest,
    ClientListRelationsRequest,
    ClientReadChangesRequest,
    ClientTuple,
    ClientWriteRequest,
)
from openfga_sdk.client.models.list_users_request import ClientListUsersRequest
from openfga_sdk.credentials import CredentialConfiguration, Credentials
from openfga_sdk.exceptions import NotFoundException, ValidationException
from openfga_sdk.models.fga_object import FgaObject
from openfga_sdk.models.relationship_condition import RelationshipCondition
from openfga_sdk.models.user_type_filter import UserTypeFilter
from openfga_sdk.sync import OpenFgaClient

URL, KEY = sys.argv[-2:]
PLAN = "document:plan"
DIRECT = {"this": {}}
MODEL = {
    "schema_version": "1.1",
    "type_definitions": [
        {"type": "user", "relations": {}},
        {
            "type": "group",
            "relations": {"member": DIRECT},
            "metadata": {"relations": {"member": {"directly_related_user_types": [{"type": "user"}]}}},
        },
        {
            "type": "document",
            "relations": {
                "owner": DIRECT,
                "viewer": {"union": {"child": [DIRECT, {"computedUserset": {"relation": "owner"}}]}},
            },
            "metadata": {
                "relations": {
                    "owner": {"directly_related_user_types": [{"type": "user"}]},
                    "viewer": {
                        "directly_related_user_types": [
                            {"type": "user", "condition": "in_time"},
                            {"type": "group", "relation": "member"},
                        ]
                    },
                }
            },
        },
    ],
    "conditions": {
        "in_time": {
            "name": "in_time",
            "expression": "now < end",
            "parameters": {
                "now": {"type_name": "TYPE_NAME_TIMESTAMP"},
                "end": {"type_name": "TYPE_NAME_TIMESTAMP"},
            },
        }
    },
}


def configuration(store=None):
    key = CredentialConfiguration(api_token=KEY)
    credentials = Credentials(method="api_token", configuration=key)
    return ClientConfiguration(api_url=URL, store_id=store, credentials=credentials)


def key(user, relation, thing, condition=None):
    return ClientTuple(user=user, relation=relation, object=thing, condition=condition)


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("not refused")


with OpenFgaClient(configuration()) as unbound:
    store = unbound.create_store(CreateStoreRequest(name="a python scenario"))
with OpenFgaClient(configuration(store.id)) as fga:
    assert fga.get_store().name == "a python scenario"
    assert any(one.id == store.id for one in fga.list_stores().stores)
    model = fga.write_authorization_model(WriteAuthorizationModelRequest(**MODEL))
    fga.set_authorization_model_id(model.authorization_model_id)
    assert fga.read_authorization_model().authorization_model.id == model.authorization_model_id
    assert len(fga.read_authorization_models().authorization_models) == 1
    assert fga.read_latest_authorization_model().authorization_model.schema_version == "1.1"

    end = RelationshipCondition(name="in_time", context={"end": "2030-01-01T00:00:00Z"})
    fga.write(
        ClientWriteRequest(
            writes=[
                key("user:ada", "owner", PLAN),
                key("group:eng#member", "viewer", PLAN),
                key("user:ben", "member", "group:eng"),
                key("user:cleo", "viewer", PLAN, end),
            ]
        )
    )
    error = refused(ValidationException, lambda: fga.write_tuples([key("user:ada", "owner", PLAN)]))
    assert error.parsed_exception.code == "write_failed_due_to_invalid_input", error.parsed_exception
    fga.write_tuples([key("user:dan", "owner", PLAN)])
    fga.delete_tuples([key("user:dan", "owner", PLAN)])

    def check(user, context=None, contextual=None):
        body = ClientCheckRequest(
            user=user, relation="viewer", object=PLAN, context=context, contextual_tuples=contextual
        )
        return fga.check(body).allowed

    assert check("user:ada") is True
    assert check("user:ben") is True
    assert check("user:cleo", {"now": "2029-01-01T00:00:00Z"}) is True
    assert check("user:cleo", {"now": "2031-01-01T00:00:00Z"}) is False
    assert check("user:dan") is False
    assert check("user:dan", contextual=[key("user:dan", "member", "group:eng")]) is True

    items = [
        ClientBatchCheckItem(user=user, relation="viewer", object=PLAN, correlation_id=user.split(":")[1])
        for user in ["user:ada", "user:dan"]
    ]
    batch = fga.batch_check(ClientBatchCheckRequest(checks=items))
    assert {one.correlation_id: one.allowed for one in batch.result} == {"ada": True, "dan": False}
    relations = fga.list_relations(
        ClientListRelationsRequest(user="user:ada", object=PLAN, relations=["owner", "viewer"])
    )
    assert sorted(relations) == ["owner", "viewer"]

    expanded = fga.expand(ClientExpandRequest(relation="viewer", object=PLAN))
    assert len(expanded.tree.root.union.nodes) == 2
    wanted = ClientListObjectsRequest(user="user:ben", relation="viewer", type="document")
    assert fga.list_objects(wanted).objects == [PLAN]
    assert [one.object for one in fga.streamed_list_objects(wanted)] == [PLAN]
    users = fga.list_users(
        ClientListUsersRequest(
            object=FgaObject(type="document", id="plan"),
            relation="viewer",
            user_filters=[UserTypeFilter(type="user")],
            context={"now": "2029-01-01T00:00:00Z"},
        )
    )
    assert sorted(one.object.id for one in users.users) == ["ada", "ben", "cleo"], users

    page = fga.read(ReadRequestTupleKey(object=PLAN), {"page_size": 2})
    assert len(page.tuples) == 2 and page.continuation_token
    rest = fga.read(
        ReadRequestTupleKey(object=PLAN), {"page_size": 2, "continuation_token": page.continuation_token}
    )
    assert len(rest.tuples) == 1 and not rest.continuation_token
    start = (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat()
    changes = fga.read_changes(ClientReadChangesRequest("document", start_time=start), {"page_size": 10})
    assert [one.operation for one in changes.changes][-1] == "TUPLE_OPERATION_DELETE"

    fga.write_assertions([ClientAssertion(user="user:ada", relation="viewer", object=PLAN, expectation=True)])
    assert fga.read_assertions().assertions[0].expectation is True
    fga.delete_store()
    refused(NotFoundException, fga.get_store)
