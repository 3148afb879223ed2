"""Checks manifests against Kubernetes' own schemas, with no cluster and no network.

Reads a JSON array of {"name", "text", "versions"} from stdin, with YAML as text, and writes one array a text, of
{"object", "errors"} for each object in it. The first argument is JobSet's definition (CRD), where it is there.
"""

import functools
import json
import sys

import jsonschema
import yaml
from kubernetes_validate import utils

# The same two files are read for each object; they are some megabytes of JSON.
utils.schema_contents = functools.cache(utils.schema_contents)


def strict(schema):
    """A schema of a CRD that takes no field that it does not name, as the API server does with kubectl's --validate."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        if not made.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    return made


def jobset_validator(path):
    with open(path) as file:
        definition = yaml.safe_load(file)
    schemas = {version["name"]: version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"]}
    return jsonschema.Draft202012Validator(strict(schemas["v1alpha2"]))


def where(error):
    return ".".join(str(part) for part in error.path)


def builtin_errors(data, versions):
    found = []
    for version in versions:
        try:
            utils.validate(data, version, strict=True)
        except utils.ValidationError as error:
            found.append(f"{where(error)}: {error.message} (Kubernetes {version})")
        except utils.SchemaNotFoundError as error:
            found.append(error.message)
    return found


def jobset_errors(data, versions, validator):
    # What a JobSet makes is Jobs: their schema knows more of a pod than the definition of JobSet does.
    found = []
    for replicated in data["spec"]["replicatedJobs"]:
        template = replicated["template"]
        metadata = {**data["metadata"], **template.get("metadata", {})}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
        found += [f"{replicated['name']}: {error}" for error in builtin_errors(job, versions)]
    if validator is not None:
        found += [f"{where(error)}: {error.message} (JobSet)" for error in validator.iter_errors(data)]
    return found


def main():
    validator = jobset_validator(sys.argv[1]) if len(sys.argv) > 1 else None
    answer = []
    for asked in json.load(sys.stdin):
        checked = []
        for data in yaml.safe_load_all(asked["text"]):
            if data is None:
                continue
            if data["kind"] == "JobSet":
                errors = jobset_errors(data, asked["versions"], validator)
            else:
                errors = builtin_errors(data, asked["versions"])
            checked.append({"object": data, "errors": errors})
        answer.append(checked)
    json.dump(answer, sys.stdout)


main()
