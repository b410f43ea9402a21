"""nginx in front of the services under test: their public paths, and the access log that the exporter reads."""

from collections.abc import Mapping
from pathlib import Path

from store_cli.up.gateway import ROUTES

_LOG_FORMAT = (
    '"request":"$request","status":$status,"body_bytes_sent":$body_bytes_sent,"request_length":$request_length,'
    '"request_time":$request_time,"upstream_response_time":"$upstream_response_time","service":"$service"'
)
_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  log_format exporter escape=json '{{{log_format}}}';
  access_log syslog:server=127.0.0.1:{syslog},tag=nginx,nohostname exporter;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $proxy_host $service {{ default $proxy_host; '' nginx; }}
  {upstreams}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {{ return 404; }}
    {locations}
  }}
  server {{
    listen 127.0.0.1:{status};
    access_log off;
    location = /stub_status {{ stub_status; }}
  }}
}}
"""


RETRIED = "catalog"
"""The service that has a second replica, which is down: half of its requests are refused once and then retried."""


def render(
    folder: Path, services: Mapping[str, int], *, port: int, status: int, syslog: int, nobody: int
) -> Path:
    """Write nginx' configuration and return it.

    Args:
        folder: where nginx keeps its files.
        services: name -> port.
        port: of the gateway.
        status: where stub_status is served.
        syslog: where the log exporter listens.
        nobody: a port on which nothing listens.
    """
    folder.mkdir(parents=True)
    dead = f"server 127.0.0.1:{nobody} max_fails=0;"
    upstreams = [
        f"upstream {name} {{ server 127.0.0.1:{at}; {dead if name == RETRIED else ''} keepalive 16; }}"
        for name, at in services.items()
    ]
    locations = [f"location {prefix} {{ proxy_pass http://{name}; }}" for prefix, name in ROUTES.items()]
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            folder=folder,
            log_format=_LOG_FORMAT,
            upstreams="\n  ".join(upstreams),
            locations="\n    ".join(locations),
            port=port,
            status=status,
            syslog=syslog,
        )
    )
    return config
