"""RabbitMQ: one node with its management interface, on loopback in all four of its ports.

Met on the way: the distribution port and epmd listen on every address unless told otherwise, and a
node starts an epmd of its own on a port that all users of the machine share. So this server is two
processes: an epmd on a port of its own, and the node. Debian's command refuses other users than its
own; the script behind it does not.
"""

import secrets
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from . import packages, places, rest
from .places import LOOPBACK
from .server import Command, NotAnswering, Server

USER = "muniment"
_PLACE = "/usr/lib/rabbitmq/bin/rabbitmq-server"


class RabbitMQ(Server):
    """One RabbitMQ node with the classic management plugin."""

    name: ClassVar[str] = "rabbitmq"
    port_names: ClassVar[tuple[str, ...]] = ("amqp", "management", "distribution", "epmd")
    secret_names: ClassVar[tuple[str, ...]] = ("password", "cookie")
    start_seconds: ClassVar[float] = 120.0

    @classmethod
    def missing_packages(cls) -> list[str]:
        return [] if Path(_PLACE).exists() and packages.find_program("epmd") else ["rabbitmq-server"]

    @classmethod
    def version(cls) -> str:
        libraries = Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")
        return max((path.name.removeprefix("rabbitmq_server-") for path in libraries), default="")

    def prepare(self) -> None:
        config = self.folder / "config"
        places.write_for_server(
            config / "rabbitmq.conf",
            f"listeners.tcp.local = {LOOPBACK}:{self.port}\n"
            f"management.tcp.ip = {LOOPBACK}\n"
            f"management.tcp.port = {self.ports['management']}\n"
            f"default_user = {USER}\ndefault_pass = {self.secrets['password']}\n"
            "default_user_tags.administrator = true\n"
            "vm_memory_high_watermark.absolute = 512MiB\ndisk_free_limit.absolute = 50MB\n",
        )
        places.write_for_server(config / "advanced.config", "[].\n")
        places.write_for_server(config / "enabled_plugins", "[rabbitmq_management].\n")
        cookie = self.folder / "tmp" / ".erlang.cookie"
        if not cookie.exists():  # Erlang insists on mode 0400 in the home folder
            places.write_for_server(cookie, self.secrets["cookie"])
            cookie.chmod(0o400)

    def commands(self) -> list[Command]:
        config, distribution = self.folder / "config", self.ports["distribution"]
        epmd = {"ERL_EPMD_ADDRESS": LOOPBACK, "ERL_EPMD_PORT": str(self.ports["epmd"])}
        node = epmd | {
            "RABBITMQ_NODENAME": "muniment@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_CONFIG_FILE": str(config / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(config / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(config / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(config / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(self.folder / "tmp"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "tmp" / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +sbwt none"
            ),
        }
        return [Command([packages.program("epmd", "erlang-base")], epmd), Command([_PLACE], node)]

    def ask(self) -> None:
        overview = self._call("GET", "/api/health/checks/port-listener/" + str(self.port))
        if overview.get("status") != "ok":
            raise NotAnswering(f"RabbitMQ says {overview}")

    def facts(self) -> dict[str, Any]:
        return {
            "url": self._url("/"),
            "user": USER,
            "password": self.secrets["password"],
            "management_url": f"http://{LOOPBACK}:{self.ports['management']}",
        }

    def new_vhost(self) -> str:
        """URL of a fresh virtual host, which has queues of its own."""
        name = f"t-{secrets.token_hex(6)}"
        self._call("PUT", f"/api/vhosts/{name}")
        self._call("PUT", f"/api/permissions/{name}/{USER}", {"configure": ".*", "write": ".*", "read": ".*"})
        return self._url(name)

    def delete_vhost(self, url: str) -> None:
        """Delete the virtual host that ``url`` names, with its queues."""
        self._call("DELETE", f"/api/vhosts/{url.rpartition('/')[2]}")

    def messages(self, url: str) -> dict[str, int]:
        """Messages by queue in that virtual host, as the management interface last counted (every five seconds)."""
        queues = self._call("GET", f"/api/queues/{url.rpartition('/')[2]}")
        return {queue["name"]: queue.get("messages", 0) for queue in queues}

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return rest.call(
            self.ports["management"], method, path, user=USER, password=self.secrets["password"], body=body
        )

    def _url(self, vhost: str) -> str:
        return f"amqp://{USER}:{self.secrets['password']}@{LOOPBACK}:{self.port}/{quote(vhost, safe='')}"
