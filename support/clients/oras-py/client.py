"""A command line for oras-py: client.py push REFERENCE PATH ... | client.py pull REFERENCE FOLDER."""

import sys

import oras.client

command, reference, *rest = sys.argv[1:]
client = oras.client.OrasClient(insecure=True)
if command == "push":
    client.push(target=reference, files=rest)
elif command == "pull":
    client.pull(target=reference, outdir=rest[0])
else:
    sys.exit(f"unknown command: {command}")
