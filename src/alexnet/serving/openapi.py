"""The service as OpenAPI describes it."""

from __future__ import annotations

from typing import Any

import alexnet

_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "a stable code"}},
    "required": ["error"],
}
_CLASS = {
    "type": "object",
    "properties": {
        "class": {"type": "string"},
        "class_name": {"type": "string"},
        "probability": {"type": "number"},
    },
    "required": ["class", "class_name", "probability"],
}
_NEIGHBOR = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "description": "for /training/{number}.png"},
        "class_name": {"type": "string"},
        "distance": {"type": "number"},
    },
}
_ANSWER = {
    "type": "object",
    "properties": {
        "predictions": {"type": "array", "items": _CLASS},
        "neighbors": {"type": "array", "items": _NEIGHBOR, "description": "with --neighbors"},
    },
    "required": ["predictions"],
}
_REFUSALS = {
    "400": "k is not a number from 1 to 100",
    "408": "the body did not come in time",
    "413": "the body is too large",
    "415": "the content type is no picture's",
    "422": "the body is no picture that can be used",
    "503": "busy; come again",
}


def description(body_bytes: int) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "alexnet", "version": alexnet.__version__},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "The most probable classes of a picture",
                    "parameters": [
                        {
                            "name": "k",
                            "in": "query",
                            "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 5},
                        }
                    ],
                    "requestBody": {
                        "required": True,
                        "description": f"the file itself, at most {body_bytes:,} bytes; no form, no URL",
                        "content": {"image/*": {}, "application/octet-stream": {}},
                    },
                    "responses": {"200": _response("classes, best first", _ANSWER)}
                    | {code: _response(says, _ERROR) for code, says in _REFUSALS.items()},
                }
            },
            "/model": {"get": _get("What the model is")},
            "/health": {"get": _get("Whether the server answers")},
            "/metrics": {
                "get": {"summary": "Counts for Prometheus", "responses": {"200": {"description": "text"}}}
            },
        },
    }


def _get(summary: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _response("JSON", {"type": "object"})}}


def _response(says: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": says, "content": {"application/json": {"schema": schema}}}
