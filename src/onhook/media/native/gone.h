/* What the media thread is through with, for the clerk to free: a list that one adds to and the other takes whole,
 * so that there is room for all that there is. */
#ifndef ONHOOK_GONE_H
#define ONHOOK_GONE_H

#include <stdatomic.h>
#include <stddef.h>

enum gone_kind { GONE_CALL, GONE_ROOM, GONE_PROMPT, GONE_KEY };

/* Stands in what it is about. */
struct gone {
    struct gone *next;
    enum gone_kind kind;
};

#define gone_of(one, type) ((type *)(void *)((char *)(one) - offsetof(type, gone)))

static inline void gone_add(struct gone *_Atomic *list, struct gone *one, enum gone_kind kind)
{
    struct gone *first = atomic_load(list);
    one->kind = kind;
    do
        one->next = first;
    while (!atomic_compare_exchange_weak(list, &first, one));
}

/* All of them, the last one first. */
static inline struct gone *gone_take(struct gone *_Atomic *list)
{
    return atomic_exchange(list, NULL);
}

#endif
