"""The switch of the simulator: the parts of a server that decide, with phones, media and speech of its own.

API, state machine, billing, store and the order of notifications are those of a server. In place of what
touches the world stand `phones.py`, `media.py`, `speech.py` and `recordings.py`; the process that delivers is
part of this one.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final, cast

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from uvicorn.config import Config

from onhook.administration import applications, numbers, trunks
from onhook.api.account_api import AccountApi
from onhook.api.endpoints import Api
from onhook.api.http_guard import guarded
from onhook.api.idempotency import KeptReplies
from onhook.api.ratelimit import RateLimit
from onhook.api.refusals import Refusals
from onhook.api.request import ApiRequest
from onhook.call import Notification
from onhook.calls.charging import Charging
from onhook.calls.deliveries import Attempts
from onhook.calls.directory import Directory
from onhook.calls.explaining import DETAIL, Explaining
from onhook.calls.journal import Journal
from onhook.calls.preparation import MessageReader, Preparation
from onhook.calls.recordings.store import RecordingStore
from onhook.calls.trunk_watch.watch import TrunkWatch
from onhook.media.plane import MediaPlane
from onhook.media.prompt import Prompt
from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.outbox import Outbox
from onhook.notify.reachability import Reachability
from onhook.notify.resolver import AddressResolver
from onhook.notify.schedule import RetrySchedule
from onhook.notify.signatures import AppSecrets
from onhook.notify.tls import client_context
from onhook.phone.endpoint import SipEndpoint
from onhook.phone.incoming import IncomingCall
from onhook.server.metrics import Metrics
from onhook.server.settings import Settings
from onhook.server.web import HttpServer
from onhook.server.wiring import Openings, call_control
from onhook.simulator.books import noted, set_credit
from onhook.simulator.deliveries import AttemptBook, Messenger
from onhook.simulator.line import Line, State
from onhook.simulator.media import SimulatedPlane
from onhook.simulator.phones import CallerLeg, Manner, SimulatedDialler
from onhook.simulator.recordings import SimulatedRecordings
from onhook.simulator.speech import TextRenderer
from onhook.simulator.virtual_loop import Stillness, VirtualLoop
from onhook.speech.renderer import Renderer
from onhook.store import Application, CallRecord, Store, Writes
from onhook.store.keyring import new_credential, new_webhook_secret, token_hash
from onhook.store.seal import keyring_of
from onhook.store.sqlite import Sqlite

APP_NAME: Final = "simulated"
_NEVER_S: Final = 1e9
"""Idle connections of the application are not closed when an hour of a call passes."""
_REACHED: Final = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""Networks in which an application that is tested may be."""


class _Given(Settings):
    """Settings of nobody's environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Those that are given, and defaults."""
        return (init_settings,)


class _NoWatch:
    """Trunks that are always well (calls.trunk_watch.TrunkWatch)."""

    def service_route(self, name: str) -> tuple[str, ...]:
        """None is asked for."""
        return ()

    def registered(self, user: str) -> None:
        """Nobody is registered anywhere."""

    def figures(self) -> tuple[Any, ...]:
        """Nothing is measured."""
        return ()

    def is_bad(self, name: str) -> bool:
        """It is well."""
        return False

    def noted(self, name: str, *, absent: bool) -> None:
        """Nobody asks."""


class Switch:
    """Runs on a `VirtualLoop`; `serve` it in an AsyncExitStack. What it hears of goes to ``told``."""

    def __init__(
        self,
        loop: VirtualLoop,
        data: Path,
        stillness: Stillness,
        settings: Mapping[str, Any],
        words_a_minute: float,
        told: Callable[[str, str], None],
    ) -> None:
        """``told`` hears of whom, by number or session, and what."""
        self.loop = loop
        self._data = data
        self._stillness = stillness
        self._words_a_minute = words_a_minute
        self._told = told
        self._numbers = count(1)
        self.lines: dict[int, Line] = {}
        self.manners: dict[str, Manner] = {}
        self.records: dict[str, CallRecord] = {}
        """What is written of each call, by session."""
        self._unbound: list[tuple[Line, str, str]] = []
        """Callers of whose call nothing is written yet, with the numbers called and calling."""
        self.plane = SimulatedPlane(lambda number: self.lines[number])
        self.dialler = SimulatedDialler(self.new_line, self._manner_of)
        given = {
            "data": data,
            "rate_limit": 0,
            "status_rate_limit": 0,
            "max_calls": 0,
            "allowed_networks": ",".join(_REACHED),
            **settings,
        }
        self.settings: Settings = _Given(**given)

    # Opening ----------------------------------------------------------------------------------------

    async def serve(
        self,
        stack: AsyncExitStack,
        http: socket.socket,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        """Opens everything, and answers at ``http`` until the stack is closed."""
        settings, loop = self.settings, self.loop
        self.url = f"http://127.0.0.1:{http.getsockname()[1]}"
        self.recordings = SimulatedRecordings(self.url)
        self.store = store = await Store.open(self._data, gathers=False)
        stack.push_async_callback(store.close)
        database = cast(Sqlite, store.database)
        journal = Journal(store, self._written)
        stack.callback(journal.close)
        self.keyring = await keyring_of(store, self._data)
        self.directory = directory = Directory(store, self.keyring)
        tls = await asyncio.to_thread(client_context, None)
        networks = tuple(map(ipaddress.ip_network, _REACHED))
        resolver = AddressResolver(AddressPolicy(networks))
        stack.callback(resolver.close)
        client = WebClient(resolver, tls)
        stack.push_async_callback(client.close)
        self.messenger = Messenger(client, self._stillness, self._told)
        metrics = Metrics()
        self.outbox = outbox = Outbox(
            AttemptBook(Attempts(store, metrics.attempt)),
            self.messenger,
            self._secrets_of,
            schedule=RetrySchedule(tuple(settings.retry_schedule)),
            clock=loop.wall,
            monotonic=loop.time,
        )
        stack.push_async_callback(outbox.close)
        renderer = cast(
            Renderer[Prompt], TextRenderer(self._words_a_minute, self.recordings.lengths_s.get)
        )
        preparation = Preparation(Reachability(resolver, tls), renderer, settings.prepare_s)
        charging = Charging(store.money, settings.rate)
        watch = cast(TrunkWatch, _NoWatch())
        self._explaining: dict[str, Any] = {}
        explaining = Explaining(store, self._explained)
        self.control = control = call_control(
            Openings(
                settings=settings,
                metrics=metrics,
                store=store,
                journal=journal,
                directory=directory,
                charging=charging,
                preparation=preparation,
                recordings=cast(RecordingStore, self.recordings),
                plane=cast(MediaPlane, self.plane),
                endpoint=cast(SipEndpoint, self.dialler),
                watch=watch,
                deliver=lambda one: self._deliver(one, explaining),
                keyring=self.keyring,
                happened=None,
                trace=None,
            )
        )
        outbox.on_barred = control.register.untold
        api = Api(
            directory=directory,
            read_message=MessageReader(renderer),
            run=control.switchboard.run,
            rate_limit=RateLimit(settings.rate_limit),
            status_per_minute=settings.status_rate_limit,
            metrics=metrics,
            account=AccountApi(
                store,
                directory,
                charging.tariff,
                preparation.resolve_forward_to,
                self.keyring.name_for,
            ),
            replies=KeptReplies(store),
            refusals=Refusals(store, control.register.session_of, lambda *_: None),
            name_for=self.keyring.name_for,
        )
        loop.clock.is_idle = lambda: database.idle
        loop.clock.goes_on = lambda: bool(control.register.counts()) or len(outbox) > 0
        await self._serve_http(stack, http, api)
        await self._make_application(credentials)

    async def _serve_http(self, stack: AsyncExitStack, http: socket.socket, api: Api) -> None:
        find = {}

        def counted(path: str) -> "_Counted | None":
            service = api.find(path)
            if service is None:
                return None
            if path not in find:
                find[path] = _Counted(self, service.reply, path)
            return find[path]

        config = Config(
            self.recordings.application(),
            interface="asgi3",
            http=guarded(lambda: None, counted, progress_s=_NEVER_S),
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(_NEVER_S),
            timeout_graceful_shutdown=1,
        )
        server = HttpServer(config)
        task = asyncio.create_task(server.serve([http]))

        async def end() -> None:
            server.end()
            server.force_exit = True
            await task

        stack.push_async_callback(end)

    async def _make_application(self, credentials: tuple[str, str] | None) -> None:
        store, keyring, now_ms = self.store, self.keyring, round(self.loop.wall() * 1000)
        await applications.ensure_main_account(store, self.settings.currency)
        self.app_id, self.access_token = credentials or (new_credential(), new_credential())
        self.webhook_secret = new_webhook_secret()
        await store.add_application(
            Application(
                app_id=self.app_id,
                name=APP_NAME,
                token_hash=token_hash(self.access_token),
                token_encrypted=keyring.encrypt(self.access_token),
                webhook_secret_encrypted=keyring.encrypt(self.webhook_secret),
                created_ms=now_ms,
            )
        )
        await trunks.add(
            self.store,
            self.keyring,
            noted,
            "simulated",
            {"proxy": "127.0.0.1:5060", "prefix": "*"},
        )

    async def _secrets_of(self, app_id: str) -> AppSecrets:
        found = await self.directory.secrets(app_id)
        return AppSecrets(found.access_token, (found.webhook_secret,))

    # What happens -----------------------------------------------------------------------------------

    def _written(self, writes: Writes) -> None:
        """A call is as this record says."""
        for record in writes.calls:
            if record.session not in self.records and record.direction == "in":
                self._bind(record)
            self.records[record.session] = record

    def _bind(self, record: CallRecord) -> None:
        """Of a caller who gave up before anything was written there is no record."""
        self._unbound = [one for one in self._unbound if one[0].state is not State.OVER]
        for one in self._unbound:
            line, called, caller = one
            if (called, caller) == (record.to_number, record.from_number):
                line.session = record.session
                self._unbound.remove(one)
                return

    def session_to(self, number: str, not_in: set[str]) -> str:
        """The session of a call that was placed to a number; empty where it is the second leg of one."""
        for record in self.records.values():
            is_it = record.direction == "out" and record.dest_number == number
            if is_it and record.session not in not_in:
                return record.session
        return ""

    def _deliver(self, notification: Notification, explaining: Explaining) -> None:
        if notification.fields.get(DETAIL) == "":
            held = self._stillness.held("why a call ended")
            held.__enter__()
            self._explaining[notification.notification_id] = held
        explaining.deliver(notification)

    def _explained(self, notification: Notification) -> None:
        held = self._explaining.pop(notification.notification_id, None)
        self.outbox.deliver(notification)
        if held is not None:
            held.__exit__(None, None, None)

    async def asked(
        self, reply: Callable[[ApiRequest], Any], request: ApiRequest, path: str
    ) -> tuple[bytes, bytes]:
        """A request of the application; time stands still meanwhile."""
        with self._stillness.held(f"a request of {path}"):
            head, body = await reply(request)
        said = f"asks for {path.removeprefix('/open/')}: {body.decode(errors='replace')[:200]}"
        self._told(self._session_in(request), said)
        return head, body

    def _session_in(self, request: ApiRequest) -> str:
        """Of which of the calls a request speaks; empty where it is none."""
        asked = f"{request.query!r}{(request.body or b'').decode(errors='replace')}"
        return next((one for one in self.records if one in asked), "")

    # What phones do ---------------------------------------------------------------------------------

    def new_line(self, name: str) -> Line:
        """One more end of a call."""
        number = next(self._numbers)
        line = self.lines[number] = Line(number, name, self.loop.time, self._line_told)
        return line

    def _manner_of(self, number: str) -> Manner:
        """How it takes calls: as was said of it, or of all, which is that of the empty number."""
        return self.manners.get(number) or self.manners.get("") or Manner()

    def _line_told(self, line: Line, said: str) -> None:
        self._told(line.name, said)

    def call(self, called: str, caller: str, headers: Mapping[str, str]) -> CallerLeg:
        """Somebody calls one of our numbers."""
        line = self.new_line(caller or "anonymous")
        self._unbound.append((line, called, caller))
        self._told(line.name, f"calls {called}")
        leg = CallerLeg(line, called, caller, tuple(headers.items()))
        leg.listener = self.control.arrivals.arrive(cast(IncomingCall, leg))
        return leg

    async def add_number(self, number: str, forward_to: str) -> None:
        """Calls to a number are told there; nothing, if they are already."""
        with self._stillness.held("a new number"):
            known = await self.store.number(number)
            if known is not None and known.forward_to == forward_to:
                return
            if known is not None:
                await numbers.remove(self.store, self.keyring, noted, number)
                self.directory.forget_number(number)
            await numbers.add(self.store, self.keyring, noted, number, self.app_id, forward_to)

    async def credit(self, amount: str | None) -> None:
        """The account has this much and no more; None: it pays afterwards, whatever calls cost."""
        with self._stillness.held("credit"):
            await set_credit(self.store, amount)


class _Counted:
    """Answers at one path (api.exchange.Answers)."""

    def __init__(self, switch: Switch, reply: Callable[[ApiRequest], Any], path: str) -> None:
        self._switch = switch
        self._reply = reply
        self._path = path

    async def reply(self, request: ApiRequest) -> tuple[bytes, bytes]:
        """The reply of the API."""
        return await self._switch.asked(self._reply, request, self._path)
