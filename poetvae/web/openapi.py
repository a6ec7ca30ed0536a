"""The API as an OpenAPI 3.1 document, of the declarations that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..i18n import N_, _
from .models import Served

if TYPE_CHECKING:
    from .api import Operation

Schema = dict[str, Any]
STRING, NUMBER, WHOLE, TRUTH = ({"type": x} for x in ("string", "number", "integer", "boolean"))
PERHAPS, FINITE = {"type": ["string", "null"]}, {"type": ["number", "null"]}
REFUSALS = {
    400: N_("No JSON object in UTF-8, or a name in it that comes twice."),
    403: N_("A request from another page."),
    404: N_("There is no such path."),
    405: N_("Another method; Allow has the right ones."),
    408: N_("The request did not come in time."),
    413: N_("The request is too long."),
    415: N_("It is not of Content-Type application/json."),
    421: N_("The server does not go by the name in Host."),
    422: N_("A value that cannot be, or conditions that no poem can meet."),
    429: N_("Too many requests of one client wait; come again after Retry-After seconds."),
    500: N_("It went wrong on the server."),
    503: N_("Too many requests wait; come again after Retry-After seconds."),
}
OF_ANY = (403, 404, 405, 408, 421)  # the rest are answers to a POST


def document(operations: Sequence[Operation], models: Mapping[str, Served]) -> Schema:
    """The document, in the language spoken now."""
    plain = {
        "/v1/models": ("models", _("The models that are served."), _object(models=_list("Model"))),
        "/openapi.json": ("document", _("This document."), {"type": "object"}),
        "/health": ("health", _("Whether the server is there."), _object(status=STRING)),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "poetvae",
            "version": __version__,
            "summary": _("A machine that writes verse from a latent space."),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            **{one.path: {"post": _posted(one, models)} for one in operations},
            **{path: {"get": _given(*about)} for path, about in plain.items()},
        },
        "components": {"schemas": _answers(), "responses": _refusals()},
    }


def _posted(operation: Operation, models: Mapping[str, Served]) -> Schema:
    """An operation: what it takes, what it gives, and the examples of it."""
    from .api import STREAM

    values = operation.parameters(models)
    request = {
        "type": "object",
        "properties": {one.name: one.schema() for one in values},
        "required": [one.name for one in values if one.required],
        "additionalProperties": False,
    }
    examples = {name: {"value": value} for name, value in operation.examples.items()}
    told = _("An object a line, as it is written; what goes wrong later is the last line.")
    answer = {
        "description": _("What came of it."),
        "content": {
            "application/json": {"schema": _object(poems=_list(operation.gives))},
            STREAM: {"schema": {"type": "string", "description": told}},
        },
    }
    return {
        "operationId": operation.name,
        "summary": _(operation.about),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "examples": examples}},
        },
        "responses": {"200": answer, **_refused(REFUSALS)},
    }


def _given(name: str, about: str, schema: Schema) -> Schema:
    """What answers a GET."""
    answer = {"description": about, "content": {"application/json": {"schema": schema}}}
    return {
        "operationId": name,
        "summary": about,
        "responses": {"200": answer, **_refused(OF_ANY)},
    }


def _refused(statuses: Any) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _refusals() -> Schema:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    after = {"Retry-After": {"schema": WHOLE, "description": _("Seconds.")}}
    allow = {"Allow": {"schema": STRING, "description": _("Methods.")}}
    headers = {405: {"headers": allow}, 429: {"headers": after}, 503: {"headers": after}}
    return {
        str(status): {"description": _(why), "content": content, **headers.get(status, {})}
        for status, why in REFUSALS.items()
    }


def _answers() -> Schema:
    """The objects that come back, as `poetvae --json` prints them, and problem details."""
    texts = {"type": "array", "items": STRING}
    notes = {"faults": _list("Fault"), "remarks": _list("Fault")}
    rated = dict.fromkeys(("nll", "nll_per_char", "recon", "kl", "anomaly"), FINITE)
    problem = _object(title=STRING, status=WHOLE, detail=STRING)
    return {
        "Poem": _object(
            text=STRING,
            lines=texts,
            form=PERHAPS,
            seed=WHOLE,
            log_prob=FINITE | {"description": _("Of its characters given z, in nats.")},
            tones_ok={"type": ["boolean", "null"], "description": _("null: nothing is known.")},
            rhyme=PERHAPS,
            satisfied=TRUTH | {"description": _("Whether it meets what was asked: checked.")},
        ),
        "Report": _object(
            text=STRING,
            form=STRING,
            kind=STRING,
            scheme=STRING,
            book=STRING,
            lines=_list("Line"),
            rhyme=PERHAPS,
            **notes,
        ),
        "Line": _object(text=STRING, tones=STRING, readings=texts, pattern=STRING, **notes),
        "Fault": _object(name=STRING, line=WHOLE, position=WHOLE, why=STRING, remark=TRUTH),
        "Score": _object(text=STRING, form=PERHAPS, **rated)
        | {"description": _("In nats; anomaly in standard deviations above the mean.")},
        "Model": _object(
            name=STRING, language=PERHAPS, forms=texts, parameters=WHOLE, megabytes=NUMBER
        ),
        "Problem": {
            **problem,
            "properties": problem["properties"] | {"error": _told(N_("What Python raises of it."))},
            "description": _("Problem details (RFC 9457)."),
        },
    }


def _told(doc: str) -> Schema:
    return STRING | {"description": _(doc)}


def _object(**properties: Schema) -> Schema:
    """An object that has all of these, and nothing else."""
    shape = {"required": list(properties), "additionalProperties": False}
    return {"type": "object", "properties": properties, **shape}


def _list(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
