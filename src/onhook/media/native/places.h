/* Numbered places that are given out and taken back, and the handles of what is in them; the caller's.
 *
 * A handle is the number of a place, and how often the place was given out: one that was taken back is not
 * mistaken for whoever has the place now. No handle is 0. Whoever goes on with the places of another begins to count
 * where nobody has counted yet.
 */
#ifndef ONHOOK_PLACES_H
#define ONHOOK_PLACES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define NO_PLACE UINT32_MAX

struct place {
    uint32_t generation; /* 0: never given out */
    uint32_t next;       /* of those taken back */
    bool taken;
};

struct places {
    struct place *all;
    uint32_t count;
    uint32_t fresh;     /* from here on none was ever given out, and no memory touched */
    uint32_t given_back; /* the last; NO_PLACE: none */
    uint32_t generation; /* where counting begins */
};

static inline uint32_t handle_index(uint64_t handle)
{
    return (uint32_t)handle;
}

static inline bool places_make(struct places *places, uint32_t count)
{
    *places = (struct places){
        .all = calloc(count, sizeof *places->all), .count = count, .given_back = NO_PLACE};
    return places->all != NULL;
}

/* NO_PLACE: all are taken. */
static inline uint32_t places_take(struct places *places)
{
    uint32_t index = places->given_back;
    if (index != NO_PLACE)
        places->given_back = places->all[index].next;
    else if (places->fresh < places->count)
        index = places->fresh++;
    else
        return NO_PLACE;
    if (!places->all[index].generation)
        places->all[index].generation = places->generation;
    if (++places->all[index].generation == 0)
        places->all[index].generation = 1;
    places->all[index].taken = true;
    return index;
}

static inline void places_give_back(struct places *places, uint32_t index)
{
    places->all[index].taken = false;
    places->all[index].next = places->given_back;
    places->given_back = index;
}

static inline uint64_t places_handle(const struct places *places, uint32_t index)
{
    return (uint64_t)places->all[index].generation << 32 | index;
}

/* NO_PLACE: the handle was never given out, or taken back. */
static inline uint32_t places_find(const struct places *places, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (index >= places->fresh || !places->all[index].taken)
        return NO_PLACE;
    return places_handle(places, index) == handle ? index : NO_PLACE;
}

/* For whoever goes on with another's, before anything is taken: this place is. False: it is no place, or it is taken. */
static inline bool places_adopt(struct places *places, uint64_t handle)
{
    uint32_t index = handle_index(handle);
    if (index >= places->count || places->all[index].taken)
        return false;
    places->all[index] = (struct place){.generation = (uint32_t)(handle >> 32), .taken = true};
    if (index >= places->fresh)
        places->fresh = index + 1;
    return true;
}

/* That was all of them. */
static inline void places_adopted(struct places *places, uint32_t generation)
{
    places->generation = generation;
    for (uint32_t i = 0; i < places->fresh; i++)
        if (!places->all[i].taken)
            places_give_back(places, i);
}

#endif
