"""Validates manifests with the schemas of Kubernetes. Needs no cluster and no network.

Reads a JSON array of {"name", "text", "versions"} from stdin; each text is YAML. Writes a JSON array with one item a text:
the array of its objects, as {"object", "errors"}. The optional argument is the path of JobSet's definition (CRD).
"""

import functools
import json
import sys

import jsonschema
import yaml
from kubernetes_validate import utils

# Validation reads the same two files for each object, and they have some megabytes of JSON.
utils.schema_contents = functools.cache(utils.schema_contents)


def strict(schema):
    """Makes a schema of a CRD reject unknown fields, as the API server does with kubectl's --validate."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if isinstance(result.get("properties"), dict) and result.get("type") == "object":
        if not result.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
    return result


def jobset_validator(path):
    with open(path) as file:
        definition = yaml.safe_load(file)
    schemas = {version["name"]: version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"]}
    return jsonschema.Draft202012Validator(strict(schemas["v1alpha2"]))


def error_path(error):
    return ".".join(str(part) for part in error.path)


def builtin_errors(data, versions):
    found = []
    for version in versions:
        try:
            utils.validate(data, version, strict=True)
        except utils.ValidationError as error:
            found.append(f"{error_path(error)}: {error.message} (Kubernetes {version})")
        except utils.SchemaNotFoundError as error:
            found.append(error.message)
    return found


def jobset_errors(data, versions, validator):
    # The schema of a Job describes a pod in more detail than the definition of JobSet.
    found = []
    for replicated in data["spec"]["replicatedJobs"]:
        template = replicated["template"]
        metadata = {**data["metadata"], **template.get("metadata", {})}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
        found += [f"{replicated['name']}: {error}" for error in builtin_errors(job, versions)]
    if validator is not None:
        found += [f"{error_path(error)}: {error.message} (JobSet)" for error in validator.iter_errors(data)]
    return found


def checked_objects(manifest, validator):
    checked = []
    for data in yaml.safe_load_all(manifest["text"]):
        if data is None:
            continue
        if data["kind"] == "JobSet":
            errors = jobset_errors(data, manifest["versions"], validator)
        else:
            errors = builtin_errors(data, manifest["versions"])
        checked.append({"object": data, "errors": errors})
    return checked


def main():
    validator = jobset_validator(sys.argv[1]) if len(sys.argv) > 1 else None
    json.dump([checked_objects(manifest, validator) for manifest in json.load(sys.stdin)], sys.stdout)


main()
