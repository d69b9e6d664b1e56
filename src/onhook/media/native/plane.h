/* The media plane: threads that send and receive the RTP of every call.
 *
 * An open call is sent a packet each 20 ms from its beginning to its end: silence, where there is
 * nothing else.
 *
 * It has two sides, in two processes or in one: the plane itself (`plane_host`), with its threads, and whoever
 * steers it, the switch (`plane`). They share a piece of memory, two bells and a socket, a link; see link.h.
 *
 * All of the switch's side is called from one thread, "the caller" (the event loop's); nothing blocks but
 * plane_stop(). It shares no lock with anybody: commands go in through one ring, events come
 * out through others, and a descriptor says that there are some.
 *
 * A function that returns int gives 0 or a positive value when it worked, and a negative errno
 * when it was refused, in which case nothing has happened. -EPIPE, of all of them: the plane is gone, or what it
 * wrote makes no sense; plane_detach() is due. What was accepted may yet be refused by the plane, for want of memory or
 * descriptors: then its end is told at once (CLOSED, STOPPED, RECORDED with an error), and it is counted.
 */
#ifndef ONHOOK_PLANE_H
#define ONHOOK_PLANE_H

#include <stdint.h>

/* cdef: begin (build_plane.py hands what stands between these marks to cffi) */
enum {
    PLANE_FRAME_BYTES = 160, /* 20 ms of G.711 */
    PLANE_FRAME_MS = 20,
    PLANE_MAX_THREADS = 8,
    PLANE_MAX_PACKET_MS = 60,
    PLANE_MAX_PROMPT_FRAMES = 4 * 60 * 60 * 50, /* 4 hours */
    PLANE_MAX_SEGMENTS = 4096, /* queued for one call and not yet reported */
    PLANE_ROOM_MEMBERS = 8,
    PLANE_LATCHES = 4,
    PLANE_CNAME_BYTES = 16,
    PLANE_MASTER_BYTES = 30,   /* an SRTP master key, and behind it its salt */
    PLANE_MKI_BYTES = 16,
    PLANE_MAX_RECORDINGS = 4,  /* of one call and not yet reported */
    PLANE_MAX_DIGITS = 64,     /* of one plane_send_digits() */
    PLANE_HELD = 1,            /* accepted, but there was no room: call plane_flush() soon */
    PLANE_CUT_SHORT = 2,       /* of plane_add_prompt(), a bit: accepted, but the file is shorter */
    PLANE_NO_EVENTS = -1       /* plane_format: no telephone-event was negotiated */
};

enum plane_event_kind {
    PLANE_PLAYED = 1,  /* the last frame of segment play_id left at at_ns, or leaves then */
    PLANE_STOPPED = 2, /* segment play_id was cut off, or never began */
    PLANE_DIGIT = 3,   /* digit: one of 0123456789*#ABCD */
    PLANE_RTP_FIRST = 4,
    PLANE_RTP_TIMEOUT = 5, /* once for each silence; armed again by the next packet */
    PLANE_CLOSED = 6,      /* nothing follows but RECORDED; plane_reap() is due */
    PLANE_RECORDED = 7,    /* also after CLOSED; plane_reap_recording() is due */
    PLANE_REPORTED = 8     /* the peer told by RTCP what has arrived: see plane_event */
};

/* Why a link is over. */
enum plane_end {
    PLANE_GOING = 0,
    PLANE_SWITCH_GONE = 1,
    PLANE_NONSENSE = 2,   /* the switch wrote what cannot be */
    PLANE_TERMINATED = 3 /* it is not: SIGUSR1 came */
};

enum plane_scheduling { PLANE_NORMAL = 0, PLANE_NICE = 1, PLANE_FIFO = 2 };

typedef struct plane plane;
typedef struct host plane_host;

/* What a switch needs to reach a plane: descriptors. */
struct plane_link {
    int memory;
    int commands; /* an eventfd */
    int events;   /* a pipe to be read. The flags of an eventfd are both sides': we could be made to wait */
    int control;  /* a socket of AF_UNIX, SOCK_SEQPACKET; it ends with the other side */
};

struct plane_config {
    uint32_t max_calls;
    uint32_t rtp_timeout_ms; /* 0: never */
    uint32_t command_ring;   /* a power of two */
    uint32_t event_ring;     /* a power of two; one a thread */
    uint32_t threads;        /* 1..PLANE_MAX_THREADS */
    uint32_t plenty;         /* calls that a thread has before another one is used beside it */
    int one_by_one;          /* packets leave by a system call each, even where io_uring is to be had */
};

/* What was agreed with a peer (RFC 3264). */
struct plane_format {
    uint8_t payload_type;   /* of audio, sent and received, 0..127: 8 is A-law, all else mu-law */
    int event_payload_type; /* of telephone-events that are sent, or PLANE_NO_EVENTS */
    int event_from_peer;    /* of those that are received, which may have another number */
    int on_hold;            /* it does not listen: what would be sent is not, and time goes on */
    uint8_t audio_type;     /* what audio is called on the wire instead of payload_type, or 0 */
    int comfort_noise;      /* silence is sent as RFC 3389 says, under payload type 13 */
    int no_rtcp;            /* nor is it sent reports: it has closed the stream (RFC 3264 section 6) */
    uint8_t packet_ms; /* of audio in a packet that is sent: 10, 20, 30, 40 or 60; 0 is 20 */
};

/* Where the peer's first packet may come from, besides the address of its SDP. */
struct plane_latching {
    const char *const *ips; /* in digits, without a zone: what its signalling names */
    int count;              /* of these, PLANE_LATCHES at the most */
    int anybody;            /* any address at all */
};

/* A master key of SRTP, for AES_CM_128_HMAC_SHA1_80 or _32 (RFC 3711, RFC 4568). */
struct plane_key {
    uint8_t master[PLANE_MASTER_BYTES];
    uint8_t tag_bytes; /* 10 or 4 */
    uint8_t mki_bytes; /* PLANE_MKI_BYTES at the most; 0: its packets have none. Only of what is received */
    uint8_t mki[PLANE_MKI_BYTES];
};

struct plane_call {
    int fd;                /* of plane_bind(); the plane's from a successful plane_open() on */
    const char *remote_ip; /* in digits, IPv4 or IPv6 as the socket is; unicast */
    uint16_t remote_port;  /* not 0 */
    struct plane_format format;
    struct plane_latching latching;
    const struct plane_key *send_key, *receive_key; /* both, or NULL: in the clear. See plane_protect() */
    uint32_t ssrc; /* these three: random (RFC 3550 section 5.1) */
    uint32_t timestamp;
    uint16_t sequence;
    uint32_t heard_wraps; /* how often the sequence numbers of the peer's SRTP may have wrapped: plane_progress, or 0 */
    uint64_t press[2];    /* the newest press of a key that was told of: likewise */
};

struct plane_event {
    uint64_t number; /* counts up, also from one switch to the next; some are left out */
    uint64_t call;
    uint64_t play_id; /* of PLAYED and STOPPED; of RECORDED the recording's handle; of REPORTED
                       * how many of the packets sent until at_ns were not there yet */
    int64_t at_ns;    /* CLOCK_MONOTONIC */
    int32_t kind;
    int32_t digit; /* of REPORTED how many packets were lost in all */
    int32_t last;  /* of PLAYED and STOPPED: the play_id ends with this segment */
};

struct plane_stats {
    uint64_t sent_packets;
    uint64_t sent_bytes; /* RTP headers included, as in received_bytes */
    uint64_t silent_packets; /* of those that were sent: where nothing played */
    uint64_t send_errors;
    uint64_t received_packets;
    uint64_t received_bytes;
    uint64_t lost;       /* gaps in the sequence numbers that were not filled later */
    uint64_t duplicated; /* the same sequence number again */
    uint64_t malformed;  /* not RTP, cut short, or too long */
    uint64_t foreign;    /* RTP, but from an address or with a codec that is not the peer's */
    uint64_t foreign_high; /* the host of the last of these, address_host(), 0: there was none; */
    uint64_t foreign_low;  /* in the byte order of the network */
    uint64_t audio_packets; /* of those received: sound of the codec agreed on, or of the other law */
    uint64_t noise_packets; /* comfort noise; also before anything else made its sender the peer */
    uint64_t other_packets; /* from where the peer may be, of a payload type that is none of these nor events */
    uint64_t jitter;        /* of what arrives, as it is now; in samples (RFC 3550 appendix A.8) */
    uint64_t jitter_max;    /* the highest that it was */
    uint64_t dropped_digits; /* the caller did not take events while the peer kept dialling */
    uint64_t reports;        /* by RTCP, of the peer, on what it was sent; what follows is of the last */
    int64_t reported_lost;
    uint64_t reported_highest; /* sequence number that arrived, extended */
    uint64_t reported_behind;  /* packets sent since that one */
    uint64_t reported_of;      /* packets sent until that one, which it is one of */
    uint64_t reported_jitter;  /* in samples */
    uint64_t round_trip_us;    /* 0: not known */
    uint64_t rtcp_packets;     /* datagrams of RTCP that are the peer's, with a report or without */
    uint64_t rtcp_refused;     /* datagrams that are no RTCP, or not the peer's */
    uint64_t unauthentic;      /* where SRTP was agreed: in the clear, altered, or under another key */
    uint64_t replayed;         /* likewise: here before, or older than can be told */
};

/* What an earlier switch has left, and nobody has adopted. */
struct plane_found {
    uint64_t handle;
    uint64_t last_play;        /* the highest play_id of which the last segment was queued; 0: none */
    uint64_t bridged_to, room; /* handles, 0: none */
    uint32_t queued;           /* segments that are not reported */
    uint16_t port;             /* the local one */
};

struct plane_found_recording {
    uint64_t call, recording, tag;
};

struct plane_recorded {
    uint64_t samples; /* that the file has; of 2 bytes */
    uint64_t lost;    /* that were to be heard, and are missing, or silent in the file */
    int32_t error;    /* errno of the write that failed, ETIMEDOUT: of none in time, or 0 */
};

struct plane_left_digit {
    uint64_t number;
    int32_t digit;
};

/* When a call's peer was last known to be there; CLOCK_MONOTONIC, 0: never. */
struct plane_signs {
    int64_t heard_ns;    /* a packet of it arrived */
    int64_t received_ns; /* a packet left that it says it has received (RTCP) */
};

/* How far a call is, for a plane after this one: see plane_call. */
struct plane_progress {
    uint64_t play_id;  /* of what plays, 0: nothing */
    uint64_t progress; /* how many of its frames were sent, of a loop since it began anew; or how many digits */
    uint32_t heard_wraps; /* of the sequence numbers of the peer's SRTP */
    uint32_t over; /* the newest play_id of 32 bits that was played to its end; 0: none */
    uint64_t press[2]; /* the newest press of a key that was told of, as keys.h packs it */
};

struct plane_health {
    uint64_t calls;          /* open now */
    uint64_t skipped_rounds; /* how often all calls were set back by a frame, being late */
    int64_t late_max_ns;     /* the latest that a tick ever began */
    int32_t scheduling;      /* enum plane_scheduling */
    uint64_t refused;        /* commands that the plane could not follow: a fault of ours */
    uint64_t unauthentic;    /* of all calls so far, as in plane_stats; likewise */
    uint64_t replayed;
    uint32_t waiting; /* commands that are not followed yet, those held back apart */
};

struct plane_about {
    int32_t pid;
    uint64_t generation; /* of the link: 1 for the first of a plane */
    uint32_t max_calls;
    uint32_t sockets;    /* that the plane's process can have; a call needs two */
};

/* ---- The plane's side ---------------------------------------------------------------------- */

/* Start the threads of a plane that waits for one switch. The soft limit of open files is raised as far as it goes.
 * The descriptors of `link` stay the plane's: they are to be sent, then plane_host_handed_over(). -EINVAL, -ENOMEM,
 * -EMFILE, -EAGAIN. */
int plane_host_start(plane_host **out, const struct plane_config *config, uint64_t generation,
                     struct plane_link *link);
void plane_host_handed_over(plane_host *host);

/* Wait until the link is over, or SIGUSR1 comes, which has to be blocked in this process: enum plane_end. GOING: the time
 * is over, -1: there is none. */
int plane_host_wait(plane_host *host, int timeout_ms);

/* After SWITCH_GONE: go on for another switch with all that there is. What the last one had asked is done before that, and
 * its prompts are let go. As plane_host_start() in all else; after an error only plane_host_stop() is possible. */
int plane_host_relink(plane_host *host, uint64_t generation, struct plane_link *link);

/* Whether a switch has attached to this link. */
int plane_host_is_attended(const plane_host *host);

/* Nobody comes: close all calls, as plane_close() does, and all rooms, within some milliseconds. Returns how many calls
 * there are. */
uint64_t plane_host_let_go(plane_host *host);

/* Join the threads, close every socket, free everything. Recordings are written to their end, so this waits
 * for the disk. */
void plane_host_stop(plane_host *host);

/* ---- The switch's side --------------------------------------------------------------------- */

/* Steer a plane. Its descriptors are ours from now on. -EPROTO: it is none, or of another version. -ENOMEM. */
int plane_attach(plane **out, const struct plane_link *link);

/* Let it go; it notices, goes on with all that is open, and waits for another switch. */
void plane_detach(plane *p);

/* What is there from an earlier switch, and may be adopted; calls that are closing are not. Up to max; returns how many
 * there are. No event of it is taken before it is adopted, and none after plane_let_go_of_rest() that is not. */
int plane_found(const plane *p, struct plane_found *out, int max);

/* Recordings that go on, and those whose RECORDED was not acknowledged. Likewise. */
int plane_found_recordings(const plane *p, struct plane_found_recording *out, int max);

/* Go on with it as if it had been opened here. -ENOENT: it was not found. */
int plane_adopt(plane *p, uint64_t handle);
int plane_adopt_room(plane *p, uint64_t room);
int plane_adopt_recording(plane *p, uint64_t recording);

/* Close all that was found and not adopted. Returns how many calls those were, or an error. */
int plane_let_go_of_rest(plane *p);

/* How many of these are not closed yet, or not written to their end; as far as events were taken. */
uint32_t plane_leaving(const plane *p);

/* ---- A plane that is dead ------------------------------------------------------------------ */

typedef struct remains plane_remains;

/* Read what a plane, of whichever switch, showed last in the memory of its link. The descriptor stays the caller's. -EPROTO:
 * it is none, or of another version. -ENOMEM. */
int plane_remains_open(plane_remains **out, int memory);
void plane_remains_close(plane_remains *remains);

/* The process that the plane was. */
int plane_remains_pid(const plane_remains *remains);

/* The keys of a call that were told of under numbers beyond `after`, and not acknowledged; up to max, in any order. Returns
 * how many there are. */
int plane_remains_digits(const plane_remains *remains, uint64_t handle, uint64_t after,
                         struct plane_left_digit *out, int max);

/* The number of what it told last. */
uint64_t plane_remains_newest(const plane_remains *remains);

/* How far a call was, and what it had come to; of a handle that was open to the end. -ENOENT: there is no such place. */
int plane_remains_read(const plane_remains *remains, uint64_t handle, struct plane_progress *progress,
                       struct plane_signs *signs, struct plane_stats *stats);

/* ---- Beginning and end --------------------------------------------------------------------- */

/* Both sides in this process. -EINVAL, -ENOMEM, -EMFILE, -EAGAIN. */
int plane_start(plane **out, const struct plane_config *config);

/* The end of plane_start(), or of plane_attach(). No event follows. */
void plane_stop(plane *p);

/* Readable when there are events; the reader reads all of it away, then takes the events. */
int plane_event_fd(const plane *p);

/* Readable, at its end, when the plane is gone. */
int plane_control_fd(const plane *p);
void plane_about(const plane *p, struct plane_about *out);

/* How the threads keep time. */
void plane_health(const plane *p, struct plane_health *out);

/* A non-blocking UDP socket bound to an address in digits and a port (0: any). Of IPv6 it takes nothing of
 * IPv4. Returns the fd. */
int plane_bind(const char *ip, uint16_t port);

/* A socket that another plane had is as plane_bind() makes it, with what waits in it. */
void plane_unconnect(int fd);

/* A new call; *handle names it. -EINVAL (addresses, payload type, keys), -EUSERS (max_calls). */
int plane_open(plane *p, const struct plane_call *how, uint64_t *handle);

/* Map so many frames that stand in a file from `offset` bytes on: all in mu-law, and behind them the same in
 * A-law, since a call may change to the other one while they play; *handle names them. The fd stays the
 * caller's, and may be closed. The file must not be written to, nor get shorter:
 * what is not there is a send error in its turn (PLANE_CUT_SHORT where that is known now). -EINVAL (no
 * frames, more than PLANE_MAX_PROMPT_FRAMES, no file), -ENOBUFS, -ENOMEM, -EBADF. */
int plane_add_prompt(plane *p, int fd, uint64_t offset, uint32_t count, uint64_t *handle);

/* A file in memory with so many frames in both laws, for plane_add_prompt(): it is sealed, so that nobody can
 * write to it or cut it short. Returns the fd. From any thread. -EINVAL, -EMFILE, -ENFILE, -ENOMEM. */
int plane_make_file(const uint8_t *mu_law, const uint8_t *a_law, uint32_t count);

/* Samples of 16 bits in a law, which is that of a payload type: 8 is A-law, all else mu-law; and back. From any
 * thread. */
void plane_encode(const int16_t *samples, uint32_t count, uint8_t payload_type, uint8_t *coded);
void plane_decode(const uint8_t *coded, uint32_t count, uint8_t payload_type, int16_t *samples);

/* From now on the handle is good for nothing; what was asked to play goes on, and then the file is unmapped.
 * -ENOENT. */
int plane_drop_prompt(plane *p, uint64_t prompt);

/* Append so many frames of a prompt, from `first` on, to what the call plays. The last segment of a play_id says so: what
 * is asked without it is followed with it, and a plane that outlives its switch has the whole message or nothing of
 * it. -EINVAL, -ENOENT (no such call, or prompt), -ENOBUFS. */
int plane_play(plane *p, uint64_t handle, uint64_t play_id, uint64_t prompt, uint32_t first,
               uint32_t count, int last);

/* As plane_play(), but the last of such segments with the same play_id begins the first anew, for
 * ever: they are STOPPED in the end. What is queued behind them waits. */
int plane_loop(plane *p, uint64_t handle, uint64_t play_id, uint64_t prompt, uint32_t first,
               uint32_t count, int last);

/* Append digits, each as a telephone-event (RFC 4733) of 100 ms and a pause of 60 ms, or as the tones of
 * the key where none is agreed when it goes down; a comma is a pause of 1 s. At most PLANE_MAX_DIGITS at
 * once. As plane_play() in all else. */
int plane_send_digits(plane *p, uint64_t handle, uint64_t play_id, const uint8_t *digits,
                      uint32_t count, int last);

/* Send each of two calls what the other says, at once, transcoded if need be, while it has nothing
 * to play itself. Each leaves what it was joined to before. -EINVAL (the same call), -ENOENT. */
int plane_bridge(plane *p, uint64_t one, uint64_t other);

/* A room: each member hears all others, while it has nothing to play itself; *room names it. -ENOMEM. */
int plane_open_room(plane *p, uint64_t *room);

/* Let a call in; it leaves what it was joined to before. The caller sees to it that there are never
 * more than PLANE_ROOM_MEMBERS: another one is not let in. -ENOENT. */
int plane_join(plane *p, uint64_t room, uint64_t handle, int muted);

/* Whether the others hear this member of a room. Otherwise nothing. -ENOENT. */
int plane_mute(plane *p, uint64_t handle, int muted);

/* Leave the bridge or the room; closing the call does so too. -ENOENT. */
int plane_leave(plane *p, uint64_t handle);

/* All members leave. The handle is good for nothing from now on. -ENOENT. */
int plane_close_room(plane *p, uint64_t room);

/* Cut everything queued so far, at once. -ENOENT. */
int plane_cut(plane *p, uint64_t handle);

/* Record what the peer says and what it is sent, mixed, in time with each other: samples of 16 bits
 * at 8,000 Hz, one channel, in the machine's byte order. They are written by a thread of their own,
 * a fraction of a second later. The fd is the plane's from now on, and made non-blocking. -ENOENT,
 * -EINVAL, -ENOMEM, -ENOBUFS (PLANE_MAX_RECORDINGS). *recording names it, and `tag` to another switch. */
int plane_record(plane *p, uint64_t handle, int fd, uint64_t tag, uint64_t *recording);

/* As plane_record(), but it waits until it is told to begin. One that ends before that has no samples. */
int plane_prepare_recording(plane *p, uint64_t handle, int fd, uint64_t tag, uint64_t *recording);

/* Begin one that waits where a message ends that this call plays, or will: with the sample behind the last of that `play_id`,
 * whoever is there to hear of it. If it is cut off, it is waited on. 0: at once, and what plays is cut, so that none of it
 * is recorded. Nothing, where it has begun. -ENOENT. */
int plane_begin_recording(plane *p, uint64_t handle, uint64_t which, uint64_t behind);

/* End a recording of this call; RECORDED follows. plane_close() ends all of them. -ENOENT. */
int plane_record_stop(plane *p, uint64_t handle, uint64_t which);

/* After RECORDED: what became of it; its fd is closed. -ENOENT. */
int plane_reap_recording(plane *p, uint64_t recording, struct plane_recorded *out);

/* The peer moved (re-INVITE). The same address again changes nothing; another one undoes the
 * latch. One of the other family cannot be reached: -EINVAL. -ENOENT. */
int plane_remote(plane *p, uint64_t handle, const char *ip, uint16_t port);

/* Where the peer's first packet may come from is another now. -EINVAL, -ENOENT. */
int plane_latch(plane *p, uint64_t handle, const struct plane_latching *latching);

/* Something else was agreed (re-INVITE): what is sent from now on follows it. -EINVAL, -ENOENT. */
int plane_agree(plane *p, uint64_t handle, const struct plane_format *format);

/* SRTP is agreed, or has new keys (re-INVITE): from now on nothing is sent or taken in the clear, and that
 * stays so. The first time both are needed; later NULL stays as it was. What the peer sends under its old key
 * counts until 2 s after its new one was heard. With `later`, ours is used once the peer has used its
 * own new one, which says that it has read our answer, or after 1 s. The keys are copied. -EINVAL, -ENOENT. */
int plane_protect(plane *p, uint64_t handle, const struct plane_key *send,
                  const struct plane_key *receive, int later);

/* RTCP of a call (RFC 3550 section 6). */
struct plane_rtcp {
    int fd;  /* of plane_bind(), of its own; -1: there is none, or it stays as it is */
    int mux; /* it shares the port of the RTP (RFC 5761) */
    const char *remote_ip; /* NULL: where RTP goes, one port higher */
    uint16_t remote_port;
    char cname[PLANE_CNAME_BYTES]; /* random printable ASCII (RFC 7022) */
};

/* Send reports from now on, and read those of the peer; the second time, that they go elsewhere. The
 * fd is the plane's from a successful call on, as in plane_open(). -EINVAL, -ENOENT. */
int plane_report(plane *p, uint64_t handle, const struct plane_rtcp *how);

/* Cut, then CLOSED. From now on the handle is good for plane_reap() alone. -ENOENT. */
int plane_close(plane *p, uint64_t handle);

/* After CLOSED: the call's figures; frees its place. Its sockets are closed. -ENOENT. */
int plane_reap(plane *p, uint64_t handle, struct plane_stats *out);

/* The figures of a call, as they were a round ago at the most; each of them for itself. -ENOENT. */
int plane_read_stats(plane *p, uint64_t handle, struct plane_stats *out);

/* How far it was a round ago; also of a plane that is gone. -ENOENT. */
int plane_read_progress(plane *p, uint64_t handle, struct plane_progress *out);

/* What is known of the peer up to now. -ENOENT. */
int plane_read_signs(plane *p, uint64_t handle, struct plane_signs *out);

/* Hand over commands that were held back. Returns 0, or PLANE_HELD when some still are. */
int plane_flush(plane *p);

/* Take up to max events, oldest first. Returns how many. They stay with the plane until they are acknowledged, in which
 * the newest number is the next argument of plane_acknowledge(); it may have no event. Where half of what can wait has
 * been taken and not acknowledged, the oldest are. */
int plane_take_events(plane *p, struct plane_event *out, int max);
uint64_t plane_newest(const plane *p);

/* All up to this number is through with: it is told to no other switch. -EINVAL: that was not taken. */
int plane_acknowledge(plane *p, uint64_t number);

/* Numbers count on from this one: a plane before this one had told so much. Also for switches to come. */
void plane_count_from(plane *p, uint64_t number);

/* The plane is gone: take also what is behind one that it never told. */
void plane_is_gone(plane *p);

/* Of all that a plane and a switch share: those of two versions do not talk to one another. */
uint32_t plane_link_version(void);
/* cdef: end */

#endif
