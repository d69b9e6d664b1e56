/* What a plane shows of its calls: read by its switch, and out of its memory once it is dead, by another one. */
#define _GNU_SOURCE
#include "caller.h"

#include <errno.h>
#include <stdlib.h>

struct remains {
    struct link_memory link;
    struct plane_config config;
};

void read_progress(const struct signs *signs, struct plane_progress *out)
{
    *out = (struct plane_progress){
        .play_id = atomic_load_explicit(&signs->playing, memory_order_relaxed),
        .progress = atomic_load_explicit(&signs->progress, memory_order_relaxed),
        .heard_wraps = atomic_load_explicit(&signs->heard_wraps, memory_order_relaxed),
        .over = atomic_load_explicit(&signs->over, memory_order_relaxed),
        .press = {atomic_load_explicit(&signs->press[0], memory_order_relaxed),
                  atomic_load_explicit(&signs->press[1], memory_order_relaxed)},
    };
}

void read_signs(const struct signs *signs, struct plane_signs *out)
{
    out->heard_ns = atomic_load_explicit(&signs->heard_ns, memory_order_relaxed);
    out->received_ns = atomic_load_explicit(&signs->received_ns, memory_order_relaxed);
}

void read_figures(const struct signs *signs, struct plane_stats *out)
{
    uint64_t figures[FIGURES];
    for (size_t i = 0; i < FIGURES; i++)
        figures[i] = atomic_load_explicit(&signs->figures[i], memory_order_relaxed);
    memcpy(out, figures, sizeof figures);
}

int plane_remains_open(plane_remains **out, int memory)
{
    struct remains *remains = calloc(1, sizeof *remains);
    if (!remains)
        return -ENOMEM;
    int result = link_map(memory, &remains->link, &remains->config);
    if (result < 0) {
        free(remains);
        return result;
    }
    *out = remains;
    return 0;
}

void plane_remains_close(plane_remains *remains)
{
    link_unmap(&remains->link);
    free(remains);
}

int plane_remains_pid(const plane_remains *remains)
{
    return remains->link.header->pid;
}

int plane_remains_read(const plane_remains *remains, uint64_t handle, struct plane_progress *progress,
                       struct plane_signs *signs, struct plane_stats *stats)
{
    uint32_t index = handle_index(handle);
    if (!handle || index >= remains->config.max_calls)
        return -ENOENT;
    read_progress(&remains->link.signs[index], progress);
    read_signs(&remains->link.signs[index], signs);
    read_figures(&remains->link.signs[index], stats);
    return 0;
}

/* ---- What it told -------------------------------------------------------------------------- */

/* Of one ring: the entries from `next` to `end` are told, and not all of them acknowledged. */
struct told {
    const struct report *entries;
    uint32_t size, next, end;
};

/* One with cursors that make no sense has none. */
static struct told told_in(const struct remains *remains, uint32_t ring)
{
    bool endings = ring == remains->config.threads;
    const struct link_header *header = remains->link.header;
    const struct link_cursors *cursors = endings ? &header->endings : &header->reports[ring];
    struct told told = {
        .entries = endings ? remains->link.ending : remains->link.report[ring],
        .size = remains->config.event_ring,
        .next = atomic_load(&cursors->head.value),
        .end = atomic_load(&cursors->tail.value),
    };
    if (told.end - told.next > told.size)
        told.next = told.end;
    return told;
}

static const struct report *next_told(struct told *told)
{
    return told->next == told->end ? NULL : &told->entries[told->next++ & (told->size - 1)];
}

int plane_remains_digits(const plane_remains *remains, uint64_t handle, uint64_t after,
                         struct plane_left_digit *out, int max)
{
    uint64_t before = atomic_load(&remains->link.header->before);
    const struct report *report;
    int count = 0;
    for (uint32_t ring = 0; ring < remains->config.threads; ring++) {
        struct told told = told_in(remains, ring);
        while ((report = next_told(&told))) {
            if (report->kind != PLANE_DIGIT || report->call != handle || before + report->serial <= after)
                continue;
            if (count < max)
                out[count] = (struct plane_left_digit){before + report->serial, report->digit};
            count++;
        }
    }
    return count;
}

uint64_t plane_remains_newest(const plane_remains *remains)
{
    uint64_t newest = atomic_load(&remains->link.header->acknowledged);
    const struct report *report;
    for (uint32_t ring = 0; ring <= remains->config.threads; ring++) {
        struct told told = told_in(remains, ring);
        while ((report = next_told(&told)))
            if (report->serial > newest)
                newest = report->serial;
    }
    return atomic_load(&remains->link.header->before) + newest;
}
