/* SRTP and SRTCP.
 *
 * OpenSSL's libcrypto does the arithmetic. AES is taken through EVP, which uses the processor's instructions
 * for it; setting a counter on a context that has its key allocates nothing. SHA-1 is taken through the plain
 * functions, since EVP_MD_CTX_copy_ex(), by which EVP would begin each HMAC, allocates in OpenSSL 3.0.
 *
 * Index. The upper bits of a packet's index are guessed from the highest that was seen (RFC 3711 section 3.3.1
 * and appendix A). A new key leaves the index as it is; but some peers begin anew with it, and
 * a source that is new may be older than it seems, so the first packet of a source under a key is also tried
 * with the next likely count of wraps. What has the right tag under the guess is what counts.
 *
 * New keys. Until the peer was heard to use its new key, and 2 s longer, its old one counts as well. Ours is
 * used as soon as the peer can know it: when we took its answer, else when it was heard to use its own, or after
 * a second.
 *
 * Twice the same counter under one key would give away what both packets say: what was sent is
 * remembered like what was received, and an index is never sent a second time.
 */
#include "srtp.h"

#include "commands.h"

#include "rtp.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

enum {
    KEY_BYTES = 16,
    SALT_BYTES = 14,
    HMAC_KEY_BYTES = 20,
    SHA_BLOCK_BYTES = 64,
    RTCP_HEAD_BYTES = 8, /* of a compound packet, legible */
    IV_BYTES = 16,
};

/* Labels of the key derivation (section 4.3.1 and 4.3.2); those of RTCP are 3 higher. */
enum { CIPHER_LABEL, HMAC_LABEL, SALT_LABEL, RTCP_LABELS };

#define ENCRYPTED 0x80000000u /* the E flag of SRTCP */
#define NO_INDEX UINT64_MAX

/* ---- Keys -------------------------------------------------------------------------------- */

static bool counter_mode(EVP_CIPHER_CTX *cipher, const uint8_t iv[IV_BYTES], const uint8_t *in,
                         uint8_t *out, size_t bytes)
{
    int done;
    return EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, iv) == 1 &&
           EVP_EncryptUpdate(cipher, out, &done, in, (int)bytes) == 1;
}

/* Section 4.3.1, with a key derivation rate of 0. */
static bool derive(EVP_CIPHER_CTX *master, const uint8_t *salt, int label, uint8_t *out, size_t bytes)
{
    static const uint8_t zeros[HMAC_KEY_BYTES];
    uint8_t iv[IV_BYTES] = {0};
    memcpy(iv, salt, SALT_BYTES);
    iv[7] ^= (uint8_t)label;
    return counter_mode(master, iv, zeros, out, bytes);
}

/* RFC 2104: the state of the hash behind the block that the key makes. */
static void begin_hmac(SHA_CTX *state, const uint8_t *key, uint8_t pad)
{
    uint8_t block[SHA_BLOCK_BYTES];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < HMAC_KEY_BYTES; i++)
        block[i] ^= key[i];
    SHA1_Init(state);
    SHA1_Update(state, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

static bool make_half(struct srtp_half *half, EVP_CIPHER_CTX *master, const uint8_t *salt, int labels)
{
    uint8_t key[KEY_BYTES], hmac[HMAC_KEY_BYTES];
    half->cipher = EVP_CIPHER_CTX_new();
    bool made = half->cipher && derive(master, salt, labels + CIPHER_LABEL, key, sizeof key) &&
                derive(master, salt, labels + HMAC_LABEL, hmac, sizeof hmac) &&
                derive(master, salt, labels + SALT_LABEL, half->salt, SALT_BYTES) &&
                EVP_EncryptInit_ex(half->cipher, EVP_aes_128_ctr(), NULL, key, NULL) == 1;
    if (made) {
        begin_hmac(&half->inner, hmac, 0x36);
        begin_hmac(&half->outer, hmac, 0x5c);
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(hmac, sizeof hmac);
    return made;
}

int srtp_make_key(struct srtp_key *key, uint64_t handle, const struct plane_key *from)
{
    if (!is_key(from))
        return -EINVAL;
    *key = (struct srtp_key){.tag_bytes = from->tag_bytes, .mki_bytes = from->mki_bytes};
    memcpy(key->mki, from->mki, from->mki_bytes);
    const uint8_t *salt = from->master + KEY_BYTES;
    EVP_CIPHER_CTX *master = EVP_CIPHER_CTX_new();
    bool made = master &&
                EVP_EncryptInit_ex(master, EVP_aes_128_ctr(), NULL, from->master, NULL) == 1 &&
                make_half(&key->rtp, master, salt, 0) &&
                make_half(&key->rtcp, master, salt, RTCP_LABELS);
    EVP_CIPHER_CTX_free(master);
    if (!made) {
        srtp_free_key(key);
        return -ENOMEM;
    }
    key->handle = handle;
    return 0;
}

void srtp_free_key(struct srtp_key *key)
{
    EVP_CIPHER_CTX_free(key->rtp.cipher); /* wipes its schedule */
    EVP_CIPHER_CTX_free(key->rtcp.cipher);
    OPENSSL_cleanse(key, sizeof *key);
}

/* ---- A packet ---------------------------------------------------------------------------- */

/* Sections 4.1.1 and 4.2: the counter of this packet, from whose `head` on is encrypted or decrypted. */
static bool cross(const struct srtp_half *half, uint32_t ssrc, uint64_t index, uint8_t *data, size_t bytes)
{
    uint8_t iv[IV_BYTES], mask[IV_BYTES] = {0};
    put_be32(mask + 4, ssrc);
    put_be32(mask + 8, (uint32_t)(index >> 16));
    put_be16(mask + 12, (uint16_t)index);
    for (size_t i = 0; i < IV_BYTES; i++)
        iv[i] = half->salt[i] ^ mask[i];
    return counter_mode(half->cipher, iv, data, data, bytes);
}

/* The tag of a packet, and of what is authenticated behind it: of RTP, how often its sequence has wrapped. */
static void sign(const struct srtp_half *half, const uint8_t *packet, size_t bytes, const uint8_t *behind,
                 size_t behind_bytes, uint8_t tag[SHA_DIGEST_LENGTH])
{
    SHA_CTX state = half->inner;
    SHA1_Update(&state, packet, bytes);
    SHA1_Update(&state, behind, behind_bytes);
    SHA1_Final(tag, &state);
    state = half->outer;
    SHA1_Update(&state, tag, SHA_DIGEST_LENGTH);
    SHA1_Final(tag, &state);
}

static void sign_rtp(const struct srtp_key *key, const uint8_t *packet, size_t bytes, uint64_t index,
                     uint8_t tag[SHA_DIGEST_LENGTH])
{
    uint8_t wraps[4];
    put_be32(wraps, (uint32_t)(index >> 16));
    sign(&key->rtp, packet, bytes, wraps, sizeof wraps, tag);
}

/* ---- Which packet it is ------------------------------------------------------------------ */

/* Appendix A of RFC 3711. NO_INDEX: from before the first wrap, where there was nothing. */
static uint64_t guess_index(const struct srtp_window *window, uint16_t sequence)
{
    if (!window->known)
        return sequence;
    uint64_t wraps = window->highest >> 16;
    int32_t ahead = (int32_t)sequence - (int32_t)(uint16_t)window->highest;
    if (ahead < -0x8000)
        wraps++;
    else if (ahead > 0x8000)
        wraps--;
    return wraps > UINT32_MAX ? NO_INDEX : wraps << 16 | sequence;
}

static bool was_here(const struct srtp_window *window, uint64_t index)
{
    if (!window->known || index > window->highest)
        return false;
    uint64_t back = window->highest - index;
    return back >= SRTP_WINDOW || window->seen >> back & 1;
}

static void note_index(struct srtp_window *window, uint64_t index)
{
    if (!window->known) {
        *window = (struct srtp_window){.known = true, .highest = index, .seen = 1};
    } else if (index > window->highest) {
        uint64_t step = index - window->highest;
        window->seen = step < SRTP_WINDOW ? window->seen << step | 1 : 1;
        window->highest = index;
    } else {
        window->seen |= UINT64_C(1) << (window->highest - index);
    }
}

/* ---- What is sent ------------------------------------------------------------------------ */

bool srtp_seal(struct srtp *srtp, uint8_t *packet, size_t head, size_t *bytes)
{
    const struct srtp_key *key = srtp->send;
    uint64_t index = guess_index(&srtp->sent, get_be16(packet + 2));
    uint8_t tag[SHA_DIGEST_LENGTH];
    if (!key || index == NO_INDEX || was_here(&srtp->sent, index) ||
        !cross(&key->rtp, get_be32(packet + 8), index, packet + head, *bytes - head))
        return false;
    note_index(&srtp->sent, index);
    sign_rtp(key, packet, *bytes, index, tag);
    memcpy(packet + *bytes, tag, key->tag_bytes);
    *bytes += key->tag_bytes;
    return true;
}

bool srtp_seal_rtcp(struct srtp *srtp, uint8_t *packet, size_t *bytes)
{
    const struct srtp_key *key = srtp->send;
    uint8_t tag[SHA_DIGEST_LENGTH];
    if (!key || srtp->sent_rtcp >= ENCRYPTED - 1)
        return false;
    uint32_t index = ++srtp->sent_rtcp;
    if (!cross(&key->rtcp, get_be32(packet + 4), index, packet + RTCP_HEAD_BYTES,
               *bytes - RTCP_HEAD_BYTES))
        return false;
    put_be32(packet + *bytes, index | ENCRYPTED);
    sign(&key->rtcp, packet, *bytes, packet + *bytes, SRTCP_INDEX_BYTES, tag);
    *bytes += SRTCP_INDEX_BYTES;
    memcpy(packet + *bytes, tag, SRTP_TAG_BYTES);
    *bytes += SRTP_TAG_BYTES;
    return true;
}

/* ---- What arrives ------------------------------------------------------------------------ */

static struct srtp_source *find_source(struct srtp *srtp, uint32_t ssrc)
{
    for (struct srtp_source *at = srtp->sources; at < srtp->sources + SRTP_SOURCES; at++)
        if ((at->rtp_key || at->rtcp_key) && at->ssrc == ssrc)
            return at;
    return NULL;
}

/* A place for one that is new and was authenticated: a free one, or that of whoever was not heard for
 * longest. */
static struct srtp_source *add_source(struct srtp *srtp, uint32_t ssrc)
{
    struct srtp_source *oldest = srtp->sources;
    for (struct srtp_source *at = oldest; at < srtp->sources + SRTP_SOURCES; at++)
        if (at->heard_tick < oldest->heard_tick)
            oldest = at;
    *oldest = (struct srtp_source){.ssrc = ssrc};
    return oldest;
}

/* The key was heard: what waited for that happens. */
static void note_key(struct srtp *srtp, const struct srtp_key *key, uint64_t tick)
{
    if (key != srtp->receive)
        return;
    if (srtp->next_send)
        srtp->next_send_tick = tick; /* the peer has ours, too */
    if (srtp->old_receive && !srtp->old_receive_tick)
        srtp->old_receive_tick = tick + SRTP_OVERLAP_TICKS;
}

enum verdict { GENUINE, AGAIN, FORGED };

/* A packet without its tag and MKI, under one key and with one count of wraps. */
static enum verdict try_index(const struct srtp_key *key, const struct srtp_window *window, uint64_t index,
                              const uint8_t *packet, size_t bytes, const uint8_t *tag)
{
    uint8_t right[SHA_DIGEST_LENGTH];
    if (index == NO_INDEX || was_here(window, index))
        return AGAIN;
    sign_rtp(key, packet, bytes, index, right);
    return CRYPTO_memcmp(tag, right, key->tag_bytes) ? FORGED : GENUINE;
}

/* How much of a packet is left without what is behind it; 0: it is too short, or has not this key's MKI. */
static size_t without_trailer(const struct srtp_key *key, const uint8_t *packet, size_t bytes, size_t least,
                              size_t tag_bytes)
{
    size_t trailer = key->mki_bytes + tag_bytes;
    if (bytes < least + trailer || memcmp(packet + bytes - trailer, key->mki, key->mki_bytes))
        return 0;
    return bytes - trailer;
}

static enum verdict open_with(struct srtp *srtp, const struct srtp_key *key, uint64_t tick, uint8_t *packet,
                              size_t head, size_t *bytes)
{
    static const struct srtp_window nothing;
    uint32_t ssrc = get_be32(packet + 8);
    uint16_t sequence = get_be16(packet + 2);
    size_t left = without_trailer(key, packet, *bytes, head, key->tag_bytes);
    if (!left)
        return FORGED;
    const uint8_t *tag = packet + *bytes - key->tag_bytes;
    struct srtp_source *source = find_source(srtp, ssrc);
    const struct srtp_window *window = source ? &source->rtp : &nothing;
    /* under a new key nothing was heard yet that could be here again */
    bool anew = key == srtp->receive && !(source && source->rtp_key == key->handle);
    uint64_t index = guess_index(window, sequence);
    enum verdict verdict = try_index(key, anew ? &nothing : window, index, packet, left, tag);
    if (anew && verdict != GENUINE) {
        index = (uint64_t)(index >> 16 ? 0 : 1) << 16 | sequence;
        verdict = try_index(key, &nothing, index, packet, left, tag);
    }
    for (uint32_t more = 0; anew && verdict != GENUINE && srtp->wraps_before && more < 2; more++) {
        index = (uint64_t)(srtp->wraps_before + more) << 16 | sequence;
        verdict = try_index(key, &nothing, index, packet, left, tag);
    }
    if (verdict != GENUINE)
        return verdict;
    srtp->heard_wraps = (uint32_t)(index >> 16);
    if (!source)
        source = add_source(srtp, ssrc);
    if (anew && index <= source->rtp.highest)
        source->rtp.known = false;
    if (!cross(&key->rtp, ssrc, index, packet + head, left - head))
        return FORGED;
    note_index(&source->rtp, index);
    if (key == srtp->receive || !source->rtp_key)
        source->rtp_key = key->handle;
    source->heard_tick = tick;
    note_key(srtp, key, tick);
    *bytes = left;
    return GENUINE;
}

/* Where the payload of an RTP packet begins; 0: it is none. */
static size_t head_of(const uint8_t *packet, size_t bytes)
{
    if (bytes < RTP_HEADER_BYTES || packet[0] >> 6 != 2)
        return 0;
    size_t head = RTP_HEADER_BYTES + (size_t)(packet[0] & 0x0f) * 4;
    if (packet[0] & 0x10) {
        if (bytes < head + 4)
            return 0;
        head += 4 + (size_t)get_be16(packet + head + 2) * 4;
    }
    return head <= bytes ? head : 0;
}

/* Counts what was not genuine under any key. */
static bool judge(enum verdict verdict, struct plane_stats *stats)
{
    if (verdict == AGAIN)
        stats->replayed++;
    else if (verdict == FORGED)
        stats->unauthentic++;
    return verdict == GENUINE;
}

bool srtp_open(struct srtp *srtp, uint64_t tick, uint8_t *packet, size_t *bytes,
               struct plane_stats *stats)
{
    size_t head = head_of(packet, *bytes);
    enum verdict verdict = FORGED;
    if (head && srtp->receive)
        verdict = open_with(srtp, srtp->receive, tick, packet, head, bytes);
    if (head && verdict != GENUINE && srtp->old_receive) {
        enum verdict old = open_with(srtp, srtp->old_receive, tick, packet, head, bytes);
        verdict = verdict == AGAIN && old == FORGED ? AGAIN : old;
    }
    return judge(verdict, stats);
}

static enum verdict open_rtcp_with(struct srtp *srtp, const struct srtp_key *key, uint64_t tick,
                                   uint8_t *packet, size_t *bytes)
{
    uint8_t right[SHA_DIGEST_LENGTH];
    size_t least = RTCP_HEAD_BYTES + SRTCP_INDEX_BYTES;
    size_t left = without_trailer(key, packet, *bytes, least, SRTP_TAG_BYTES);
    if (!left)
        return FORGED;
    left -= SRTCP_INDEX_BYTES;
    uint32_t ssrc = get_be32(packet + 4), marked = get_be32(packet + left);
    uint32_t index = marked & ~ENCRYPTED;
    struct srtp_source *source = find_source(srtp, ssrc);
    bool anew = key == srtp->receive && !(source && source->rtcp_key == key->handle);
    if (source && !anew && was_here(&source->rtcp, index))
        return AGAIN;
    sign(&key->rtcp, packet, left, packet + left, SRTCP_INDEX_BYTES, right);
    if (CRYPTO_memcmp(packet + *bytes - SRTP_TAG_BYTES, right, SRTP_TAG_BYTES) ||
        !(marked & ENCRYPTED) || /* that it is not was never agreed */
        !cross(&key->rtcp, ssrc, index, packet + RTCP_HEAD_BYTES, left - RTCP_HEAD_BYTES))
        return FORGED;
    if (!source)
        source = add_source(srtp, ssrc);
    if (anew && index <= source->rtcp.highest)
        source->rtcp.known = false;
    note_index(&source->rtcp, index);
    if (key == srtp->receive || !source->rtcp_key)
        source->rtcp_key = key->handle;
    source->heard_tick = tick;
    note_key(srtp, key, tick);
    *bytes = left;
    return GENUINE;
}

bool srtp_open_rtcp(struct srtp *srtp, uint64_t tick, uint8_t *packet, size_t *bytes,
                    struct plane_stats *stats)
{
    enum verdict verdict = FORGED;
    if (srtp->receive)
        verdict = open_rtcp_with(srtp, srtp->receive, tick, packet, bytes);
    if (verdict != GENUINE && srtp->old_receive) {
        enum verdict old = open_rtcp_with(srtp, srtp->old_receive, tick, packet, bytes);
        verdict = verdict == AGAIN && old == FORGED ? AGAIN : old;
    }
    return judge(verdict, stats);
}
