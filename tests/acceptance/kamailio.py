"""Kamailio, which other people wrote, as a registrar and as the edge of a carrier, on a free port."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from phone.authority import Issued
from ports import free_port

REALM, PASSWORD = "carrier", "s3cret"
"""Whoever knows the password registers as whom they like."""

_TLS = """
enable_tls=yes
listen=tls:{host}:{tls_port}
loadmodule "tls.so"
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "verify_certificate", {wants})
modparam("tls", "require_certificate", {wants})
modparam("tls", "ca_list", "{ca_file}")
"""
_CONFIG = """
children=1
tcp_children=1
log_stderror=yes
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
{tls}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("registrar", "min_expires", {expires_s})
modparam("registrar", "max_expires", {expires_s})
modparam("rr", "enable_double_rr", 1)
request_route {{
    if (is_method("REGISTER")) {{
        if (!pv_auth_check("{realm}", "{password}", "0", "0")) {{
            auth_challenge("{realm}", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    record_route();
    if ($rU == "{behind}") {{
        $du = "sip:{behind_at}";
        t_relay();
        exit;
    }}
    if (!lookup("location")) {{
        sl_send_reply("404", "Not registered");
        exit;
    }}
    t_relay();
}}
"""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where it is reached."""

    port: int
    tls_port: int


@asynccontextmanager
async def kamailio(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    issued: Issued | None = None,
    ca_file: str = "",
    behind: str = "",
    behind_at: str = "",
    expires_s: int = 20,
) -> AsyncIterator[Edge]:
    """It runs in the foreground, and keeps what is registered in its memory. Takes TLS with a certificate;
    with `ca_file` it wants one of this authority from whoever it speaks TLS with. Registrations last for
    `expires_s`.

    Calls to the user `behind` go to the address `behind_at` over UDP, all others to who registered.
    """
    edge = Edge(free_port(), free_port())
    host = f"[{host}]" if ":" in host else host
    tls = ""
    if issued is not None:
        tls = _TLS.format(
            host=host,
            tls_port=edge.tls_port,
            certificate=issued.certificate,
            key=issued.key,
            wants=int(bool(ca_file)),
            ca_file=ca_file,
        )
    text = _CONFIG.format(
        host=host,
        port=edge.port,
        tls=tls,
        realm=REALM,
        password=PASSWORD,
        behind=behind,
        behind_at=behind_at,
        expires_s=expires_s,
    )
    async with running(directory, text):
        yield edge


@asynccontextmanager
async def running(directory: Path, text: str) -> AsyncIterator[None]:
    """Kamailio in the foreground, with this configuration."""
    program = shutil.which("kamailio")
    assert program, "Debian's packages kamailio and kamailio-tls-modules"
    config = directory / "kamailio.cfg"
    config.write_text(text)
    with (directory / "kamailio.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-DD", "-E", "-f", str(config), "-Y", str(directory), stderr=log, stdout=log
        )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
