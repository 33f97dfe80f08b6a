"""What the report was made with: versions, machine, images, refusals, failures, and each policy as YAML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from router.evaluation.page.sections.names import NAMES, Context

_MOST_FAILURES = 40


def run_facts(results: Mapping[str, Any]) -> Context:
    """Versions, machine, artefacts, images, refusals, failures, and each policy as YAML."""
    run = results["run"]
    facts = {
        "bundle": run["bundle"] or "none that can be read",
        "machine": run["machine"],
        "Python": run["python"],
        **run["versions"],
        "receiver": run["receiver"],
        "targets (SSIMULACRA2)": ", ".join(f"{t:g}" for t in run["targets"]),
        "quick subset": "yes" if run["quick"] else "no",
        "centre crop": "none" if run["max_side"] is None else f"at most {run['max_side']} px a side",
        "measured points": f"{run['points']:,}, of which {run['encoded_now']:,} encoded in this run",
        "harm": f"version {results['harm']['version']}",
    }
    refused = Counter((family, code) for _, _, family, code in run["refused"])
    return {
        "facts": facts,
        "images": run["images"],
        "families": {NAMES.get(name, name): config for name, config in run["families"].items()},
        "refused": [(NAMES.get(family, family), code, count) for (family, code), count in sorted(refused.items())],
        "failed": run["failed"][:_MOST_FAILURES],
        "failed_more": max(0, len(run["failed"]) - _MOST_FAILURES),
        "policies": [
            {"name": name, "sha256": p["sha256"], "text": policy_text(p["policy"])} for name, p in run["policies"].items()
        ],
    }


class _Yaml(yaml.SafeDumper):
    """Texts of several lines as blocks."""


_Yaml.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text.strip() else None)
)


def policy_text(policy: Mapping[str, Any]) -> str:
    """A policy as YAML, without what is empty. Its comments are in its file only."""
    return str(yaml.dump(_filled(policy), Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=100))


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {str(key): _filled(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_filled(part) for part in value]
    return "\n".join(line.rstrip() for line in value.strip().split("\n")) if isinstance(value, str) else value
