/* The switch's side: from attaching to a link until it is let go. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool make_places(struct plane *p)
{
    const struct plane_config *config = &p->config;
    uint32_t segments = segment_count(config);
    bool places = places_make(&p->call_places, config->max_calls) &&
                  places_make(&p->prompt_places, segments) &&
                  places_make(&p->segment_places, segments) &&
                  places_make(&p->room_places, room_count(config)) &&
                  places_make(&p->recording_places, recording_count(config));
    p->calls = calloc(config->max_calls, sizeof *p->calls);
    p->prompts = calloc(segments, sizeof *p->prompts);
    p->segments = calloc(segments, sizeof *p->segments);
    p->recordings = calloc(recording_count(config), sizeof *p->recordings);
    p->room_closing = calloc(room_count(config), sizeof *p->room_closing);
    p->room_left = calloc(room_count(config), sizeof *p->room_left);
    return places && p->calls && p->prompts && p->segments && p->recordings &&
           p->room_closing && p->room_left;
}

static void free_plane(struct plane *p)
{
    drop_held(p);
    link_unmap(&p->link);
    free(p->call_places.all);
    free(p->prompt_places.all);
    free(p->segment_places.all);
    free(p->room_places.all);
    free(p->recording_places.all);
    free(p->calls);
    free(p->prompts);
    free(p->segments);
    free(p->found);
    free(p->left);
    free(p->recordings);
    free(p->room_closing);
    free(p->room_left);
    free(p);
}

int plane_attach(plane **out, const struct plane_link *link)
{
    struct plane *p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    int result = link_map(link->memory, &p->link, &p->config);
    if (result >= 0 && !make_places(p))
        result = -ENOMEM;
    if (result < 0) {
        free_plane(p);
        return result;
    }
    p->commands = link_producer(&p->link.header->commands, p->config.command_ring);
    p->endings = link_consumer(&p->link.header->endings, p->config.event_ring);
    for (uint32_t i = 0; i < p->config.threads; i++)
        p->reports[i] = link_consumer(&p->link.header->reports[i], p->config.event_ring);
    take_up(p);
    result = take_over(p);
    if (result < 0) {
        free_plane(p);
        return result;
    }
    p->fds = *link;
    atomic_store(&p->link.header->attended, p->link.header->generation);
    *out = p;
    return 0;
}

/* The memory first: once the socket is closed, the plane cleans it for the next one. */
void plane_detach(plane *p)
{
    struct plane_link fds = p->fds;
    free_plane(p);
    close(fds.memory);
    close(fds.commands);
    close(fds.events);
    close(fds.control);
}

/* Descriptors of our own of what the host has, and the far ends that it gives away. */
static int attach_to(struct plane_link *link, plane **out)
{
    struct plane_link ours = {fcntl(link->memory, F_DUPFD_CLOEXEC, 3),
                              fcntl(link->commands, F_DUPFD_CLOEXEC, 3),
                              fcntl(link->events, F_DUPFD_CLOEXEC, 3),
                              fcntl(link->control, F_DUPFD_CLOEXEC, 3)};
    bool whole = ours.memory >= 0 && ours.commands >= 0 && ours.events >= 0 && ours.control >= 0;
    int result = whole ? plane_attach(out, &ours) : -EMFILE;
    const int fds[] = {ours.memory, ours.commands, ours.events, ours.control};
    for (size_t i = 0; result < 0 && i < 4; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return result;
}

int plane_start(plane **out, const struct plane_config *config)
{
    plane_host *host;
    struct plane_link link;
    int result = plane_host_start(&host, config, 1, &link);
    if (result < 0)
        return result;
    result = attach_to(&link, out);
    if (result < 0) {
        plane_host_stop(host);
        return result;
    }
    plane_host_handed_over(host);
    (*out)->host = host;
    return 0;
}

/* The host first: it might take the end of the link for that of the switch. */
void plane_stop(plane *p)
{
    if (p->host)
        plane_host_stop(p->host);
    plane_detach(p);
}

int plane_event_fd(const plane *p)
{
    return p->fds.events;
}

int plane_control_fd(const plane *p)
{
    return p->fds.control;
}

void plane_about(const plane *p, struct plane_about *out)
{
    *out = (struct plane_about){
        .pid = p->link.header->pid,
        .generation = p->link.header->generation,
        .max_calls = p->config.max_calls,
        .sockets = p->link.header->sockets,
    };
}

void plane_health(const plane *p, struct plane_health *out)
{
    const struct link_health *health = &p->link.header->health;
    out->calls = atomic_load(&health->calls);
    out->skipped_rounds = atomic_load(&health->skipped_rounds);
    out->late_max_ns = atomic_load(&health->late_max_ns);
    out->scheduling = atomic_load(&health->scheduling);
    out->refused = atomic_load(&health->refused);
    out->unauthentic = atomic_load(&health->unauthentic);
    out->replayed = atomic_load(&health->replayed);
    /* in the order in which a command goes, or one would be missed on its way */
    out->waiting = p->published - atomic_load(&health->admitted);
    out->waiting += atomic_load(&health->handed_on) - atomic_load(&health->followed);
}
