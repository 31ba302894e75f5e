"""docker-compose.yml and its overlays keep the promises of docs/deploy.md: no container engine is needed to see it."""

import re
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer

from app import settings
from app.celery_app import WORKED_BY_WORKER
from app.cli.main import _gather, cli
from tests.support import compose

FILES = [compose.BASE, *compose.OVERLAYS]
SERVICES = {f"{path.name}: {name}": each for path in FILES for name, each in compose.services(path).items()}
COMPLETE = {name: each for name, each in SERVICES.items() if "image" in each}
"""Without those that an overlay only adds to."""
SERVERS_OF_OTHERS = {name: each for name, each in COMPLETE.items() if not each["image"].startswith(compose.OWN_IMAGE)}
OWN = compose.own()
EXACT = re.compile(r"(v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?|RELEASE\.\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z)")
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|CREDENTIALS|TOKEN|PIN|_KEY)(_FILE)?$")
NO_SECRETS = {"MUNIMENT_PKCS11_TOKEN"}
"""Named like secrets, but labels."""


def each(services: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("service", list(services.values()), ids=list(services))


@each(SERVERS_OF_OTHERS)
def test_images_of_others_have_exact_tags(service: dict[str, Any]) -> None:
    name, _, tag = service["image"].rpartition(":")
    assert EXACT.fullmatch(tag), "a tag that moves is another server tomorrow"
    assert name != "minio/minio", "that image is gone"


def test_our_image_has_the_version_of_the_program() -> None:
    version = tomllib.loads((compose.ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for service in OWN.values()} == {f"muniment:{version}"}


@each(COMPLETE)
def test_every_service_has_limits(service: dict[str, Any]) -> None:
    assert set(service["deploy"]["resources"]["limits"]) >= {"cpus", "memory"}


@each(COMPLETE)
def test_no_service_gains_rights(service: dict[str, Any]) -> None:
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"} & set(service)


@each(OWN)
def test_our_services_have_no_rights_and_cannot_write_their_root(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["user"] == "10001:10001"
    assert service["init"] is True


@each(COMPLETE)
def test_every_service_that_stays_has_a_health_check_and_comes_back(service: dict[str, Any]) -> None:
    if service.get("command") == ["migrate"]:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_secrets_are_files_that_the_service_mounts(path: Path) -> None:
    declared = compose.read(path).get("secrets", {}) | compose.read(compose.BASE)["secrets"]
    assert all(set(secret) == {"file"} and secret["file"].startswith("./secrets/") for secret in declared.values())
    for service in compose.services(path).values():
        mounted = {entry if isinstance(entry, str) else entry["source"] for entry in service.get("secrets", [])}
        assert mounted <= set(declared)
        for name, value in compose.environment(service).items():
            if SECRET_NAME.search(name) and name not in NO_SECRETS and name != "MUNIMENT_LOG_KEY":
                folder, _, secret = value.rpartition("/")
                assert folder == "/run/secrets", f"{name} is no file"
                # What ``migrate`` does not use it is not given.
                assert secret in mounted or service.get("command") == ["migrate"], f"{name} is not mounted"


def test_every_secret_is_used_and_its_making_is_described() -> None:
    described = (compose.ROOT / "docs" / "deploy.md").read_text("utf-8")
    for path in FILES:
        for name, secret in compose.read(path).get("secrets", {}).items():
            users = [service for service in compose.services(path).values() if name in str(service.get("secrets"))]
            assert users, f"nobody mounts {name}"
            assert secret["file"].removeprefix("./") in described


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_waited_for_exists_and_can_become_true(path: Path) -> None:
    known = compose.services() | compose.services(path)
    for service in compose.services(path).values():
        for name, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in known[name]
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert known[name]["restart"] == "no"


@each({name: service for name, service in SERVICES.items() if "MUNIMENT" in str(service.get("environment"))})
def test_settings_of_services_are_settings_of_the_program(service: dict[str, Any]) -> None:
    names = {name for name in service["environment"] if name.startswith("MUNIMENT_")}
    assert names <= {row[0] for row in settings.describe()}


@each(OWN)
def test_the_program_takes_the_settings_of_each_service(service: dict[str, Any]) -> None:
    found = settings.load(compose.environment(service))
    assert found.is_distributed


def test_an_overlay_changes_only_services_that_there_are() -> None:
    for path in compose.OVERLAYS:
        added = {name for name, service in compose.services(path).items() if "image" in service}
        assert set(compose.read(path)["services"]) - added <= set(compose.services())


@pytest.mark.parametrize(
    ("overlay", "setting", "but"),
    [("pkcs11.yml", "MUNIMENT_PKCS11_MODULE", set()), ("rabbitmq.yml", "MUNIMENT_BROKER", {"migrate"})],
    ids=["keys", "broker; migrate speaks to none"],
)
def test_an_overlay_reaches_every_service_of_ours(overlay: str, setting: str, but: set[str]) -> None:
    changed = compose.services(compose.ROOT / "deploy" / overlay)
    assert {name for name, service in changed.items() if setting in service.get("environment", {})} == set(OWN) - but


def test_addresses_name_services() -> None:
    for path in FILES:
        known = set(compose.services()) | set(compose.services(path))
        for service in compose.services(path).values():
            for name in ("MUNIMENT_DATABASE", "MUNIMENT_OBJECTS", "MUNIMENT_ELASTICSEARCH", "MUNIMENT_BROKER"):
                if address := compose.environment(service).get(name):
                    assert urlsplit(address).hostname in known


@pytest.mark.parametrize(
    "words",
    [[*service["command"]] for service in OWN.values()]
    + [service["healthcheck"]["test"][2:] for service in OWN.values() if "muniment" in str(service.get("healthcheck"))],
    ids=" ".join,
)
def test_commands_are_commands_of_the_program(words: list[str]) -> None:
    _gather()
    known: dict[str, Any] = vars(typer.main.get_command(cli))["commands"]
    # Parses or raises; runs nothing.
    known[words[0]].make_context(words[0], words[1:])


def test_each_kind_of_work_has_a_worker_and_each_worker_a_kind() -> None:
    commands = [service["command"] for service in OWN.values() if service["command"][0] == "worker"]
    listened = [command[at + 1] for command in commands for at, word in enumerate(command) if word == "--queue"]
    assert set(listened) == set(WORKED_BY_WORKER)


def test_health_checks_ask_for_the_process_that_runs() -> None:
    for service in OWN.values():
        test = service.get("healthcheck", {}).get("test", [])
        if "alive" in test:
            assert test[-1] == service["command"][0]


def test_only_the_proxy_is_reached_from_outside_and_by_default_from_this_machine_only() -> None:
    published = {name: service["ports"] for name, service in compose.services().items() if "ports" in service}
    assert set(published) == {"proxy"}
    assert all(compose.with_defaults(port).startswith("127.0.0.1:") for port in chain(*published.values()))


def test_only_proxy_and_scanner_can_reach_out() -> None:
    file = compose.read(compose.BASE)
    assert file["networks"]["inside"] == {"internal": True}
    assert {name for name, service in file["services"].items() if "outside" in service["networks"]} == {
        "proxy",
        "clamd",
    }


def test_folders_are_what_each_process_needs() -> None:
    mounts = {name: set(service["volumes"]) for name, service in OWN.items()}
    in_memory = {name for name, service in OWN.items() if any(str(t).startswith("/data:") for t in service["tmpfs"])}
    assert all("keys:/keys" in mounted for mounted in mounts.values())
    # The key that signs the log: whoever makes it, and whoever signs.
    assert {name: each for name, mounted in mounts.items() for each in mounted if each.startswith("log-key")} == {
        "migrate": "log-key:/log-key",
        "keeper": "log-key:/log-key:ro",
    }
    # The last checkpoint lies with both; nobody else keeps anything.
    assert {name for name, mounted in mounts.items() if "keeper:/data" in mounted} == {"migrate", "keeper"}
    assert in_memory == set(OWN) - {"migrate", "keeper"}
    for place in ("/data", "/keys", "/log-key"):
        assert place in (compose.ROOT / "Dockerfile").read_text(), "the image makes it, for its user"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_volume_and_file_that_is_mounted_is_there(path: Path) -> None:
    file = compose.read(path)
    named = {
        entry.split(":")[0]
        for service in compose.services(path).values()
        for entry in service.get("volumes", [])
        if not entry.startswith(".")
    }
    assert named == set(file.get("volumes", {}))
    assert all((compose.ROOT / config["file"]).is_file() for config in file.get("configs", {}).values())


def test_text_is_not_copied_into_a_container_with_a_read_only_root() -> None:
    # Compose refuses it ("container rootfs is marked read-only"): files only.
    assert all(set(config) == {"file"} for config in compose.read(compose.BASE)["configs"].values())


def test_every_variable_has_a_default_or_is_asked_for() -> None:
    assert all(kind is not None for path in FILES for _, kind in compose.variables(path))
    assert all(kind == "-" for _, kind in compose.variables(compose.BASE))


def test_the_script_of_the_roles_can_be_run() -> None:
    script = compose.ROOT / "deploy" / "postgresql-roles.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run([shutil.which("sh") or "sh", "-n", str(script)], check=True)
