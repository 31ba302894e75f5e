"""What ``muniment doctor`` tells of a machine: what is in force, what is missing, and what to do about it.

Nothing is changed by looking. No line holds a secret or a word of a record.
"""

import platform
import shutil
from collections.abc import Iterator

from app.build import key_service_of
from app.finding import Finding, wrong
from app.folders import folder_of
from app.outside import Service, services
from app.settings import Settings
from core.errors import MunimentError
from vault.keyring import Keyring


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything about this machine, and in the distributed shape about its servers, as it is found out."""
    yield from _machine(settings)
    if settings.is_distributed:
        # Here: the embedded shape needs none of the servers' libraries.
        from app.doctor_servers import servers

        yield from servers(settings)
    else:
        yield Finding("object locks", "none: this store cannot lock")


def _machine(settings: Settings) -> Iterator[Finding]:
    from ingest import cage, ocr_models

    folder = folder_of(settings)
    yield Finding("python", platform.python_version())
    yield Finding("data folder", str(folder.root))
    if folder.root.exists():
        yield Finding("free space", f"{shutil.disk_usage(folder.root).free // 1024**2} MiB")
        try:
            yield Finding("server", "running" if folder.is_served() else "not running")
        except (OSError, MunimentError):
            yield Finding("server", "unknown: the data folder cannot be read", ok=False, advice="check its owner")
    for name, state in cage.in_force().items():
        yield Finding(f"cage: {name}", state)
    models = ", ".join(sorted(ocr_models.find_models(ocr_models.default_folders())))
    yield Finding("text recognition", models or "no models")
    yield _scanner(settings)
    yield _keys(settings)


def _service(name: str, settings: Settings) -> Service:
    found = services(settings, lambda: Keyring(key_service_of(settings)))
    return next(each for each in found if each.name == name)


def _scanner(settings: Settings) -> Finding:
    if not settings.clamd:
        return Finding("malware scan", "off: nothing is scanned")
    try:
        _service("scanner", settings).check()
    except MunimentError as error:
        return Finding(
            "malware scan",
            f"clamd is away ({error.detail}): nothing is read until it is back",
            ok=False,
            advice="start clamd, or check the setting clamd",
        )
    return Finding("malware scan", "clamd answers")


def _keys(settings: Settings) -> Finding:
    try:
        if settings.pkcs11_module is not None:
            _service("keys", settings).check()
            return Finding("keys", f"PKCS#11 token {settings.pkcs11_token}, {settings.pkcs11_module.name}")
        if settings.is_distributed or settings.log_key_file.is_file():
            # Before its first start one data folder has no keys, and is none the worse for it.
            key_service_of(settings)
    except MunimentError as error:
        return wrong("keys", error)
    return Finding("keys", f"key file in {settings.keys_folder}")
