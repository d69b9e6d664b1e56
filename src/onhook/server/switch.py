"""The process of all calls: opens everything in order, serves, and comes to an orderly end.

What cannot be opened raises :class:`StartError` with one sentence for the operator.
"""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook import __version__
from onhook.api.account_api import AccountApi
from onhook.api.cors import Origins
from onhook.api.endpoints import Api
from onhook.api.idempotency import KeptReplies
from onhook.api.ratelimit import RateLimit
from onhook.api.refusals import Refusals
from onhook.call import State
from onhook.calls.charging import Charging
from onhook.calls.clock import SettledClock
from onhook.calls.deliveries import Attempts, hand_over_replays, undelivered
from onhook.calls.directory import Directory
from onhook.calls.explaining import Explaining, all_explained
from onhook.calls.inbound.names import LocatedNames
from onhook.calls.inbound.watch import InboundWatch
from onhook.calls.journal import Journal
from onhook.calls.kept_resources import Find
from onhook.calls.preparation import MessageReader, Preparation
from onhook.calls.recordings.store import RecordingStore
from onhook.calls.recovery import PhoneRecovery
from onhook.calls.register import CallRegister
from onhook.calls.trunk_watch.watch import TrunkWatch
from onhook.media.prompt import Prompt
from onhook.media.remains import remains_in
from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.errors import CaFileUnusable
from onhook.notify.reachability import Reachability
from onhook.notify.remote import RemoteOutbox
from onhook.notify.resolver import AddressResolver
from onhook.notify.signatures import AppSecrets
from onhook.notify.tls import client_context
from onhook.phone.binding import adopt
from onhook.phone.dialog import headroom_of
from onhook.phone.endpoint import SipEndpoint
from onhook.phone.locating.dns import DnsNames
from onhook.phone.nat.public_address import AUTO, OutsideView
from onhook.phone.tls.contexts import ServerCertificate
from onhook.processes.membership import END
from onhook.processes.workers import Starter
from onhook.server import garbage, told_options
from onhook.server.admission import Admission
from onhook.server.condition import Condition
from onhook.server.console_door import ConsoleDoor, console_door
from onhook.server.directories import RECORDINGS
from onhook.server.handing_over import HandingOver
from onhook.server.health import Failing, Health, report
from onhook.server.heartbeat import beat
from onhook.server.launch import place
from onhook.server.lease import WorkerInUse, keep, take, unless
from onhook.server.loop_lag import LoopLag
from onhook.server.metrics import Metrics
from onhook.server.planes import Planes
from onhook.server.prompt_files import PromptFiles
from onhook.server.prompt_making import make_renderer
from onhook.server.sip_certificate import reload_certificate, sip_certificate
from onhook.server.start_error import StartError
from onhook.server.supervised import Supervised
from onhook.server.takeover import finish_recordings, take_over, tell_on
from onhook.server.tracing import Tracing
from onhook.server.web import HttpServer, as_json, serving
from onhook.server.wiring import Openings, call_control
from onhook.speech.errors import DirectoryUnusable
from onhook.speech.installed import installed_voices
from onhook.speech.renderer import Renderer
from onhook.speech.voices import described
from onhook.store import (
    Keyring,
    KeyringError,
    Lease,
    Store,
    StoreError,
)
from onhook.store.seal import keyring_of

if TYPE_CHECKING:
    import ssl

    from starlette.types import ASGIApp

    from onhook.server.settings import Settings

log = structlog.get_logger()

_NAMES_S = 3.0
_LAST_BYES_S = 5.0
_LAST_NOTIFICATIONS_S = 10.0
_CLOCK_SETTLES_S = 86400.0
"""Nothing is deleted by a wall clock that was set less than this ago."""


class Superseded(Exception):
    """Another process is the worker now, and ends and bills its calls; this one has ended."""

    def __init__(self, owner: str) -> None:
        super().__init__(
            f"Another server has taken over the worker {owner}; this one wrote nothing since, and "
            "ends. Give every server a --worker name of its own."
        )


class Switch:
    """Owner of all calls of a server, under a supervisor, whose sockets it listens at."""

    def __init__(self, settings: "Settings", supervised: Supervised) -> None:
        self._settings = settings
        self._supervised = supervised
        self._stop = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._ready = False
        self._health: Health | None = None
        self._condition: Condition | None = None
        self._metrics = Metrics()
        self._starter: Starter = supervised
        self._warm_voices: Callable[[], None] = lambda: None
        self._voices: Sequence[Mapping[str, str | float | None]] = ()
        self._making: Callable[[], int] = lambda: 0
        """How many messages are being made."""
        self._sockets = supervised.member.sockets
        self._http = place(self._sockets["http"].getsockname()[:2])
        self._certificate: ServerCertificate | None = None

    async def run(self) -> None:
        """Serves until it is asked to end, then drains. Raises StartError and :class:`Superseded`."""
        self._certificate = sip_certificate(self._settings)
        # 30 ms of reading authorities, beside all that comes before it is wanted.
        tls = asyncio.create_task(asyncio.to_thread(client_context, self._settings.ca_file))
        self._catch_signals()
        self._supervised.listen(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            store = await self._open_store(stack)
            lease = await self._become_worker(stack, store)
            if lease is None:
                return
            tracing = Tracing(self._settings, self._metrics)
            stack.push_async_callback(tracing.close)
            _in_background(stack, tracing.run())
            journal = Journal(store, tracing.on_write)
            stack.callback(journal.close)
            keyring = await _keyring(store, self._settings.data)
            directory = Directory(store, keyring)
            self._health = Health(
                store,
                lease,
                lambda: journal.owes,
                self._settings.data,
                self._supervised.missing,
            )
            self._condition = Condition(self._health, store.money, self._settings.data)
            self._metrics.watch(self._condition)
            outbox, preparation, read_message, find_prompt = await self._open_web(
                stack, store, directory, tls, tracing
            )
            recordings = self._open_recordings(stack)
            planes = Planes(self._settings, self._supervised, lambda: control.register.lose_media())
            await planes.open(stack, self._stop.is_set)

            names = DnsNames(self._settings.dns_servers)
            outside = await self._look_from_outside(stack, names)
            endpoint = SipEndpoint(
                on_call=lambda leg: control.arrivals.arrive(leg),
                trusted_peers=self._settings.trusted_peers,
                trying=False,  # a call rings once it is on disk, see LiveCall.begin
                admits=self._admission(stack).admits,
                trunk_of=lambda request: watch.trunk_of(request),
                sends_audio_to=planes.new.reaches,
                session_timer_s=self._settings.session_timer_s,
                user_agent=f"Onhook/{__version__}",
                names=names,
                outside=outside,
                on_message=tracing.on_message,
            )
            endpoint.headroom = headroom_of(lease.number)
            watch = TrunkWatch(
                store,
                self._settings.worker,
                directory.ways_out,
                endpoint,
                contact_user=keyring.name_for,
                lease_s=self._settings.lease_s,
            )
            outside.on_change.append(watch.moved)
            charging = Charging(store.money, self._settings.rate)
            explaining = Explaining(store, outbox.deliver)
            control = call_control(
                Openings(
                    settings=self._settings,
                    metrics=self._metrics,
                    store=store,
                    journal=journal,
                    directory=directory,
                    charging=charging,
                    preparation=preparation,
                    recordings=recordings,
                    plane=planes.new,
                    endpoint=endpoint,
                    watch=watch,
                    deliver=explaining.deliver,
                    keyring=keyring,
                    happened=tracing.on_event,
                    trace=tracing.recorder,
                )
            )
            register = control.register
            for plane in planes.all:
                plane.on_reopened = register.note_media
            await self._stand_at_sip(stack, endpoint)
            remains = remains_in(self._supervised.member.memory[1:])
            adoptions = [
                control.adoption(find_prompt, planes.others(plane, remains), plane)
                for plane in planes.all
            ]
            to_do = await take_over(self._settings, store, adoptions, recordings)
            tracing.left(register.records(), to_do.calls)
            tell_on(planes.all, journal)
            outbox.resume()
            await self._watch_sources(stack, directory, endpoint)
            await endpoint.serve()
            really = {"http": self._sockets["http"].getsockname()[:2], "sip": endpoint.listeners}
            told_options.tell(self._settings, really)
            self._watch_over(stack, store, journal, register)
            stack.callback(watch.close)
            _in_background(stack, watch.run())
            for adoption in adoptions:
                adoption.end_dropped()
            _in_background(stack, planes.end_old(lambda: adoptions[0].goes_on))
            phones = PhoneRecovery(store, endpoint, directory.ways_out)
            _in_background(stack, phones.run(to_do.calls))
            _in_background(stack, finish_recordings(planes.all, recordings, to_do.recordings))
            _in_background(stack, hand_over_replays(store, outbox.deliver))
            outbox.on_barred = register.untold
            replies = KeptReplies(store)
            _in_background(stack, replies.forget_old())
            api = Api(
                directory=directory,
                read_message=read_message,
                run=tracing.traced(control.switchboard.run, register.session_of),
                rate_limit=RateLimit(self._settings.rate_limit),
                status_per_minute=self._settings.status_rate_limit,
                metrics=self._metrics,
                account=AccountApi(
                    store,
                    directory,
                    charging.tariff,
                    preparation.resolve_forward_to,
                    keyring.name_for,
                ),
                replies=replies,
                refusals=Refusals(store, register.session_of, tracing.on_refused),
                name_for=keyring.name_for,
                origins=Origins(self._settings.cors_origins),
            )
            self._watch(register, endpoint, planes)
            door = console_door(self._settings, store, keyring, register, recordings, self._state)
            http = await stack.enter_async_context(self._serve_http(api, recordings, door))
            http.on_end = door.end_streams
            self._supervised.on_connection("http", http.take)
            leaving = HandingOver(
                self._supervised.member,
                http,
                endpoint.handover,
                journal,
                lambda: self._making(),
                lambda: outbox.settled,
                longest_request_s=self._settings.prepare_s,
                longest_call_s=self._settings.session_s,
            )
            _in_background(stack, leaving.run())
            garbage.tune()
            self._ready = True
            self._supervised.on_hand_over = leaving.want
            self._announce(endpoint)
            self._warm_voices()  # not before: loading them holds up the rest
            await self._stop.wait()
            if not lease.lost.is_set():
                await self._wind_up(register, endpoint, explaining, outbox, lease, watch)
            if lease.lost.is_set():
                raise Superseded(lease.owner)

    # Opening ------------------------------------------------------------------------------------

    async def _open_store(self, stack: AsyncExitStack) -> Store:
        settings = self._settings
        try:
            told_options.forget(settings.data)
            store = await Store.open(settings.data, settings.database_url.get_secret_value())
        except OSError as error:
            raise StartError(
                f"The data directory {settings.data} cannot be used: {error.strerror}."
            ) from error
        except StoreError as error:
            raise StartError(str(error)) from error
        stack.push_async_callback(store.close)
        return store

    async def _become_worker(self, stack: AsyncExitStack, store: Store) -> Lease | None:
        """Takes the lease, and keeps it; None if the process is to stop before it has it."""
        settings = self._settings
        try:
            taking = take(store, settings.worker, settings.data, settings.lease_s)
            lease = await unless(self._stop, taking)
        except WorkerInUse as error:
            raise StartError(str(error)) from error
        except (StoreError, SQLAlchemyError) as error:
            reason = getattr(error, "orig", None) or error
            raise StartError(f"The database cannot be written: {reason}.") from error
        if lease is not None:
            _in_background(stack, keep(store, lease, settings.lease_s))
            _in_background(stack, self._end_without(lease))
        return lease

    async def _end_without(self, lease: Lease) -> None:
        """A process that has lost its lease has nothing more to do here."""
        await lease.lost.wait()
        self._stop_now.set()
        self._stop.set()

    def _watch_over(
        self, stack: AsyncExitStack, store: Store, journal: Journal, register: CallRegister
    ) -> None:
        owner = self._settings.worker
        _in_background(stack, beat(store, journal, owner, lambda: bool(register.counts())))

    async def _watch_sources(
        self, stack: AsyncExitStack, directory: Directory, endpoint: SipEndpoint
    ) -> None:
        """The trunks that calls come by are known before the first call is, unless a name is slow."""
        watch = InboundWatch(
            directory.ways_out, LocatedNames(endpoint.locator), endpoint.take_calls_of
        )
        _in_background(stack, watch.run())
        await watch.looked(_NAMES_S)

    async def _open_web(
        self,
        stack: AsyncExitStack,
        store: Store,
        directory: Directory,
        contexts: "asyncio.Task[ssl.SSLContext]",
        tracing: Tracing,
    ) -> tuple[RemoteOutbox, Preparation, MessageReader, Find]:
        settings = self._settings
        try:
            tls = await contexts
        except CaFileUnusable as error:
            raise StartError(f"The setting --ca-file cannot be used: {error}.") from error
        resolver = AddressResolver(AddressPolicy(settings.allowed_networks))
        stack.callback(resolver.close)
        client = WebClient(resolver, tls)
        stack.push_async_callback(client.close)
        outbox = RemoteOutbox(
            Attempts(store, self._metrics.attempt, tracing.on_tried),
            _secrets_of(directory),
            lambda: all_explained(store, undelivered(store, settings.worker)),
        )
        stack.push_async_callback(outbox.close)
        self._supervised.on_link("deliveries", lambda ends: outbox.take(_socket(ends)))
        try:
            catalogue = stack.enter_context(
                installed_voices(
                    settings.voices_dir,
                    starter=self._starter,
                    experimental=settings.experimental_voices,
                )
            )
        except DirectoryUnusable as error:
            raise StartError(f"The setting --voices-dir cannot be used: {error}") from error
        self._voices = described(catalogue.voices)
        renderer, files = make_renderer(settings, client, catalogue, starter=self._starter)
        stack.push_async_callback(renderer.close)
        self._making = lambda: renderer.followed
        self._warm_voices = lambda: _in_background(stack, _warm(renderer, files))
        preparation = Preparation(Reachability(resolver, tls), renderer, settings.prepare_s)
        return outbox, preparation, MessageReader(renderer), files.find

    def _open_recordings(self, stack: AsyncExitStack) -> RecordingStore:
        settings = self._settings
        recordings = RecordingStore(
            settings.data / RECORDINGS,
            settings.public_url or f"http://{self._http}",
            settings.recordings_kept_s,
            deletes_by=SettledClock(_CLOCK_SETTLES_S).now,
            starter=self._starter,
        )
        stack.push_async_callback(recordings.close)
        _in_background(stack, recordings.encode_all())
        _in_background(stack, recordings.sweep())
        return recordings

    def _admission(self, stack: AsyncExitStack) -> Admission:
        loop = asyncio.get_running_loop()
        worked = garbage.WithoutCollections()
        stack.callback(worked.stop)
        lag = LoopLag(loop, self._metrics.loop_lag, worked)
        lag.start()
        stack.callback(lag.stop)
        return Admission(
            lag,
            loop.time,
            most_lag_s=self._settings.shed_lag_ms / 1000,
            per_s=self._settings.invites_per_s,
        )

    async def _look_from_outside(self, stack: AsyncExitStack, names: DnsNames) -> OutsideView:
        """The addresses that peers outside are told; those that have to be asked for, as far as they are
        known within a few seconds."""
        settings = self._settings
        outside = OutsideView(
            settings.public_address,
            names=names,
            inside=settings.local_networks,
            stun_server=settings.stun_server,
            stun_from=tuple(dict.fromkeys(each.host for each in settings.sip)),
        )
        if settings.stun_server is None and any(e.host == AUTO for e in settings.public_address):
            raise StartError(
                "The setting --public-address cannot be auto without a --stun-server to ask, such as "
                "stun.example.net:3478."
            )
        await outside.refresh()
        _in_background(stack, outside.keep())
        return outside

    async def _stand_at_sip(self, stack: AsyncExitStack, endpoint: SipEndpoint) -> None:
        bound = [
            adopt(name.rpartition(".")[2], each)
            for name, each in self._sockets.items()
            if name.startswith("sip.")
        ]
        await endpoint.stand_at(bound, self._certificate)
        stack.push_async_callback(endpoint.close)
        self._supervised.on_connection("sip", endpoint.handover.take)

    def _serve_http(
        self, api: Api, recordings: RecordingStore, console: ConsoleDoor
    ) -> AbstractAsyncContextManager[HttpServer]:
        pages = {
            "/healthz": self._healthz,
            "/metrics": self._metrics_page,
            "/voices": self._voices_page,
        }

        def others() -> "ASGIApp":
            from onhook.server.web_pages import application

            return application(recordings, pages, console)

        return serving(self._sockets["http"], api.find, pages, others, self._metrics.http_refused)

    # Serving ------------------------------------------------------------------------------------

    async def _healthz(self) -> tuple[int, str, bytes]:
        failing = await self._health.look() if self._health is not None else ()
        return as_json(*report(not self._ready or self._stop.is_set(), failing))

    async def _state(self) -> tuple[str, Sequence[Failing]]:
        failing = await self._health.look() if self._health is not None else ()
        return "draining" if self._stop.is_set() else "degraded" if failing else "ready", failing

    async def _metrics_page(self) -> tuple[int, str, bytes]:
        if self._condition is not None:
            await self._condition.look()
        return 200, "text/plain; version=0.0.4; charset=utf-8", self._metrics.text()

    async def _voices_page(self) -> tuple[int, str, bytes]:
        return as_json(self._voices, 200)

    def _watch(self, register: CallRegister, endpoint: SipEndpoint, planes: Planes) -> None:
        self._metrics.watch_calls([state.value for state in State], register.counts)
        self._metrics.watch_sip(lambda: endpoint.counters)
        self._metrics.watch_processes(lambda: self._supervised.processes)
        self._metrics.watch_tasks(lambda: len(asyncio.all_tasks()))
        self._metrics.watch_media(planes.figures)

    def _announce(self, endpoint: SipEndpoint) -> None:
        """Tell the supervisor, and the log, that calls are taken."""
        listeners = endpoint.listeners
        where = {
            "http": self._http,
            "sip": listeners[0].place,
            "listeners": ",".join(map(str, listeners)),
        }
        log.info("ready", **where, version=__version__)
        self._supervised.member.ready(**where, version=__version__)

    # Ending -------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        asyncio.get_running_loop().add_signal_handler(END, self._on_signal)
        certificate = self._certificate
        if certificate is not None:
            self._supervised.on_reload = lambda: reload_certificate(certificate)

    def _on_signal(self) -> None:
        """The first asks for an end, the second does not want to wait for it."""
        if self._stop.is_set():
            self._stop_now.set()
        self._stop.set()

    async def _wind_up(
        self,
        register: CallRegister,
        endpoint: SipEndpoint,
        explaining: Explaining,
        outbox: RemoteOutbox,
        lease: Lease,
        watch: TrunkWatch,
    ) -> None:
        """No new calls, and registrations taken back; running ones may end; the rest is hung up; the last
        notifications leave."""
        endpoint.draining = True
        leaving = asyncio.create_task(watch.end())
        draining = asyncio.create_task(register.drain(self._settings.drain_s))
        hurry = asyncio.create_task(self._stop_now.wait())
        await asyncio.wait((draining, hurry), return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, hurry):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if lease.lost.is_set():
            return
        register.hang_up_all()
        await register.emptied(_LAST_BYES_S)
        await explaining.settled()
        await outbox.drain(_LAST_NOTIFICATIONS_S)
        await leaving
        log.info("stopped")


def _in_background(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Runs until it is done or the process ends; what goes wrong is logged, and ends nothing else."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)
    stack.callback(task.cancel)


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("background_task_failed", exc_info=task.exception())


def _socket(ends: Sequence[int]) -> socket.socket:
    """The one socket that a link consists of."""
    (end,) = ends
    return socket.socket(fileno=end)


def _secrets_of(directory: Directory):  # type: ignore[no-untyped-def]
    async def look_up(app_id: str) -> AppSecrets | None:
        try:
            found = await directory.secrets(app_id)
        except LookupError:
            return None
        return AppSecrets(found.access_token, (found.webhook_secret,))

    return look_up


async def _warm(renderer: Renderer[Prompt], files: PromptFiles) -> None:
    """Loads the voices beside the first calls; a broken one fails the messages that need it."""
    try:
        await asyncio.to_thread(files.scan)
        await renderer.warm()
        # What is there now stays. Without it a full collection would stop all calls for 0.1 s.
        gc.collect()
        gc.freeze()
        log.info("voices_ready")
    except Exception:  # the root of a background task
        log.exception("voices_not_loaded")


async def _keyring(store: Store, data: Path) -> Keyring:
    try:
        return await keyring_of(store, data)
    except (KeyringError, StoreError) as error:
        raise StartError(str(error)) from error
