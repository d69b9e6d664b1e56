/* What an earlier switch has left in the plane: read when a switch begins, then adopted or let go.
 *
 * The list was made when the last link ended. What has happened since is among what is told, or will be: a call that it
 * has may be CLOSED there, a segment PLAYED. What of the list makes no sense is the end of the link.
 */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- Reading the list ---------------------------------------------------------------------- */

static bool read_call(struct plane *p, uint32_t at)
{
    struct listed_call listed;
    link_copy(&listed, &p->link.listed_call[at], sizeof listed);
    bool family = listed.family == AF_INET || listed.family == AF_INET6;
    if (!listed.handle || !family || !places_adopt(&p->call_places, listed.handle))
        return false;
    p->calls[handle_index(listed.handle)] = (struct caller_call){
        .family = listed.family,
        .has_rtcp = listed.has_rtcp,
        .is_protected = listed.is_protected,
        .closing = listed.closing,
        .left = true,
    };
    if (!listed.closing)
        p->found[p->found_count++] = (struct plane_found){
            .handle = listed.handle, .last_play = listed.last_play, .bridged_to = listed.bridged_to,
            .room = listed.room, .port = listed.port};
    return true;
}

static bool read_room(struct plane *p, uint32_t at)
{
    struct listed_room listed;
    link_copy(&listed, &p->link.listed_room[at], sizeof listed);
    if (!listed.handle || !places_adopt(&p->room_places, listed.handle))
        return false;
    p->room_left[handle_index(listed.handle)] = true;
    p->room_closing[handle_index(listed.handle)] = listed.closing;
    return true;
}

static bool read_recording(struct plane *p, uint32_t at)
{
    struct listed_recording listed;
    link_copy(&listed, &p->link.listed_recording[at], sizeof listed);
    if (!listed.handle || !places_adopt(&p->recording_places, listed.handle))
        return false;
    p->left[p->left_count++] = (struct left_recording){
        .handle = listed.handle, .call = listed.call, .tag = listed.tag, .has_place = true};
    uint32_t call = find(p, listed.call);
    if (call != NO_PLACE)
        p->calls[call].recordings++;
    return true;
}

/* Its prompt was dropped, and is there until the last that plays it is reported. */
static bool read_prompt(struct plane *p, uint64_t handle, uint32_t *index)
{
    *index = handle ? handle_index(handle) : NO_PLACE;
    if (!handle)
        return true;
    if (places_find(&p->prompt_places, handle) == NO_PLACE && !places_adopt(&p->prompt_places, handle))
        return false;
    p->prompts[*index].dropped = true;
    p->prompts[*index].uses++;
    return true;
}

static bool read_segment(struct plane *p, uint32_t at)
{
    struct listed_segment listed;
    uint32_t prompt;
    link_copy(&listed, &p->link.listed_segment[at], sizeof listed);
    uint32_t call = find(p, listed.call);
    if (!places_adopt(&p->segment_places, listed.number) || !read_prompt(p, listed.prompt, &prompt))
        return false;
    p->segments[listed.number] = (struct caller_segment){listed.call, listed.play_id, prompt};
    if (call != NO_PLACE)
        p->calls[call].queued++;
    return true;
}

static bool read_all(struct plane *p, uint32_t count, bool (*read)(struct plane *p, uint32_t at))
{
    for (uint32_t i = 0; i < count; i++)
        if (!read(p, i))
            return false;
    return true;
}

/* Recordings that ended before the list was made, or since: their end was not acknowledged. */
static void read_recorded(struct plane *p, uint32_t most)
{
    int64_t waiting = link_waiting(&p->endings);
    for (int64_t i = 0; i < waiting; i++) {
        struct report report;
        uint32_t at = (p->endings.own + (uint32_t)i) & (p->endings.size - 1);
        link_copy(&report, &p->link.ending[at], sizeof report);
        if (!report.room && report.kind == PLANE_RECORDED && report.number && p->left_count < most &&
            !find_left(p, report.number))
            p->left[p->left_count++] =
                (struct left_recording){.handle = report.number, .call = report.call, .tag = report.tag};
    }
}

static bool is_listing(const struct plane *p, const struct listing *listing)
{
    return listing->calls <= p->config.max_calls && listing->rooms <= room_count(&p->config) &&
           listing->recordings <= recording_count(&p->config) &&
           listing->segments <= segment_count(&p->config);
}

int take_over(struct plane *p)
{
    struct listing listing;
    link_copy(&listing, &p->link.header->listing, sizeof listing);
    if (!is_listing(p, &listing))
        return -EPROTO;
    uint32_t recordings = listing.recordings + p->config.event_ring;
    p->found = calloc((size_t)listing.calls + 1, sizeof *p->found);
    p->left = calloc(recordings, sizeof *p->left);
    if (!p->found || !p->left)
        return -ENOMEM;
    if (!read_all(p, listing.calls, read_call) || !read_all(p, listing.rooms, read_room) ||
        !read_all(p, listing.recordings, read_recording) || !read_all(p, listing.segments, read_segment))
        return -EPROTO;
    read_recorded(p, recordings);
    places_adopted(&p->call_places, listing.generation);
    places_adopted(&p->prompt_places, listing.generation);
    places_adopted(&p->segment_places, 0);
    places_adopted(&p->room_places, listing.generation);
    places_adopted(&p->recording_places, listing.generation);
    return 0;
}

/* ---- Adopting ------------------------------------------------------------------------------ */

static bool is_left(const struct plane *p, uint64_t call)
{
    uint32_t index = find_open(p, call);
    return index != NO_PLACE && p->calls[index].left;
}

int plane_found(const plane *p, struct plane_found *out, int max)
{
    int count = 0;
    for (uint32_t i = 0; i < p->found_count; i++) {
        if (!is_left(p, p->found[i].handle))
            continue;
        if (count < max) {
            out[count] = p->found[i];
            out[count].queued = p->calls[handle_index(out[count].handle)].queued;
        }
        count++;
    }
    return count;
}

int plane_found_recordings(const plane *p, struct plane_found_recording *out, int max)
{
    int count = 0;
    for (uint32_t i = 0; i < p->left_count; i++) {
        const struct left_recording *left = &p->left[i];
        if (!left->handle || left->adopted)
            continue;
        if (count < max)
            out[count] = (struct plane_found_recording){left->call, left->handle, left->tag};
        count++;
    }
    return count;
}

int plane_adopt(plane *p, uint64_t handle)
{
    if (!is_left(p, handle))
        return -ENOENT;
    p->calls[handle_index(handle)].left = false;
    return 0;
}

int plane_adopt_room(plane *p, uint64_t handle)
{
    uint32_t index = places_find(&p->room_places, handle);
    if (index == NO_PLACE || !p->room_left[index] || p->room_closing[index])
        return -ENOENT;
    p->room_left[index] = false;
    return 0;
}

struct left_recording *find_left(const struct plane *p, uint64_t recording)
{
    for (uint32_t i = 0; recording && i < p->left_count; i++)
        if (p->left[i].handle == recording)
            return &p->left[i];
    return NULL;
}

int plane_adopt_recording(plane *p, uint64_t recording)
{
    struct left_recording *left = find_left(p, recording);
    if (!left || left->adopted)
        return -ENOENT;
    left->adopted = true;
    return 0;
}

/* ---- Letting go ---------------------------------------------------------------------------- */

/* Of a call that was adopted; the others end with theirs. */
static int stop_recording(struct plane *p, const struct left_recording *left)
{
    if (!left->handle || left->adopted || left->done || find_open(p, left->call) == NO_PLACE)
        return 0;
    return plane_record_stop(p, left->call, left->handle);
}

int plane_let_go_of_rest(plane *p)
{
    int calls = 0, result = 0;
    for (uint32_t i = 0; i < p->found_count && result >= 0; i++) {
        if (!is_left(p, p->found[i].handle))
            continue;
        result = plane_close(p, p->found[i].handle);
        calls++;
    }
    for (uint32_t i = 0; i < p->room_places.fresh && result >= 0; i++)
        if (p->room_places.all[i].taken && p->room_left[i] && !p->room_closing[i])
            result = plane_close_room(p, places_handle(&p->room_places, i));
    for (uint32_t i = 0; i < p->left_count && result >= 0; i++)
        result = stop_recording(p, &p->left[i]);
    return result < 0 ? result : calls;
}

uint32_t plane_leaving(const plane *p)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->call_places.fresh; i++)
        count += p->call_places.all[i].taken && p->calls[i].left;
    for (uint32_t i = 0; i < p->left_count; i++)
        count += p->left[i].handle && !p->left[i].adopted && !p->left[i].done;
    return count;
}
