/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A hash map from text to a pointer. Insertion order is kept when walking, so that the same inputs
 * give the same walk on every machine. Keys are copied; values are borrowed unless a free function
 * is given. */

#include <stdbool.h>

#include "lib/base/macros.h"

typedef struct MapEntry {
        char *key; /* NULL: this entry was removed */
        uint64_t hash;
        void *value;
} MapEntry;

/* All zeroes is a valid empty map. */
typedef struct Map {
        MapEntry *entries; /* in order of insertion, removed ones included until the next growth */
        uint32_t *slots;   /* 1 + index into entries; 0 is free */
        size_t n_entries;
        size_t n_live;
        size_t n_slots; /* 0 or a power of two */
        uint64_t seed;  /* set it before the first insertion where keys come from an attacker */
        void (*value_free)(void *value);
} Map;

/** map_deinit() - Free the map's memory, and its values when value_free is set */
void map_deinit(Map *map);

/** map_get() - The value of a key, or NULL */
void *map_get(const Map *map, const char *key);

/** map_contains() - Whether the key is there, also with a NULL value */
bool map_contains(const Map *map, const char *key);

/**
 * map_put() - Set the value of a key
 * @map:   map
 * @key:   copied
 * @value: replaces an older value, which is freed when value_free is set
 *
 * Return: 0; -ENOMEM, and then nothing has changed.
 */
int map_put(Map *map, const char *key, void *value);

/**
 * map_remove() - Take a key out
 * @map: map
 * @key: key
 *
 * Return: its value, which is now the caller's; NULL when it was not there.
 */
void *map_remove(Map *map, const char *key);

/**
 * map_number() - The number under a key of a map of numbers
 * @map:     its value_free is free()
 * @key:     copied
 * @initial: what it is when the key was not there yet
 *
 * Return: the number, the map's; NULL when there is no memory to note it.
 */
uint64_t *map_number(Map *map, const char *key, uint64_t initial);

/** map_size() - Number of keys */
static inline size_t map_size(const Map *map)
{
        return map->n_live;
}

/**
 * map_next() - Walk the map in order of insertion
 * @map:   map; keys may be removed while walking, but not added
 * @index: 0 to begin; advanced
 *
 * Return: the next entry, or NULL at the end.
 */
static inline const MapEntry *map_next(const Map *map, size_t *index)
{
        while (*index < map->n_entries) {
                const MapEntry *entry = &map->entries[(*index)++];

                if (entry->key)
                        return entry;
        }
        return NULL;
}

/* MAP_FOREACH() - Walk all entries; `entry` is a const MapEntry pointer declared here. */
#define MAP_FOREACH(entry, map)                                                                    \
        for (size_t entry##_index = 0, entry##_once = 1; entry##_once; entry##_once = 0)           \
                for (const MapEntry *entry; (entry = map_next((map), &entry##_index));)
